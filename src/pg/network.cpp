#include "pg/network.h"

#include "pg/settings.h"

namespace cbr::pg {
namespace {

// Never destroyed: a backend may exit in the middle of a transfer, while libcurl's resolver thread still runs.
HttpSession &http_session()
{
    static auto *session = new HttpSession();
    return *session;
}

} // namespace

Service bank() { return {http_session(), base_url(), http_options(), should_stop}; }

uint32 network_wait_event()
{
    static uint32 event = 0;
    if (event == 0)
        event = own_wait_event("CbrNetwork");
    return event;
}

} // namespace cbr::pg
