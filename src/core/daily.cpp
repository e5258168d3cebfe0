#include "core/daily.h"

#include "core/currency.h"
#include "core/decimal.h"
#include "core/text.h"

#include <algorithm>
#include <unordered_set>

namespace cbr {
namespace {

// The longest time that the Bank has let a publication stand is New Year's, 12 days.
constexpr std::int64_t longest_validity_days = 31;

// VunitRate, value divided by nominal, appeared in October 2023 and may be absent: it is not read.
const DocumentShape &daily_shape()
{
    static const DocumentShape shape{
        "ValCurs", {"Date"}, "Valute", {"ID"}, {"NumCode", "CharCode", "Nominal", "Name", "Value"}};
    return shape;
}

std::string read_id(const Element &valute)
{
    const std::string_view id = valute.required("ID");
    if (!is_bank_id(id))
        valute.fail(ErrorKind::document, "malformed ID " + quoted_excerpt(id));
    return std::string(id);
}

std::string read_char_code(const Element &valute)
{
    const std::string_view code = valute.required("CharCode");
    if (!is_iso_code(code))
        valute.fail(ErrorKind::document, "malformed CharCode " + quoted_excerpt(code));
    return std::string(code);
}

std::string read_num_code(const Element &valute)
{
    const std::string_view code = valute.find("NumCode").value_or("");
    if (code.size() > 3 || !std::all_of(code.begin(), code.end(), is_digit))
        valute.fail(ErrorKind::document, "malformed NumCode " + quoted_excerpt(code));
    return std::string(code);
}

std::int32_t read_nominal(const Element &valute)
{
    const std::string_view text = valute.required("Nominal");
    const std::optional<std::int32_t> nominal = parse_nominal(text);
    if (!nominal)
        valute.fail(ErrorKind::number, "Nominal is not a positive whole number: " + quoted_excerpt(text));
    return *nominal;
}

std::string read_value(const Element &valute)
{
    const std::string_view text = valute.required("Value");
    const std::optional<std::string> value = parse_decimal(text);
    if (!value || !is_positive(*value))
        valute.fail(ErrorKind::number, "Value is not a positive number: " + quoted_excerpt(text));
    return *value;
}

Rate read_rate(const Element &valute)
{
    Rate rate;
    rate.cbr_id = read_id(valute);
    rate.num_code = read_num_code(valute);
    rate.char_code = read_char_code(valute);
    rate.name = std::string(valute.required("Name"));
    rate.nominal = read_nominal(valute);
    rate.value = read_value(valute);
    return rate;
}

Date read_effective_date(const Element &root)
{
    const std::string_view text = root.required("Date");
    const std::optional<Date> date = parse_date(text);
    if (!date)
        root.fail(ErrorKind::number, "Date is not a date: " + quoted_excerpt(text));
    return *date;
}

} // namespace

Publication read_daily(std::string_view bytes, const DocumentSource &source)
{
    Publication publication;
    std::unordered_set<std::string> ids;
    const Element root = read_document(bytes, source, daily_shape(), [&](const Element &valute) {
        Rate rate = read_rate(valute);
        if (!ids.insert(rate.cbr_id).second)
            valute.fail(ErrorKind::document, "a currency appears twice");
        publication.rates.push_back(std::move(rate));
    });
    if (!root.find("Date") && starts_with(root.text, "Error in parameters"))
        fail_document(source, ErrorKind::date_range, "the service says \"Error in parameters\"",
                      "That is its answer to a date that it has no rates for.",
                      "Its archive begins on 1992-07-01; ask for a later date.");
    publication.effective_date = read_effective_date(root);
    if (publication.rates.empty())
        root.fail(ErrorKind::document, "it quotes no currency");
    return publication;
}

void ensure_in_force(const Publication &publication, Date asked, Date today, const DocumentSource &source)
{
    const Date effective = publication.effective_date;
    if (asked > today && effective != asked)
        throw Error(ErrorKind::not_published, "the rates of " + asked.iso() + " are not published yet",
                    "The latest publication takes effect on " + effective.iso() + ".",
                    "The Bank of Russia publishes a day's rates in the afternoon, Moscow time, of the working day before.");
    if (effective > asked || asked - effective > longest_validity_days)
        fail_document(source, ErrorKind::document,
                      "its rates took effect on " + effective.iso() + " and are not those in force on " + asked.iso());
}

} // namespace cbr
