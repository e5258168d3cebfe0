#include "core/service.h"

#include "core/text.h"

#include <ctime>

namespace cbr {
namespace {

std::string service_url(std::string base_url, const std::string &path_and_query)
{
    while (!base_url.empty() && base_url.back() == '/')
        base_url.pop_back();
    return base_url + path_and_query;
}

DocumentSource source_of(const HttpAnswer &answer)
{
    return {"answer from " + answer.host,
            "GET " + answer.url + "; HTTP status " + std::to_string(answer.status) + "; content type " +
                quoted_excerpt(answer.content_type) + "; " + described(answer.body) + ".",
            "Try again later. If it stays so, the service's documents have changed: please report it with this message."};
}

} // namespace

FetchedPublication fetch_daily(HttpSession &session, const std::string &base_url, std::optional<Date> on_date,
                               const HttpOptions &options, ShouldStop should_stop)
{
    if (on_date)
        ensure_in_archive(*on_date);
    const std::string path = "/scripts/XML_daily.asp" + (on_date ? "?date_req=" + on_date->request() : "");
    FetchedPublication fetched;
    fetched.answer = session.get(service_url(base_url, path), options, should_stop);
    const DocumentSource source = source_of(fetched.answer);
    fetched.publication = read_daily(fetched.answer.body, source);
    if (on_date)
        ensure_in_force(fetched.publication, *on_date, today_in_moscow(std::time(nullptr)), source);
    fetched.bytes = fetched.answer.body.size();
    fetched.answer.body = {};
    return fetched;
}

} // namespace cbr
