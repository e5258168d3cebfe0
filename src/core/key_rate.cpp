#include "core/key_rate.h"

#include "core/fields.h"
#include "core/text.h"

#include <algorithm>

namespace cbr {
namespace {

// An answer is Envelope, Body, KeyRateXMLResponse, KeyRateXMLResult, KeyRate, KR, one in the other. What the envelope
// holds is known before rates are looked for, since an answer without rates is one too.
const DocumentShape &fault_shape()
{
    static const DocumentShape shape{"Envelope", {}, "Fault", {}, {"faultstring"}, 3};
    return shape;
}

const DocumentShape &result_shape()
{
    static const DocumentShape shape{"Envelope", {}, "KeyRateXMLResult", {}, {}, 4};
    return shape;
}

const DocumentShape &key_rate_shape()
{
    static const DocumentShape shape{"Envelope", {}, "KR", {}, {"DT", "Rate"}, 6};
    return shape;
}

constexpr std::size_t max_fault_bytes = 400; // of its text in a message

void ensure_no_fault(std::string_view bytes, const DocumentSource &source)
{
    read_document(bytes, source, fault_shape(), [&](const Element &fault) {
        const std::string_view text = fault.find("faultstring").value_or("");
        fail_document(source, ErrorKind::document, "it is a SOAP fault",
                      text.empty() ? "The service does not say why."
                                   : "The service says " + quoted_excerpt(text, max_fault_bytes) + ".");
    });
}

void ensure_result(std::string_view bytes, const DocumentSource &source)
{
    bool found = false;
    read_document(bytes, source, result_shape(), [&](const Element &) { found = true; });
    if (!found)
        fail_document(source, ErrorKind::document, "it has no KeyRateXMLResult");
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
    ensure_no_fault(bytes, source);
    ensure_result(bytes, source);
    std::vector<KeyRate> rates;
    const Element root = read_document(bytes, source, key_rate_shape(), [&](const Element &element) {
        const KeyRate rate{read_day(element), read_positive(element, "Rate")};
        if (rate.date < range.first || rate.date > range.last)
            element.fail(ErrorKind::document, "a record is outside of the range asked for");
        rates.push_back(rate);
    });
    std::sort(rates.begin(), rates.end(), [](const KeyRate &a, const KeyRate &b) { return a.date < b.date; });
    for (std::size_t i = 1; i < rates.size(); ++i)
        if (rates[i].date == rates[i - 1].date)
            root.fail(ErrorKind::document, "two records are of " + rates[i].date.iso());
    return rates;
}

} // namespace cbr
