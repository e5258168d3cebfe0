#include "core/metals.h"

#include "core/fields.h"
#include "core/text.h"

#include <map>
#include <utility>

namespace cbr {
namespace {

const DocumentShape &metals_shape()
{
    static const DocumentShape shape{"Metall", {"FromDate", "ToDate"}, "Record", {"Date", "Code"}, {"Buy", "Sell"}};
    return shape;
}

constexpr const char *metals[] = {"gold", "silver", "platinum", "palladium"}; // codes 1 to 4

// The metal's place in the list.
std::size_t read_metal(const Element &record)
{
    const std::string_view code = record.required("Code");
    if (code.size() != 1 || code[0] < '1' || code[0] > '4')
        record.fail(ErrorKind::document, "unknown metal " + quoted_excerpt(code));
    return static_cast<std::size_t>(code[0] - '1');
}

// yyyymmdd: only this document's root writes a day so.
Date read_echoed_day(const Element &root, const char *attribute)
{
    const std::string text(root.required(attribute));
    const std::optional<Date> date =
        text.size() == 8 ? parse_iso_date(text.substr(0, 4) + "-" + text.substr(4, 2) + "-" + text.substr(6))
                         : std::nullopt;
    if (!date)
        root.fail(ErrorKind::number, std::string(attribute) + " is not a date: " + quoted_excerpt(text));
    return *date;
}

void ensure_echo(const Element &root, DateRange range)
{
    if (read_echoed_day(root, "FromDate") != range.first || read_echoed_day(root, "ToDate") != range.last)
        root.fail(ErrorKind::document,
                  "it is not about the days from " + range.first.iso() + " to " + range.last.iso());
}

} // namespace

std::vector<MetalPrice> read_metals(std::string_view bytes, const DocumentSource &source, DateRange range)
{
    std::map<std::pair<Date, std::size_t>, MetalPrice> by_day_and_metal;
    const Element root = read_document(bytes, source, metals_shape(), [&](const Element &record) {
        const std::size_t metal = read_metal(record);
        MetalPrice price{read_date(record, "Date"), metals[metal], read_positive(record, "Buy"),
                         read_positive(record, "Sell")};
        if (price.date < range.first || price.date > range.last)
            record.fail(ErrorKind::document, "a record is outside of the range asked for");
        if (by_day_and_metal.count({price.date, metal}))
            record.fail(ErrorKind::document,
                        "two records are of " + std::string(price.metal) + " on " + price.date.iso());
        by_day_and_metal.emplace(std::pair(price.date, metal), std::move(price));
    });
    ensure_echo(root, range);
    std::vector<MetalPrice> prices;
    prices.reserve(by_day_and_metal.size());
    for (auto &[day_and_metal, price] : by_day_and_metal)
        prices.push_back(std::move(price));
    return prices;
}

} // namespace cbr
