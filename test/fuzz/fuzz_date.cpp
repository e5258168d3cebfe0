// core/date: a text that is a date says the same day when written again, and the calendar is its own inverse.
#include "bytes.h"
#include "core/date.h"
#include "core/error.h"
#include "core/text.h"

#include <cstring>
#include <string>

namespace cbr {
namespace {

void check_text(std::string_view text)
{
    const std::optional<Date> date = parse_date(text);
    if (!date)
        return;
    std::string written(trimmed(text));
    for (char &c : written)
        c = c == '.' ? '/' : c;
    ensure(date->request() == written, "the date is written as it was read");
    const std::string iso = date->iso();
    ensure(iso == written.substr(6) + "-" + written.substr(3, 2) + "-" + written.substr(0, 2),
           "ISO has the same numbers");
    ensure(parse_date(date->request()) == date, "the request's form reads as the same day");
    try {
        ensure_in_archive(*date);
        ensure(iso >= "1992-07-01", "the archive begins on 1992-07-01");
    } catch (const Error &error) {
        ensure(error.kind == ErrorKind::date_range && iso < "1992-07-01",
               "only earlier days are outside of the archive");
    }
}

void check_calendar(int year, int month, int day)
{
    const std::optional<Date> date = Date::from_calendar(year, month, day);
    if (!date)
        return;
    ensure(month >= 1 && month <= 12 && day >= 1 && day <= 31, "the calendar has no such numbers");
    const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    const int lengths[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    ensure(day <= lengths[month - 1], "the month has that day");
    const Date next(date->days_since_1970() + 1);
    ensure(next > *date && next - *date == 1, "days are counted one by one");
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check_text(cbr::as_text(data, size));
    if (size >= 4) { // year in two bytes, month and day in one each
        std::int16_t year = 0;
        std::memcpy(&year, data, sizeof year);
        cbr::check_calendar(year, static_cast<std::int8_t>(data[2]), static_cast<std::int8_t>(data[3]));
    }
    return 0;
}
