// core/date: the calendar, the two ways to write a day, the archive's bounds, and what day it is in Moscow.
#include "core/date.h"

#include "expectations.h"

#include <limits>

namespace cbr {
namespace {

using namespace std::string_literals;

TEST(ParseDate, ReadsDotsAndSlashes)
{
    EXPECT_EQ(parse_date("02.03.2002"), day(2002, 3, 2));
    EXPECT_EQ(parse_date("26/09/2013"), day(2013, 9, 26));
    EXPECT_EQ(parse_date(" \t02.03.2002\r\n"), day(2002, 3, 2));
}

TEST(ParseDate, RejectsMixedAndOtherSeparators)
{
    for (const char *text :
         {"02.03/2002", "02/03.2002", "02-03-2002", "02 03 2002", "2002.03.02", "2002-03-02", "02,03,2002"})
        EXPECT_EQ(parse_date(text), std::nullopt) << text;
}

TEST(ParseDate, WantsZeroPaddingAndNothingElse)
{
    for (const std::string &text : {""s, " "s, "2.3.2002"s, "02.3.2002"s, "02.03.02"s, "002.03.2002"s, "02.03.20022"s,
                                    "02.03.2002 00:00"s, "02.03.2002x"s, "02.03.200"s, "02.03.2002\0"s,
                                    "\0"
                                    "2.03.2002"s})
        EXPECT_EQ(parse_date(text), std::nullopt) << text;
}

TEST(ParseDate, RejectsWhatIsNoDigit)
{
    for (const char *text : {"0x.03.2002", "02.0x.2002", "02.03.200x", "-2.03.2002", "02.+3.2002", "02.03. 002",
                             " 2.03.2002", "02.03.-002",
                             "\xD9\xA0"
                             ".03.2002",
                             "02.03.1E+3"})
        EXPECT_EQ(parse_date(text), std::nullopt) << text;
}

TEST(ParseDate, RejectsDaysThatTheCalendarLacks)
{
    for (const char *text : {"31.02.2002", "30.02.2004", "29.02.2001", "31.04.2002", "31.06.2002", "31.09.2002",
                             "31.11.2002", "32.01.2002", "00.01.2002", "01.00.2002", "01.13.2002", "99.99.2002"})
        EXPECT_EQ(parse_date(text), std::nullopt) << text;
}

TEST(ParseDate, KnowsTheLeapYearsOfCenturies)
{
    EXPECT_EQ(parse_date("29.02.1900"), std::nullopt);
    EXPECT_EQ(parse_date("29.02.2000"), Date(11016));
    EXPECT_EQ(parse_date("29.02.2100"), std::nullopt);
    EXPECT_EQ(parse_date("29.02.2024"), Date(19782));
    EXPECT_EQ(parse_date("29.02.2023"), std::nullopt);
    EXPECT_EQ(day(2100, 3, 1) - day(2100, 2, 28), 1);
    EXPECT_EQ(day(2000, 3, 1) - day(2000, 2, 28), 2);
}

TEST(ParseDate, RejectsTheYearZeroAndThoseBefore1900)
{
    EXPECT_EQ(parse_date("01.01.0000"), std::nullopt);
    EXPECT_EQ(parse_date("01.01.0001"), std::nullopt);
    EXPECT_EQ(parse_date("31.12.1899"), std::nullopt);
    EXPECT_EQ(parse_date("01.01.1900"), Date(-25567));
    EXPECT_EQ(parse_date("31.12.9999"), Date(2932896));
}

TEST(FromCalendar, CountsFrom1970)
{
    EXPECT_EQ(Date::from_calendar(1970, 1, 1), Date(0));
    EXPECT_EQ(Date::from_calendar(1969, 12, 31), Date(-1));
    EXPECT_EQ(Date::from_calendar(1992, 7, 1), Date(8217));
}

TEST(FromCalendar, IsTheInverseOfTheTextForEachDayOfFourCenturies)
{
    for (std::int64_t count = day(1900, 1, 1).days_since_1970(); count < day(2300, 1, 1).days_since_1970(); ++count) {
        const Date date(count);
        ASSERT_EQ(parse_date(date.request()), date);
    }
}

TEST(FromCalendar, RejectsNumbersFarOutside)
{
    EXPECT_EQ(Date::from_calendar(2002, std::numeric_limits<int>::max(), 1), std::nullopt);
    EXPECT_EQ(Date::from_calendar(2002, 1, std::numeric_limits<int>::max()), std::nullopt);
    EXPECT_EQ(Date::from_calendar(2002, -1, 1), std::nullopt);
}

TEST(DateText, IsIsoOrTheRequestsForm)
{
    EXPECT_EQ(day(2002, 3, 2).iso(), "2002-03-02");
    EXPECT_EQ(day(2002, 3, 2).request(), "02/03/2002");
    EXPECT_EQ(Date(-1).iso(), "1969-12-31");
}

TEST(DateText, HasFourDigitsForTheYear)
{
    EXPECT_EQ(day(33, 4, 3).iso(), "0033-04-03"); // shown in the error for a date before the archive
    EXPECT_EQ(day(33, 4, 3).request(), "03/04/0033");
}

TEST(DateOrder, IsThatOfTheCalendar)
{
    EXPECT_LT(day(2001, 12, 31), day(2002, 1, 1));
    EXPECT_GT(day(2002, 1, 1), day(2001, 12, 31));
    EXPECT_NE(day(2002, 1, 1), day(2002, 1, 2));
    EXPECT_EQ(day(2002, 1, 1) - day(2001, 1, 1), 365);
}

TEST(Archive, HoldsItsFirstAndLastDay)
{
    EXPECT_NO_THROW(ensure_in_archive(day(1992, 7, 1)));
    EXPECT_NO_THROW(ensure_in_archive(day(9999, 12, 31)));
}

TEST(Archive, RejectsTheDayBefore)
{
    const Error error = error_of([] { ensure_in_archive(day(1992, 6, 30)); });
    EXPECT_EQ(error.kind, ErrorKind::date_range);
    EXPECT_EQ(error.message, "date 1992-06-30 is before the Bank of Russia's archive");
    EXPECT_TRUE(contains(error.detail, "1992-07-01"));
}

TEST(Archive, RejectsTheDayAfter)
{
    const Error error = error_of([] { ensure_in_archive(Date(day(9999, 12, 31).days_since_1970() + 1)); });
    EXPECT_EQ(error.kind, ErrorKind::date_range);
    EXPECT_EQ(error.message, "date is after the year 9999");
}

TEST(Archive, RejectsWhatPostgreSqlCallsInfinity)
{
    for (const std::int64_t days : {std::int64_t{std::numeric_limits<std::int32_t>::max()} + 10957,
                                    std::int64_t{std::numeric_limits<std::int32_t>::min()} + 10957})
        EXPECT_EQ(error_of([=] { ensure_in_archive(Date(days)); }).kind, ErrorKind::date_range) << days;
}

TEST(Moscow, IsThreeHoursAheadOfUtc)
{
    const std::time_t midnight_utc = day(2026, 4, 25).days_since_1970() * 86400;
    EXPECT_EQ(today_in_moscow(midnight_utc - 3 * 3600 - 1), day(2026, 4, 24));
    EXPECT_EQ(today_in_moscow(midnight_utc - 3 * 3600), day(2026, 4, 25));
    EXPECT_EQ(today_in_moscow(midnight_utc), day(2026, 4, 25));
    EXPECT_EQ(today_in_moscow(midnight_utc + 21 * 3600 - 1), day(2026, 4, 25));
    EXPECT_EQ(today_in_moscow(midnight_utc + 21 * 3600), day(2026, 4, 26));
}

} // namespace
} // namespace cbr
