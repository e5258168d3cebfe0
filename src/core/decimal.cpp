#include "core/decimal.h"

#include "core/text.h"

#include <algorithm>
#include <limits>

namespace cbr {
namespace {

constexpr std::ptrdiff_t max_digits = 40; // far beyond any rate, far below what numeric holds
constexpr std::size_t max_exponent_digits = 2;

// Takes digits off the front of `rest` and appends them to `number`. Tells how many there were.
std::size_t take_digits(std::string_view &rest, std::string &number)
{
    std::size_t count = 0;
    while (count < rest.size() && is_digit(rest[count]))
        ++count;
    number += rest.substr(0, count);
    rest.remove_prefix(count);
    return count;
}

bool take(std::string_view &rest, std::string_view expected)
{
    if (!starts_with(rest, expected))
        return false;
    rest.remove_prefix(expected.size());
    return true;
}

bool take_separator(std::string_view &rest) { return take(rest, " ") || take(rest, "\xC2\xA0"); }

// "5960", "5 960", "1 234 567": the first group has one to three digits, each further one three.
bool take_whole_part(std::string_view &rest, std::string &number)
{
    const std::size_t first = take_digits(rest, number);
    if (first == 0)
        return false;
    bool first_is_group = first <= 3;
    while (take_separator(rest))
        if (!first_is_group || take_digits(rest, number) != 3)
            return false;
    return true;
}

bool take_exponent(std::string_view &rest, std::string &number)
{
    number += 'E';
    if (take(rest, "-"))
        number += '-';
    else
        take(rest, "+");
    const std::size_t count = take_digits(rest, number);
    return count > 0 && count <= max_exponent_digits;
}

} // namespace

std::optional<std::string> parse_decimal(std::string_view text)
{
    std::string_view rest = trimmed(text);
    std::string number;
    if (take(rest, "-"))
        number += '-';
    if (!take_whole_part(rest, number))
        return std::nullopt;
    if (take(rest, ",") || take(rest, ".")) {
        number += '.';
        if (take_digits(rest, number) == 0)
            return std::nullopt;
    }
    if (std::count_if(number.begin(), number.end(), is_digit) > max_digits)
        return std::nullopt;
    if ((take(rest, "E") || take(rest, "e")) && !take_exponent(rest, number))
        return std::nullopt;
    if (!rest.empty())
        return std::nullopt;
    return number;
}

bool is_positive(std::string_view decimal)
{
    const std::string_view mantissa = decimal.substr(0, decimal.find('E'));
    return mantissa[0] != '-' && mantissa.find_first_of("123456789") != std::string_view::npos;
}

std::optional<std::int32_t> parse_nominal(std::string_view text)
{
    std::string_view rest = trimmed(text);
    std::string digits;
    if (!take_whole_part(rest, digits) || !rest.empty() || digits.size() > 10)
        return std::nullopt;
    const long long nominal = std::stoll(digits);
    if (nominal < 1 || nominal > std::numeric_limits<std::int32_t>::max())
        return std::nullopt;
    return static_cast<std::int32_t>(nominal);
}

} // namespace cbr
