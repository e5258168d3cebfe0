// What the targets of document readers share: what a reader may throw, and what holds for every value that it returns.
#pragma once
#include "bytes.h"
#include "core/currency.h"
#include "core/date.h"
#include "core/decimal.h"
#include "core/document.h"
#include "core/text.h"

#include <cstdint>
#include <new>
#include <optional>
#include <string>

namespace cbr {

inline void check_error(const Error &error)
{
    ensure(error.kind == ErrorKind::document || error.kind == ErrorKind::number || error.kind == ErrorKind::date_range,
           "the kind is one of documents");
    ensure(starts_with(error.message, "invalid document: "), "the message names the document");
    ensure(is_utf8(error.message + error.detail + error.hint), "messages are UTF-8");
    ensure(error.message.find('\n') == std::string::npos, "the message is one line");
}

// What read(source) returns; nothing where the bytes are not such a document, or are too much for the memory. Anything
// else that is thrown ends the process.
template <class Read> auto outcome(std::string_view bytes, Read read) -> std::optional<decltype(read(DocumentSource()))>
{
    try {
        return read(given_document(bytes));
    } catch (const Error &error) {
        check_error(error);
    } catch (const std::bad_alloc &) {
    }
    return std::nullopt;
}

inline void check_value(const std::string &value)
{
    ensure(parse_decimal(value) == value && is_positive(value), "the value is a positive number");
}

inline void check_id(const std::string &id) { ensure(is_bank_id(id), "the ID is well-formed"); }

inline void check_num_code(const std::string &code)
{
    ensure(code.empty() || (code.size() == 3 && code.find_first_not_of("0123456789") == std::string::npos),
           "a numeric code is three digits, or there is none");
}

inline void check_text(const std::string &text)
{
    ensure(is_utf8(text), "text is UTF-8");
    ensure(text.find('\0') == std::string::npos, "text is free of NUL bytes");
    ensure(trimmed(text) == text, "text has no white space at its ends");
}

inline Date calendar_day(int year, int month, int day)
{
    const std::optional<Date> date = Date::from_calendar(year, month, day);
    ensure(date.has_value(), "the calendar has the day");
    return *date;
}

inline bool is_within(Date date, DateRange range) { return range.first <= date && date <= range.last; }

// The ranges that differ by a day at one end.
inline std::vector<DateRange> neighbours(DateRange range)
{
    const auto moved = [](Date date, int days) { return Date(date.days_since_1970() + days); };
    return {{moved(range.first, -1), range.last},
            {moved(range.first, 1), range.last},
            {range.first, moved(range.last, -1)},
            {range.first, moved(range.last, 1)}};
}

// Text as it is written in an element.
inline std::string escaped(std::string_view text)
{
    std::string xml;
    for (const char c : text)
        if (c == '&' || c == '<' || c == '>' || c == '\r')
            xml += "&#" + std::to_string(static_cast<int>(c)) + ";";
        else
            xml += c;
    return xml;
}

inline std::string element(const std::string &name, std::string_view text)
{
    return "<" + name + ">" + escaped(text) + "</" + name + ">";
}

} // namespace cbr
