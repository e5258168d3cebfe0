// Calendar days as the Bank writes them: dd.mm.yyyy in documents (dd/mm/yyyy in some of 2011 and 2013), dd/mm/yyyy in
// requests. Days are counted from 1970-01-01, proleptic Gregorian, without a time or a zone.
#pragma once
#include "core/fence.h"

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>

namespace cbr {

class Date {
public:
    constexpr explicit Date(std::int64_t days_since_1970 = 0) noexcept : days_(days_since_1970) {}

    // The day, or nothing where the calendar has none (31 February, month 13).
    static std::optional<Date> from_calendar(int year, int month, int day);

    constexpr std::int64_t days_since_1970() const { return days_; }

    std::string iso() const;     // 2002-03-02
    std::string request() const; // 02/03/2002

    friend constexpr bool operator==(Date a, Date b) { return a.days_ == b.days_; }
    friend constexpr bool operator!=(Date a, Date b) { return a.days_ != b.days_; }
    friend constexpr bool operator<(Date a, Date b) { return a.days_ < b.days_; }
    friend constexpr bool operator>(Date a, Date b) { return a.days_ > b.days_; }
    friend constexpr bool operator<=(Date a, Date b) { return a.days_ <= b.days_; }
    friend constexpr bool operator>=(Date a, Date b) { return a.days_ >= b.days_; }
    friend constexpr std::int64_t operator-(Date a, Date b) { return a.days_ - b.days_; }

private:
    std::int64_t days_;
};

// "02.03.2002" or "02/03/2002", zero-padded, ASCII white space around it allowed; nothing if it is no such date.
std::optional<Date> parse_date(std::string_view text);

// "2002-03-02"; nothing if it is no such date.
std::optional<Date> parse_iso_date(std::string_view text);

// The day it is in Moscow at `now`. Moscow has kept UTC+3 all year since 2014-10-26 (Federal Law 248-FZ of 2014).
Date today_in_moscow(std::time_t now);

// The Bank's archive begins on 1992-07-01, and its requests have four digits for the year.
inline constexpr Date first_of_archive{8217};
inline constexpr Date last_of_calendar{2932896}; // 9999-12-31

// Throws Error(date_range) for a day outside of it.
void ensure_in_archive(Date date);

struct DateRange {
    Date first;
    Date last; // included

    bool operator==(const DateRange &other) const { return first == other.first && last == other.last; }
};

// Throws Error(date_range) for a range that ends before it begins, or that leaves the archive's calendar.
void ensure_range(DateRange range);

} // namespace cbr
