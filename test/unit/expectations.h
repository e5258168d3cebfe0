// What all unit tests share: how to look at the Error that a call ends with, and how days and Errors are printed.
#pragma once
#include "core/date.h"
#include "core/error.h"

#include <optional>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace cbr {

inline void PrintTo(const Date &date, std::ostream *out) { *out << date.iso(); }

inline void PrintTo(ErrorKind kind, std::ostream *out)
{
    static const char *const names[] = {"parameter",     "date_range", "connection", "protocol",
                                        "transfer",      "too_large",  "document",   "number",
                                        "not_published", "not_quoted", "interrupted"};
    *out << names[static_cast<int>(kind)];
}

inline std::string whole_text(const Error &error) { return error.message + " | " + error.detail + " | " + error.hint; }

inline void PrintTo(const Error &error, std::ostream *out) { *out << whole_text(error); }

// The Error that the call throws. Where it throws none, the test has failed, and the Error returned is an empty one.
template <class Call> Error error_of(Call call)
{
    try {
        call();
    } catch (const Error &error) {
        return error;
    }
    ADD_FAILURE() << "no error was thrown";
    return {ErrorKind::parameter, "no error was thrown"};
}

inline bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

inline Date day(int year, int month, int day_of_month)
{
    const std::optional<Date> date = Date::from_calendar(year, month, day_of_month);
    if (!date)
        ADD_FAILURE() << "the calendar has no " << year << "-" << month << "-" << day_of_month;
    return date.value_or(Date());
}

} // namespace cbr
