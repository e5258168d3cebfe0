// The Bank's service: which URL answers what, and the way from a request to the publication.
#pragma once
#include "core/daily.h"
#include "core/fence.h"
#include "core/http.h"

#include <optional>
#include <string>

namespace cbr {

struct FetchedPublication {
    HttpAnswer answer; // its body is dropped once read
    std::size_t bytes = 0;
    Publication publication;
};

// The publication in force on `on_date`, or the latest one. Throws Error; see http.h and daily.h.
FetchedPublication fetch_daily(HttpSession &session, const std::string &base_url, std::optional<Date> on_date,
                               const HttpOptions &options, ShouldStop should_stop);

} // namespace cbr
