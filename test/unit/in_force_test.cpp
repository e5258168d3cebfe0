// core/in_force: on which days a record is in force. By examples, and against a reference that goes day by day.
#include "core/in_force.h"

#include "expectations.h"

#include <map>
#include <random>

namespace cbr {
namespace {

const Date far_today = day(2026, 11, 23);

Date plus(Date date, std::int64_t days) { return Date(date.days_since_1970() + days); }

std::vector<SeriesRecord> records_on(const std::vector<Date> &days)
{
    std::vector<SeriesRecord> records;
    for (const Date date : days)
        records.push_back({date, "R01", 1, date.iso()});
    return records;
}

// The publication's day by the day on which it is in force.
using InForce = std::map<std::string, std::string>;

InForce in_force(const std::vector<Date> &records, const std::vector<Date> &publications, DateRange range, Date today = far_today)
{
    InForce result;
    const auto series = records_on(records);
    for (const Validity &valid : days_in_force(series, publications, range, today))
        for (Date date = valid.first; date <= valid.last; date = plus(date, 1)) {
            EXPECT_EQ(result.count(date.iso()), 0u) << "twice: " << date.iso();
            result[date.iso()] = series[valid.record].effective_date.iso();
        }
    return result;
}

TEST(InForce, UntilTheNextPublicationWeekendsIncluded)
{
    const std::vector<Date> days{day(2002, 3, 1), day(2002, 3, 2), day(2002, 3, 5)};
    EXPECT_EQ(in_force(days, days, {day(2002, 3, 1), day(2002, 3, 4)}),
              (InForce{{"2002-03-01", "2002-03-01"},
                       {"2002-03-02", "2002-03-02"},
                       {"2002-03-03", "2002-03-02"},
                       {"2002-03-04", "2002-03-02"}}));
}

TEST(InForce, RangeIsLookedPastOnBothSides)
{
    const std::vector<Date> days{day(2020, 3, 28), day(2020, 4, 7)};
    EXPECT_EQ(in_force(days, days, {day(2020, 4, 1), day(2020, 4, 2)}),
              (InForce{{"2020-04-01", "2020-03-28"}, {"2020-04-02", "2020-03-28"}}));
}

TEST(InForce, MonthlyRecordHoldsForFortyFiveDaysAtTheMost)
{
    const Date first = day(2009, 1, 31);
    const std::vector<Date> publications{first, plus(first, 1), plus(first, 45), plus(first, 46)};
    const DateRange range{first, plus(first, 44)};
    EXPECT_EQ(in_force({first, plus(first, 45)}, publications, range).size(), 45u);
    EXPECT_EQ(in_force({first, plus(first, 46)}, publications, range).size(), 1u);
}

TEST(InForce, CurrencyThatLeftTheListEndsAtTheNextPublication)
{
    const std::vector<Date> publications{day(2026, 1, 13), day(2026, 1, 14), day(2026, 1, 17)};
    EXPECT_EQ(in_force({day(2026, 1, 13)}, publications, {day(2026, 1, 1), day(2026, 1, 31)}),
              (InForce{{"2026-01-13", "2026-01-13"}}));
}

TEST(InForce, NothingBeforeTheFirstRecordAndNothingWithoutRecords)
{
    const std::vector<Date> publications{day(2002, 3, 1), day(2002, 3, 2), day(2002, 3, 5)};
    EXPECT_EQ(in_force({day(2002, 3, 2)}, publications, {day(2002, 2, 1), day(2002, 3, 2)}).size(), 1u);
    EXPECT_TRUE(in_force({}, publications, {day(2002, 2, 1), day(2002, 3, 2)}).empty());
}

TEST(InForce, NewestPublicationHoldsUntilTodayAndTomorrowsOnItsOwnDayAlone)
{
    const Date today = day(2026, 11, 23);
    const DateRange range{day(2026, 11, 20), day(2026, 12, 31)};
    const std::vector<Date> until_today{day(2026, 11, 21)};
    EXPECT_EQ(in_force(until_today, until_today, range, today).rbegin()->first, "2026-11-23");
    const std::vector<Date> tomorrow{day(2026, 11, 21), day(2026, 11, 24)};
    const InForce known = in_force(tomorrow, tomorrow, range, today);
    EXPECT_EQ(known.rbegin()->first, "2026-11-24");
    EXPECT_EQ(known.at("2026-11-24"), "2026-11-24");
    EXPECT_EQ(known.at("2026-11-23"), "2026-11-21");
}

TEST(InForce, RangeToAskEndsWithTheArchiveAndTheDayAfterToday)
{
    const DateRange middle = range_to_ask({day(2002, 3, 1), day(2002, 3, 2)}, far_today);
    EXPECT_EQ(middle.first, plus(day(2002, 3, 1), -45));
    EXPECT_EQ(middle.last, plus(day(2002, 3, 2), 45));
    const DateRange all = range_to_ask({first_of_archive, day(2099, 1, 1)}, far_today);
    EXPECT_EQ(all.first, first_of_archive);
    EXPECT_EQ(all.last, plus(far_today, 1));
}

// The rule as the design states it, for one day, without regard for speed.
std::string reference(const std::vector<Date> &records, const std::vector<Date> &publications, Date date, Date today)
{
    std::optional<Date> last;
    std::optional<Date> next;
    for (const Date record : records) {
        if (record <= date)
            last = record;
        else if (!next)
            next = record;
    }
    if (!last || (date > today && *last != date))
        return "";
    if (next && *next - *last <= 45)
        return last->iso();
    for (const Date publication : publications)
        if (publication > *last && publication <= date)
            return "";
    return last->iso();
}

TEST(InForce, IsWhatTheRuleSaysForRandomHistories)
{
    std::mt19937 random(7);
    const auto chance = [&](int percent) { return static_cast<int>(random() % 100) < percent; };
    for (int history = 0; history < 300; ++history) {
        const Date begin = day(2009, 1, 1);
        const int density = 1 + static_cast<int>(random() % 60);
        std::vector<Date> publications;
        std::vector<Date> records;
        for (int i = 0; i < 200; ++i) {
            if (!chance(70))
                continue;
            publications.push_back(plus(begin, i));
            if (chance(density))
                records.push_back(plus(begin, i));
        }
        const Date today = plus(begin, 150 + static_cast<int>(random() % 60));
        const DateRange range{plus(begin, static_cast<int>(random() % 100)), plus(begin, 100 + static_cast<int>(random() % 110))};
        const InForce found = in_force(records, publications, range, today);
        for (Date date = range.first; date <= range.last; date = plus(date, 1)) {
            const auto entry = found.find(date.iso());
            EXPECT_EQ(entry == found.end() ? "" : entry->second, reference(records, publications, date, today))
                << "history " << history << ", " << date.iso();
        }
    }
}

} // namespace
} // namespace cbr
