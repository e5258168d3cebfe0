// core/in_force: which record is in force on which days, case by case, and against a reference that asks day by day.
#include "core/in_force.h"

#include "expectations.h"

#include <algorithm>
#include <random>

namespace cbr {
namespace {

using Texts = std::vector<std::string>;

Date at(const std::string &iso)
{
    const std::optional<Date> date = parse_iso_date(iso);
    if (!date)
        ADD_FAILURE() << "no day: " << iso;
    return date.value_or(Date());
}

Date plus(Date date, std::int64_t days) { return Date(date.days_since_1970() + days); }

std::vector<Date> days_at(const Texts &isos)
{
    std::vector<Date> dates;
    for (const std::string &iso : isos)
        dates.push_back(at(iso));
    return dates;
}

std::vector<Date> every_day(Date first, Date last)
{
    std::vector<Date> dates;
    for (Date date = first; date <= last; date = plus(date, 1))
        dates.push_back(date);
    return dates;
}

std::vector<SeriesRecord> records_of(const std::vector<Date> &dates)
{
    std::vector<SeriesRecord> records;
    for (const Date date : dates)
        records.push_back({date, "R01060", 1, "1"});
    return records;
}

// "2026-03-03: 2026-03-03 to 2026-03-04": the record's date, and on which days it is in force.
Texts texts(const std::vector<SeriesRecord> &records, const std::vector<Validity> &validities)
{
    Texts lines;
    for (const Validity &each : validities)
        lines.push_back(records.at(each.record).effective_date.iso() + ": " + each.first.iso() + " to " +
                        each.last.iso());
    return lines;
}

struct Case {
    const char *name;
    Texts records;
    Texts publications;
    Texts range;
    std::string today;
    Texts expected;
};

void PrintTo(const Case &each, std::ostream *out) { *out << each.name; }

const Texts week_of_march = {"2026-02-28", "2026-03-03", "2026-03-04", "2026-03-05",
                             "2026-03-06", "2026-03-07", "2026-03-10", "2026-03-11"};
const std::string long_after = "2026-04-25";

const Case cases[] = {
    {"PlainWeek",
     week_of_march,
     week_of_march,
     {"2026-03-03", "2026-03-06"},
     long_after,
     {"2026-03-03: 2026-03-03 to 2026-03-03", "2026-03-04: 2026-03-04 to 2026-03-04",
      "2026-03-05: 2026-03-05 to 2026-03-05", "2026-03-06: 2026-03-06 to 2026-03-06"}},
    {"WeekendHasTheRateOfSaturday",
     week_of_march,
     week_of_march,
     {"2026-03-06", "2026-03-10"},
     long_after,
     {"2026-03-06: 2026-03-06 to 2026-03-06", "2026-03-07: 2026-03-07 to 2026-03-09",
      "2026-03-10: 2026-03-10 to 2026-03-10"}},
    {"NewYearOfTwelveDays",
     {"2014-12-31", "2015-01-01", "2015-01-13", "2015-01-14"},
     {"2014-12-31", "2015-01-01", "2015-01-13", "2015-01-14"},
     {"2014-12-31", "2015-01-13"},
     long_after,
     {"2014-12-31: 2014-12-31 to 2014-12-31", "2015-01-01: 2015-01-01 to 2015-01-12",
      "2015-01-13: 2015-01-13 to 2015-01-13"}},
    {"DaysOff2020",
     {"2020-03-27", "2020-03-28", "2020-04-07", "2020-04-08"},
     {"2020-03-27", "2020-03-28", "2020-04-07", "2020-04-08"},
     {"2020-03-28", "2020-04-06"},
     long_after,
     {"2020-03-28: 2020-03-28 to 2020-04-06"}},
    {"MonthlyCurrencyIsInForceUntilItsNextRecord",
     {"2009-10-31", "2009-11-30", "2009-12-31", "2010-01-12"},
     {"2009-10-31", "2009-11-03", "2009-11-30", "2009-12-01", "2009-12-31", "2010-01-01", "2010-01-12", "2010-01-13"},
     {"2009-11-01", "2010-01-11"},
     long_after,
     {"2009-10-31: 2009-11-01 to 2009-11-29", "2009-11-30: 2009-11-30 to 2009-12-30",
      "2009-12-31: 2009-12-31 to 2010-01-11"}},
    {"NextRecordAfterExactly45Days",
     {"2009-01-01", "2009-02-15"},
     {"2009-01-01", "2009-01-02", "2009-01-10", "2009-02-15"},
     {"2009-01-01", "2009-02-14"},
     long_after,
     {"2009-01-01: 2009-01-01 to 2009-02-14"}},
    {"NextRecordAfter46Days",
     {"2009-01-01", "2009-02-16"},
     {"2009-01-01", "2009-01-10", "2009-02-16", "2009-02-17"},
     {"2009-01-01", "2009-02-16"},
     long_after,
     {"2009-01-01: 2009-01-01 to 2009-01-09", "2009-02-16: 2009-02-16 to 2009-02-16"}},
    {"CurrencyThatLeftTheListEndsAtTheNextPublication",
     {"2026-03-05", "2026-03-06", "2026-03-07"},
     week_of_march,
     {"2026-03-06", "2026-03-11"},
     long_after,
     {"2026-03-06: 2026-03-06 to 2026-03-06", "2026-03-07: 2026-03-07 to 2026-03-09"}},
    {"CurrencyThatLeftTheListLongAgoHasNoRate",
     {"2026-02-28"},
     week_of_march,
     {"2026-03-03", "2026-03-11"},
     long_after,
     {}},
    {"CurrencyThatCameBackWithin45DaysWasInForceMeanwhile",
     {"2026-03-03", "2026-03-10"},
     week_of_march,
     {"2026-03-03", "2026-03-10"},
     long_after,
     {"2026-03-03: 2026-03-03 to 2026-03-09", "2026-03-10: 2026-03-10 to 2026-03-10"}},
    {"BeforeACurrencyExistedItHasNoRate",
     {"2026-03-05", "2026-03-06", "2026-03-07"},
     week_of_march,
     {"2026-02-28", "2026-03-05"},
     long_after,
     {"2026-03-05: 2026-03-05 to 2026-03-05"}},
    {"RecordsBeyondBothEndsTellWhatIsInForceAtThem",
     week_of_march,
     week_of_march,
     {"2026-03-01", "2026-03-02"},
     long_after,
     {"2026-02-28: 2026-03-01 to 2026-03-02"}},
    {"RangeBeginsAndEndsInTheMiddleOfAValidity",
     {"2009-10-31", "2009-11-30", "2009-12-31"},
     {"2009-10-31", "2009-11-01", "2009-11-30", "2009-12-01", "2009-12-31"},
     {"2009-11-15", "2009-12-15"},
     long_after,
     {"2009-10-31: 2009-11-15 to 2009-11-29", "2009-11-30: 2009-11-30 to 2009-12-15"}},
    {"OneDay",
     week_of_march,
     week_of_march,
     {"2026-03-08", "2026-03-08"},
     long_after,
     {"2026-03-07: 2026-03-08 to 2026-03-08"}},
    {"PublicationIsNotTheCurrencysOwn", // the dollar's publication of the 8th does not end the dram's of the 7th
     {"2026-03-07", "2026-03-10"},
     {"2026-03-07", "2026-03-08", "2026-03-10"},
     {"2026-03-07", "2026-03-09"},
     long_after,
     {"2026-03-07: 2026-03-07 to 2026-03-09"}},
    {"NewestPublicationIsOfToday",
     week_of_march,
     week_of_march,
     {"2026-03-10", "2026-03-12"},
     "2026-03-11",
     {"2026-03-10: 2026-03-10 to 2026-03-10", "2026-03-11: 2026-03-11 to 2026-03-11"}},
    {"NewestPublicationIsInForceUntilToday",
     week_of_march,
     week_of_march,
     {"2026-03-11", "2026-03-20"},
     "2026-03-13",
     {"2026-03-11: 2026-03-11 to 2026-03-13"}},
    {"TomorrowsPublicationIsInForceOnItsOwnDayAlone",
     week_of_march,
     week_of_march,
     {"2026-03-10", "2026-03-20"},
     "2026-03-10",
     {"2026-03-10: 2026-03-10 to 2026-03-10", "2026-03-11: 2026-03-11 to 2026-03-11"}},
    {"BeforeTomorrowsPublicationTodayHasTheOneBefore",
     {"2026-03-07", "2026-03-10"},
     {"2026-03-07", "2026-03-10"},
     {"2026-03-07", "2026-03-20"},
     "2026-03-09",
     {"2026-03-07: 2026-03-07 to 2026-03-09", "2026-03-10: 2026-03-10 to 2026-03-10"}},
    {"TomorrowIsUnknownWithoutAPublication",
     {"2026-03-07"},
     {"2026-03-07"},
     {"2026-03-08", "2026-03-09"},
     "2026-03-07",
     {}},
    {"DaysBetweenTodayAndALaterPublicationAreUnknown",
     {"2026-03-07", "2026-03-10"},
     {"2026-03-07", "2026-03-10"},
     {"2026-03-07", "2026-03-12"},
     "2026-03-07",
     {"2026-03-07: 2026-03-07 to 2026-03-07", "2026-03-10: 2026-03-10 to 2026-03-10"}},
    {"CurrencyMissingInTheNewestPublicationEndsBeforeIt",
     {"2026-03-07", "2026-03-10"},
     week_of_march,
     {"2026-03-10", "2026-03-20"},
     "2026-03-20",
     {"2026-03-10: 2026-03-10 to 2026-03-10"}},
    {"WithoutPublicationsTheLastRecordIsInForceUntilToday",
     {"2026-03-07"},
     {},
     {"2026-03-07", "2026-03-20"},
     "2026-03-09",
     {"2026-03-07: 2026-03-07 to 2026-03-09"}},
    {"NoRecords", {}, week_of_march, {"2026-03-03", "2026-03-11"}, long_after, {}},
    {"NothingAtAll", {}, {}, {"2026-03-03", "2026-03-11"}, long_after, {}},
    {"RecordsAfterTheRange", {"2026-03-10"}, week_of_march, {"2026-03-03", "2026-03-09"}, long_after, {}},
};

class DaysInForce : public testing::TestWithParam<Case> {};

TEST_P(DaysInForce, AreThoseOfTheRule)
{
    const Case &each = GetParam();
    const std::vector<SeriesRecord> records = records_of(days_at(each.records));
    const DateRange range{at(each.range.at(0)), at(each.range.at(1))};
    EXPECT_EQ(texts(records, days_in_force(records, days_at(each.publications), range, at(each.today))), each.expected);
}

INSTANTIATE_TEST_SUITE_P(Cases, DaysInForce, testing::ValuesIn(cases),
                         [](const auto &info) { return std::string(info.param.name); });

TEST(DaysInForce, NextRecordCountsInDaysAcrossAFebruaryOfALeapYear)
{
    const std::vector<Date> publications = every_day(at("2008-02-01"), at("2008-04-01"));
    const DateRange range{at("2008-02-01"), at("2008-03-31")};
    std::vector<SeriesRecord> records = records_of(days_at({"2008-02-01", "2008-03-17"})); // 45 days
    EXPECT_EQ(texts(records, days_in_force(records, publications, range, at(long_after))).at(0),
              "2008-02-01: 2008-02-01 to 2008-03-16");
    records = records_of(days_at({"2008-02-01", "2008-03-18"}));
    EXPECT_EQ(texts(records, days_in_force(records, publications, range, at(long_after))).at(0),
              "2008-02-01: 2008-02-01 to 2008-02-01");
}

// --- what to ask for

void expect_to_ask(const Texts &range, const std::string &today, const Texts &expected)
{
    const DateRange asked = range_to_ask({at(range.at(0)), at(range.at(1))}, at(today));
    EXPECT_EQ((Texts{asked.first.iso(), asked.last.iso()}), expected) << range.at(0) << " " << today;
}

TEST(RangeToAsk, Is45DaysLongerOnBothSides)
{
    expect_to_ask({"2002-03-02", "2002-03-10"}, long_after, {"2002-01-16", "2002-04-24"});
}

TEST(RangeToAsk, BeginsNotBeforeTheArchive)
{
    expect_to_ask({"1992-07-01", "1992-07-02"}, long_after, {"1992-07-01", "1992-08-16"});
    expect_to_ask({"1992-08-14", "1992-08-14"}, long_after, {"1992-07-01", "1992-09-28"});
    expect_to_ask({"1992-08-16", "1992-08-16"}, long_after, {"1992-07-02", "1992-09-30"});
}

TEST(RangeToAsk, EndsNotAfterTomorrow)
{
    expect_to_ask({"2026-03-01", "2026-03-10"}, "2026-03-10", {"2026-01-15", "2026-03-11"});
    expect_to_ask({"2026-03-01", "2026-03-10"}, "2026-04-23", {"2026-01-15", "2026-04-24"});
    expect_to_ask({"2026-03-01", "2026-03-10"}, "2026-04-24", {"2026-01-15", "2026-04-24"});
}

TEST(RangeToAsk, NeverEndsBeforeTheRangeBegins)
{
    expect_to_ask({"2026-05-01", "2026-05-10"}, "2026-03-10", {"2026-03-17", "2026-05-01"});
    expect_to_ask({"2026-03-11", "2026-05-10"}, "2026-03-10", {"2026-01-25", "2026-03-11"});
}

// --- against a reference

// The rule's own words, day by day: the last record dated on or before the day; until the next record where that
// follows within 45 days, else until the next publication; after today on the record's own day alone.
std::optional<Date> reference(Date asked, const std::vector<Date> &records, const std::vector<Date> &publications,
                              Date today)
{
    std::optional<Date> last, next, publication;
    for (const Date record : records) {
        if (record <= asked && (!last || *last < record))
            last = record;
        if (record > asked && (!next || record < *next))
            next = record;
    }
    if (!last || (asked > today && *last != asked))
        return std::nullopt;
    if (next && *next - *last <= 45)
        return last;
    for (const Date each : publications)
        if (each > *last && (!publication || each < *publication))
            publication = each;
    if (publication && asked >= *publication)
        return std::nullopt;
    return last;
}

// Chance, the same on each machine: distributions of the standard library are not.
class Chance {
public:
    explicit Chance(unsigned seed) : engine_(seed) {}
    int from_to(int least, int most) { return least + static_cast<int>(engine_() % unsigned(most - least + 1)); }
    bool one_in(int count) { return from_to(1, count) == 1; }

private:
    std::mt19937 engine_;
};

struct History {
    std::vector<Date> publications;
    std::vector<Date> records;
    DateRange range;
    Date today;
};

History random_history(Chance &chance)
{
    History history;
    const Date begin = plus(first_of_archive, chance.from_to(0, 400));
    history.today = plus(begin, chance.from_to(60, 300));
    for (Date date = begin; date <= plus(history.today, 1);
         date = plus(date, chance.one_in(12) ? chance.from_to(2, 13) : 1))
        history.publications.push_back(date);
    if (chance.one_in(2)) { // set daily, with gaps, and not from the beginning to the end
        const Date from = plus(begin, chance.from_to(-5, 100)), to = plus(history.today, chance.from_to(-100, 5));
        int out = 0;
        for (const Date date : history.publications) {
            if (chance.one_in(20))
                out = chance.from_to(1, 50);
            if (--out < 0 && date >= from && date <= to)
                history.records.push_back(date);
        }
    } else { // set now and then, on whatever days
        for (Date date = plus(begin, chance.from_to(0, 60)); date <= plus(history.today, 1);
             date = plus(date, chance.one_in(4) ? chance.from_to(44, 47) : chance.from_to(1, 60)))
            history.records.push_back(date);
    }
    history.range.first = std::max(first_of_archive, plus(begin, chance.from_to(-20, 300)));
    history.range.last = plus(history.range.first, chance.from_to(0, 120));
    return history;
}

template <class Dates> Dates within(const Dates &dates, DateRange range)
{
    Dates kept;
    std::copy_if(dates.begin(), dates.end(), std::back_inserter(kept),
                 [&](Date date) { return date >= range.first && date <= range.last; });
    return kept;
}

TEST(DaysInForce, AgreeWithTheReferenceOnRandomHistories)
{
    Chance chance(20020302);
    int days = 0, in_force = 0;
    for (int number = 0; number < 3000; ++number) {
        SCOPED_TRACE("history " + std::to_string(number));
        const History history = random_history(chance);
        // Only what range_to_ask() says need be known.
        const DateRange asked = range_to_ask(history.range, history.today);
        const std::vector<SeriesRecord> records = records_of(within(history.records, asked));
        const std::vector<Validity> validities =
            days_in_force(records, within(history.publications, asked), history.range, history.today);
        auto validity = validities.begin();
        for (Date date = history.range.first; date <= history.range.last; date = plus(date, 1)) {
            if (validity != validities.end() && validity->last < date)
                ++validity;
            std::optional<Date> found;
            if (validity != validities.end() && validity->first <= date && date <= validity->last)
                found = records.at(validity->record).effective_date;
            const std::optional<Date> expected = reference(date, history.records, history.publications, history.today);
            ASSERT_EQ(found ? found->iso() : "none", expected ? expected->iso() : "none")
                << date.iso() << ", today " << history.today.iso();
            ++days;
            in_force += expected ? 1 : 0;
        }
        for (const Validity &each : validities) {
            ASSERT_LE(each.first, each.last);
            ASSERT_GE(each.first, history.range.first);
            ASSERT_LE(each.last, history.range.last);
        }
    }
    EXPECT_GT(in_force, days / 10); // the histories are worth a comparison
    EXPECT_GT(days - in_force, days / 10);
}

} // namespace
} // namespace cbr
