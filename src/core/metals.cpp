#include "core/metals.h"

#include "core/fields.h"
#include "core/text.h"

namespace cbr {
namespace {

const DocumentShape &metals_shape()
{
    static const DocumentShape shape{"Metall", {}, "Record", {"Date", "Code"}, {"Buy", "Sell"}};
    return shape;
}

const char *read_metal(const Element &record)
{
    static const char *const metals[] = {"gold", "silver", "platinum", "palladium"};
    const std::string_view code = record.required("Code");
    if (code.size() != 1 || code[0] < '1' || code[0] > '4')
        record.fail(ErrorKind::document, "unknown metal " + quoted_excerpt(code));
    return metals[code[0] - '1'];
}

} // namespace

std::vector<MetalPrice> read_metals(std::string_view bytes, const DocumentSource &source, DateRange range)
{
    std::vector<MetalPrice> prices;
    const Element root = read_document(bytes, source, metals_shape(), [&](const Element &record) {
        const MetalPrice price{read_date(record, "Date"), read_metal(record), read_positive(record, "Buy"),
                               read_positive(record, "Sell")};
        if (price.date < range.first || price.date > range.last)
            record.fail(ErrorKind::document, "a record is outside of the range asked for");
        prices.push_back(price);
    });
    ensure_no_parameter_error(root, source);
    return prices;
}

} // namespace cbr
