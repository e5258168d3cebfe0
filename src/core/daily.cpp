#include "core/daily.h"

#include "core/currency.h"
#include "core/fields.h"
#include "core/text.h"

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

std::string read_char_code(const Element &valute)
{
    const std::string_view code = valute.required("CharCode");
    if (!is_iso_code(code))
        valute.fail(ErrorKind::document, "malformed CharCode " + quoted_excerpt(code));
    return std::string(code);
}

Rate read_rate(const Element &valute)
{
    Rate rate;
    rate.cbr_id = read_bank_id(valute, "ID");
    rate.num_code = read_num_code(valute, "NumCode");
    rate.char_code = read_char_code(valute);
    rate.name = std::string(valute.required("Name"));
    rate.nominal = read_nominal(valute);
    rate.value = read_positive(valute, "Value");
    return rate;
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
    publication.effective_date = read_date(root, "Date");
    if (publication.rates.empty())
        root.fail(ErrorKind::document, "it quotes no currency");
    return publication;
}

void ensure_in_force(const Publication &publication, Date asked, Date today, const DocumentSource &source)
{
    const Date effective = publication.effective_date;
    if (asked > today && effective != asked)
        throw Error(
            ErrorKind::not_published, "the rates of " + asked.iso() + " are not published yet",
            "The latest publication takes effect on " + effective.iso() + ".",
            "The Bank of Russia publishes a day's rates in the afternoon, Moscow time, of the working day before.");
    if (effective > asked || asked - effective > longest_validity_days)
        fail_document(source, ErrorKind::document,
                      "its rates took effect on " + effective.iso() + " and are not those in force on " + asked.iso());
}

} // namespace cbr
