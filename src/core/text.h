// Text as the core sees it: bytes of a document, of an HTTP header, of an SQL argument.
#pragma once
#include "core/fence.h"

#include <cstddef>
#include <string>
#include <string_view>

namespace cbr {

inline constexpr std::string_view utf8_byte_order_mark = "\xEF\xBB\xBF";

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
inline bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }

// Without the ASCII white space at both ends.
std::string_view trimmed(std::string_view text);

// With ASCII letters in upper case; other bytes stay.
std::string in_upper_case(std::string_view text);

bool starts_with(std::string_view text, std::string_view prefix);

// The same, ASCII letters of either case being equal.
bool starts_with_any_case(std::string_view text, std::string_view prefix);

// The length in bytes of the UTF-8 character that `text` begins with; 0 if it begins with none.
std::size_t utf8_character_length(std::string_view text);

bool is_utf8(std::string_view text);
bool is_ascii(std::string_view text);

// As one line of printable UTF-8 to be shown in a message: white space is folded, control characters and bytes that
// are no UTF-8 appear as \xNN.
std::string printable(std::string_view bytes);

// The beginning of `bytes`, printable, in quotes, followed by dots if that is not all.
std::string quoted_excerpt(std::string_view bytes, std::size_t max_bytes = 80);

} // namespace cbr
