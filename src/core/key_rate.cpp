#include "core/key_rate.h"

#include "core/fields.h"
#include "core/text.h"

#include <algorithm>

namespace cbr {
namespace {

// Envelope, Body, KeyRateXMLResponse, KeyRateXMLResult, KeyRate, KR.
const DocumentShape &key_rate_shape()
{
    static const DocumentShape shape{"Envelope", {}, "KR", {}, {"DT", "Rate"}, 6};
    return shape;
}

// The service writes the hour and the zone of Moscow behind the day; the first ten characters are the day.
Date read_day(const Element &element)
{
    const std::string_view text = element.required("DT");
    const std::optional<Date> date = parse_iso_date(text.substr(0, 10));
    if (!date)
        element.fail(ErrorKind::number, "DT is not a date: " + quoted_excerpt(text));
    return *date;
}

} // namespace

std::string key_rate_envelope(DateRange range)
{
    return "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
           "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>"
           "<KeyRateXML xmlns=\"http://web.cbr.ru/\"><fromDate>" +
           range.first.iso() + "T00:00:00</fromDate><ToDate>" + range.last.iso() +
           "T00:00:00</ToDate></KeyRateXML></soap:Body></soap:Envelope>";
}

std::vector<KeyRate> read_key_rates(std::string_view bytes, const DocumentSource &source, DateRange range)
{
    std::vector<KeyRate> rates;
    read_document(bytes, source, key_rate_shape(), [&](const Element &element) {
        const KeyRate rate{read_day(element), read_positive(element, "Rate")};
        if (rate.date < range.first || rate.date > range.last)
            element.fail(ErrorKind::document, "a record is outside of the range asked for");
        rates.push_back(rate);
    });
    if (rates.empty() && bytes.find("KeyRateXMLResult") == std::string_view::npos)
        fail_document(source, ErrorKind::document, "it has no KeyRateXMLResult");
    std::sort(rates.begin(), rates.end(), [](const KeyRate &a, const KeyRate &b) { return a.date < b.date; });
    return rates;
}

} // namespace cbr
