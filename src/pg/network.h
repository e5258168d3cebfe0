// This backend's way to the Bank: one HTTP session, kept open from one call to the next.
#pragma once
#include "pg/guard.h"
#include "pg/postgres_headers.h"

namespace cbr::pg {

// The service by the settings in force. To be called inside run_network().
Service bank();

// What pg_stat_activity shows while a backend waits for the network.
uint32 network_wait_event();

// run_core() for code that uses the network.
template <class Body> void run_network(const Body &body)
{
    static_assert(std::is_trivially_destructible_v<Body>);
    pgstat_report_wait_start(network_wait_event());
    Failure failure;
    const bool succeeded = try_core(body, failure);
    pgstat_report_wait_end();
    if (!succeeded)
        raise(failure);
}

} // namespace cbr::pg
