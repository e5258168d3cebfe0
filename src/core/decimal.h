// The Bank's numbers, kept as text: a rate is never a float.
#pragma once
#include "core/fence.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cbr {

// The number as PostgreSQL's numeric reads it, digit for digit ("2 153,0000" gives "2153.0000"), or nothing if the
// text is no number. Accepted: a decimal comma or point; a space or U+00A0 between groups of three digits; a leading
// minus; an exponent (the Bank prints unit rates like 5,88139E-05); ASCII white space around it all.
std::optional<std::string> parse_decimal(std::string_view text);

// For a number that parse_decimal() gave: is it greater than zero?
bool is_positive(std::string_view decimal);

// A whole number from 1 to 2147483647, as a nominal is; grouped digits as above. Nothing if it is none.
std::optional<std::int32_t> parse_nominal(std::string_view text);

} // namespace cbr
