// This backend's way to the Bank: one HTTP session, kept open from one call to the next.
#pragma once
#include "pg/postgres_headers.h"

#include <optional>

namespace cbr::pg {

// The publication in force on the date, by the settings in force. To be called inside run_core(): throws Error.
FetchedPublication fetch_daily_by_settings(std::optional<Date> on_date);

} // namespace cbr::pg
