#include "pg/network.h"

#include "pg/guard.h"
#include "pg/settings.h"

namespace cbr::pg {
namespace {

// Never destroyed: a backend may exit in the middle of a transfer, while libcurl's resolver thread still runs.
HttpSession &http_session()
{
    static HttpSession *session = new HttpSession();
    return *session;
}

} // namespace

FetchedPublication fetch_daily_by_settings(std::optional<Date> on_date)
{
    return fetch_daily(http_session(), base_url(), on_date, http_options(), should_stop);
}

} // namespace cbr::pg
