#include "core/in_force.h"

#include <algorithm>

namespace cbr {
namespace {

Date plus(Date date, std::int64_t days) { return Date(date.days_since_1970() + days); }

// The last day on which a record is in force, were there no range: the day before what ends it.
Date last_day(const std::vector<SeriesRecord> &records, std::size_t i, const std::vector<Date> &publications,
              Date today)
{
    const Date begin = records[i].effective_date;
    if (i + 1 < records.size() && records[i + 1].effective_date - begin <= longest_record_days)
        return plus(records[i + 1].effective_date, -1);
    const auto next = std::upper_bound(publications.begin(), publications.end(), begin);
    return next != publications.end() ? plus(*next, -1) : std::max(today, begin);
}

} // namespace

DateRange range_to_ask(DateRange range, Date today)
{
    return {std::max(first_of_archive, plus(range.first, -longest_record_days)),
            std::max(range.first, std::min(plus(today, 1), plus(range.last, longest_record_days)))};
}

std::vector<Validity> days_in_force(const std::vector<SeriesRecord> &records, const std::vector<Date> &publications,
                                    DateRange range, Date today)
{
    std::vector<Validity> result;
    for (std::size_t i = 0; i < records.size(); ++i) {
        const Date begin = records[i].effective_date;
        Date first = std::max(begin, range.first);
        Date last = std::min(last_day(records, i, publications, today), range.last);
        if (last > today) // what follows today is known on a publication's own day alone
            last = begin > today ? begin : today;
        if (first <= last)
            result.push_back({i, first, last});
    }
    return result;
}

} // namespace cbr
