// core/decimal: whatever comes out is a number that PostgreSQL's numeric reads, with the digits that went in.
#include "bytes.h"
#include "core/decimal.h"
#include "core/text.h"

#include <string>

namespace cbr {
namespace {

std::size_t skip_digits(std::string_view text, std::size_t place)
{
    while (place < text.size() && is_digit(text[place]))
        ++place;
    return place;
}

// -?digits(.digits)?(E-?digit digit?)?
bool is_numeric_literal(std::string_view text)
{
    std::size_t place = starts_with(text, "-") ? 1 : 0;
    std::size_t end = skip_digits(text, place);
    if (end == place)
        return false;
    if (end < text.size() && text[end] == '.') {
        place = end + 1;
        end = skip_digits(text, place);
        if (end == place)
            return false;
    }
    if (end < text.size() && text[end] == 'E') {
        place = end + 1;
        if (place < text.size() && text[place] == '-')
            ++place;
        end = skip_digits(text, place);
        if (end == place || end - place > 2)
            return false;
    }
    return end == text.size();
}

std::string digits_of(std::string_view text)
{
    std::string digits;
    for (const char c : text)
        if (is_digit(c))
            digits += c;
    return digits;
}

void check(std::string_view text)
{
    const std::optional<std::string> number = parse_decimal(text);
    if (number) {
        ensure(is_numeric_literal(*number), "the number has numeric's form");
        ensure(number->size() <= 50, "the number is short");
        ensure(digits_of(*number) == digits_of(text), "the digits are those of the text");
        ensure(parse_decimal(*number) == number, "the number reads as itself");
        const std::string mantissa = number->substr(0, number->find('E'));
        const bool positive = mantissa[0] != '-' && digits_of(mantissa).find_first_not_of('0') != std::string::npos;
        ensure(is_positive(*number) == positive, "positive means no minus and a digit other than 0");
    }
    if (const std::optional<std::int32_t> nominal = parse_nominal(text)) {
        ensure(*nominal >= 1, "a nominal is positive");
        ensure(number.has_value(), "a nominal is a number");
        ensure(std::stoll(*number) == *nominal, "a nominal is that number");
    }
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check(cbr::as_text(data, size));
    return 0;
}
