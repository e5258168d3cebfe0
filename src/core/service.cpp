#include "core/service.h"

#include "core/text.h"

#include <ctime>
#include <unordered_set>

namespace cbr {
namespace {

std::string service_url(std::string base_url, const std::string &path_and_query)
{
    while (!base_url.empty() && base_url.back() == '/')
        base_url.pop_back();
    return base_url + path_and_query;
}

std::string range_query(DateRange range)
{
    return "?date_req1=" + range.first.request() + "&date_req2=" + range.last.request();
}

DocumentSource source_of(const HttpAnswer &answer)
{
    return {
        "answer from " + answer.host,
        answer.asked + "; HTTP status " + std::to_string(answer.status) + "; content type " +
            quoted_excerpt(answer.content_type) + "; " + described(answer.body) + ".",
        "Try again later. If it stays so, the service's documents have changed: please report it with this message."};
}

HttpAnswer get(const Service &service, const HttpRequest &request)
{
    return service.session.get(request, service.options, service.should_stop);
}

} // namespace

HttpRequest daily_request(const std::string &base_url, std::optional<Date> on_date)
{
    if (on_date)
        ensure_in_archive(*on_date);
    return service_url(base_url, "/scripts/XML_daily.asp" + (on_date ? "?date_req=" + on_date->request() : ""));
}

FetchedPublication read_daily_answer(HttpAnswer answer, std::optional<Date> on_date)
{
    FetchedPublication fetched;
    fetched.answer = std::move(answer);
    const DocumentSource source = source_of(fetched.answer);
    fetched.publication = read_daily(fetched.answer.body, source);
    if (on_date)
        ensure_in_force(fetched.publication, *on_date, today_in_moscow(std::time(nullptr)), source);
    fetched.bytes = fetched.answer.body.size();
    fetched.answer.body = {};
    return fetched;
}

FetchedPublication fetch_daily(const Service &service, std::optional<Date> on_date)
{
    return read_daily_answer(get(service, daily_request(service.base_url, on_date)), on_date);
}

HttpRequest dynamic_request(const std::string &base_url, const std::string &cbr_id, DateRange range)
{
    return service_url(base_url, "/scripts/XML_dynamic.asp" + range_query(range) + "&VAL_NM_RQ=" + cbr_id);
}

std::vector<SeriesRecord> read_dynamic_answer(const HttpAnswer &answer, const std::string &cbr_id, DateRange range)
{
    return read_dynamic(answer.body, source_of(answer), cbr_id, range);
}

std::vector<SeriesRecord> fetch_dynamic(const Service &service, const std::string &cbr_id, DateRange range)
{
    return read_dynamic_answer(get(service, dynamic_request(service.base_url, cbr_id, range)), cbr_id, range);
}

std::vector<HttpRequest> catalogue_requests(const std::string &base_url)
{
    return {service_url(base_url, "/scripts/XML_valFull.asp?d=0"),
            service_url(base_url, "/scripts/XML_valFull.asp?d=1")};
}

std::vector<CatalogueEntry> read_catalogue_answer(const HttpAnswer &answer)
{
    return read_catalogue(answer.body, source_of(answer));
}

std::vector<CatalogueEntry> fetch_catalogue(const Service &service)
{
    std::vector<CatalogueEntry> entries;
    std::unordered_set<std::string> known;
    for (const HttpRequest &request : catalogue_requests(service.base_url))
        for (CatalogueEntry &entry : read_catalogue_answer(get(service, request)))
            if (known.insert(entry.cbr_id).second)
                entries.push_back(std::move(entry));
    return entries;
}

std::vector<MetalPrice> fetch_metals(const Service &service, DateRange range)
{
    const HttpAnswer answer =
        get(service, service_url(service.base_url, "/scripts/xml_metall.asp" + range_query(range)));
    return read_metals(answer.body, source_of(answer), range);
}

std::vector<KeyRate> fetch_key_rates(const Service &service, DateRange range)
{
    const HttpAnswer answer = get(service, {service_url(service.base_url, "/DailyInfoWebServ/DailyInfo.asmx"),
                                            key_rate_envelope(range), key_rate_action});
    return read_key_rates(answer.body, source_of(answer), range);
}

} // namespace cbr
