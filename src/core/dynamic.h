// Reads XML_dynamic: the records of one currency in a range of dates. A record is a publication's rate; days between
// two publications have none.
#pragma once
#include "core/date.h"
#include "core/document.h"
#include "core/fence.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cbr {

struct SeriesRecord {
    Date effective_date;
    std::string cbr_id; // the record's own; it may differ from the one asked for
    std::int32_t nominal = 1;
    std::string value; // roubles for `nominal` units
};

// The records, each date once, in ascending order; none where the currency was not quoted in the range. Throws Error:
// document or number; also where the answer is not about the currency and the range that were asked for.
std::vector<SeriesRecord> read_dynamic(std::string_view bytes, const DocumentSource &source, const std::string &cbr_id,
                                       DateRange range);

} // namespace cbr
