// Which record of a currency is in force on which days.
//
// A record is in force until the currency's next one, where that follows within 45 days: some currencies were set
// monthly until 2009. Else until the next publication, a day on which the US dollar has a record: a currency that left
// the list has no rate after.
#pragma once
#include "core/dynamic.h"
#include "core/fence.h"

#include <vector>

namespace cbr {

inline constexpr const char *calendar_currency = "R01235"; // the US dollar, in each publication since 1992
inline constexpr std::int64_t longest_record_days = 45;

// The days first to last, both included, on which records[record] is in force.
struct Validity {
    std::size_t record;
    Date first;
    Date last;
};

// What must be known to tell what is in force in the range: records from 45 days before it to 45 days after it, as far
// as there are publications: not before the archive, nor after the day following `today`.
DateRange range_to_ask(DateRange range, Date today);

// Within `range`, in ascending order. `records` and `publications` are ascending and cover range_to_ask(range). The
// newest publication is in force until `today` at least; after `today` on its own day alone.
std::vector<Validity> days_in_force(const std::vector<SeriesRecord> &records, const std::vector<Date> &publications,
                                    DateRange range, Date today);

} // namespace cbr
