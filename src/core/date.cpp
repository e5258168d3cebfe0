#include "core/date.h"

#include "core/error.h"
#include "core/text.h"

#include <cstdio>
#include <cstdlib>

namespace cbr {
namespace {

constexpr std::int64_t seconds_per_day = 24L * 60 * 60;
constexpr std::time_t moscow_offset = 3L * 60 * 60;

std::tm calendar(Date date)
{
    const std::time_t seconds = date.days_since_1970() * seconds_per_day;
    std::tm broken_down{};
    gmtime_r(&seconds, &broken_down);
    return broken_down;
}

int to_number(std::string_view digits) { return std::stoi(std::string(digits)); }

} // namespace

std::optional<Date> Date::from_calendar(int year, int month, int day)
{
    std::tm asked{};
    asked.tm_year = year - 1900;
    asked.tm_mon = month - 1;
    asked.tm_mday = day;
    const Date date(timegm(&asked) / seconds_per_day);
    const std::tm found = calendar(date); // timegm() carries 31 February over into March
    if (found.tm_year != year - 1900 || found.tm_mon != month - 1 || found.tm_mday != day)
        return std::nullopt;
    return date;
}

std::string Date::iso() const
{
    const std::tm day = calendar(*this);
    char text[64];
    const int year = day.tm_year + 1900; // before year 1 it is astronomical: -0043 is 44 BC
    std::snprintf(text, sizeof text, "%s%04d-%02d-%02d", year < 0 ? "-" : "", std::abs(year), day.tm_mon + 1,
                  day.tm_mday);
    return text;
}

std::string Date::request() const
{
    const std::tm day = calendar(*this);
    char text[64];
    std::snprintf(text, sizeof text, "%02d/%02d/%04d", day.tm_mday, day.tm_mon + 1, day.tm_year + 1900);
    return text;
}

std::optional<Date> parse_date(std::string_view text)
{
    text = trimmed(text);
    if (text.size() != 10 || (text[2] != '.' && text[2] != '/') || text[5] != text[2])
        return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i)
        if (i != 2 && i != 5 && !is_digit(text[i]))
            return std::nullopt;
    const int year = to_number(text.substr(6));
    if (year < 1900) // timegm() is exact, but the Bank has no such day
        return std::nullopt;
    return Date::from_calendar(year, to_number(text.substr(3, 2)), to_number(text.substr(0, 2)));
}

std::optional<Date> parse_iso_date(std::string_view text)
{
    if (text.size() != 10 || text[4] != '-' || text[7] != '-')
        return std::nullopt;
    return parse_date(std::string(text.substr(8)) + "." + std::string(text.substr(5, 2)) + "." +
                      std::string(text.substr(0, 4)));
}

Date today_in_moscow(std::time_t now) { return Date((now + moscow_offset) / seconds_per_day); }

void ensure_in_archive(Date date)
{
    if (date < first_of_archive || date > last_of_calendar)
        throw Error(ErrorKind::date_range,
                    date < first_of_archive ? "date " + date.iso() + " is before the Bank of Russia's archive"
                                            : "date is after the year 9999",
                    "The archive of exchange rates begins on 1992-07-01.",
                    "Ask for a date in it, or for none: the latest.");
}

void ensure_range(DateRange range)
{
    ensure_in_archive(range.first);
    ensure_in_archive(range.last);
    if (range.last < range.first)
        throw Error(ErrorKind::date_range, "the range ends before it begins",
                    "It begins on " + range.first.iso() + " and ends on " + range.last.iso() + ".");
}

} // namespace cbr
