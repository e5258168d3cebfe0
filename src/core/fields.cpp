#include "core/fields.h"

#include "core/currency.h"
#include "core/decimal.h"
#include "core/text.h"

#include <algorithm>

namespace cbr {

std::string read_bank_id(const Element &element, const char *field)
{
    const std::string_view id = element.required(field);
    if (!is_bank_id(id))
        element.fail(ErrorKind::document, "malformed " + std::string(field) + " " + quoted_excerpt(id));
    return std::string(id);
}

Date read_date(const Element &element, const char *field)
{
    const std::string_view text = element.required(field);
    const std::optional<Date> date = parse_date(text);
    if (!date)
        element.fail(ErrorKind::number, std::string(field) + " is not a date: " + quoted_excerpt(text));
    return *date;
}

std::int32_t read_nominal(const Element &element)
{
    const std::string_view text = element.required("Nominal");
    const std::optional<std::int32_t> nominal = parse_nominal(text);
    if (!nominal)
        element.fail(ErrorKind::number, "Nominal is not a positive whole number: " + quoted_excerpt(text));
    return *nominal;
}

std::string read_positive(const Element &element, const char *field)
{
    const std::string_view text = element.required(field);
    const std::optional<std::string> value = parse_decimal(text);
    if (!value || !is_positive(*value))
        element.fail(ErrorKind::number, std::string(field) + " is not a positive number: " + quoted_excerpt(text));
    return *value;
}

std::string read_num_code(const Element &element, const char *field)
{
    const std::string_view code = element.find(field).value_or("");
    if (code.size() > 3 || !std::all_of(code.begin(), code.end(), is_digit))
        element.fail(ErrorKind::document, "malformed " + std::string(field) + " " + quoted_excerpt(code));
    return code.empty() ? std::string() : std::string(3 - code.size(), '0').append(code);
}

} // namespace cbr
