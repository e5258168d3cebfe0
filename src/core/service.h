// The Bank's service: which request asks for what, and the way from a request to what the answer says.
#pragma once
#include "core/catalogue.h"
#include "core/daily.h"
#include "core/dynamic.h"
#include "core/fence.h"
#include "core/http.h"
#include "core/key_rate.h"
#include "core/metals.h"

#include <optional>
#include <string>
#include <vector>

namespace cbr {

// What is needed to ask the service.
struct Service {
    HttpSession &session;
    std::string base_url;
    HttpOptions options;
    ShouldStop should_stop;
};

struct FetchedPublication {
    HttpAnswer answer; // its body is dropped once read
    std::size_t bytes = 0;
    Publication publication;
};

// The publication in force on `on_date`, or the latest one. Throws Error; see http.h and daily.h.
FetchedPublication fetch_daily(const Service &service, std::optional<Date> on_date);

// A request for a queue, and the reading of the answer to it, apart: of the publication, of the records of a currency
// in a range, and of the two catalogues, of currencies that are set daily and monthly.
HttpRequest daily_request(const std::string &base_url, std::optional<Date> on_date);
FetchedPublication read_daily_answer(HttpAnswer answer, std::optional<Date> on_date);
HttpRequest dynamic_request(const std::string &base_url, const std::string &cbr_id, DateRange range);
std::vector<SeriesRecord> read_dynamic_answer(const HttpAnswer &answer, const std::string &cbr_id, DateRange range);
std::vector<HttpRequest> catalogue_requests(const std::string &base_url);
std::vector<CatalogueEntry> read_catalogue_answer(const HttpAnswer &answer);

std::vector<SeriesRecord> fetch_dynamic(const Service &service, const std::string &cbr_id, DateRange range);

// Both catalogues, each currency once.
std::vector<CatalogueEntry> fetch_catalogue(const Service &service);

std::vector<MetalPrice> fetch_metals(const Service &service, DateRange range);
std::vector<KeyRate> fetch_key_rates(const Service &service, DateRange range);

} // namespace cbr
