#include "core/dynamic.h"

#include "core/fields.h"
#include "core/text.h"

#include <algorithm>

namespace cbr {
namespace {

const DocumentShape &dynamic_shape()
{
    static const DocumentShape shape{
        "ValCurs", {"ID", "DateRange1", "DateRange2"}, "Record", {"Date", "Id"}, {"Nominal", "Value"}};
    return shape;
}

SeriesRecord read_record(const Element &element)
{
    SeriesRecord record;
    record.effective_date = read_date(element, "Date");
    record.cbr_id = read_bank_id(element, "Id");
    record.nominal = read_nominal(element);
    record.value = read_positive(element, "Value");
    return record;
}

void ensure_echo(const Element &root, const std::string &cbr_id, DateRange range)
{
    if (read_bank_id(root, "ID") != cbr_id || read_date(root, "DateRange1") != range.first ||
        read_date(root, "DateRange2") != range.last)
        root.fail(ErrorKind::document,
                  "it is not about " + cbr_id + " from " + range.first.iso() + " to " + range.last.iso());
}

} // namespace

std::vector<SeriesRecord> read_dynamic(std::string_view bytes, const DocumentSource &source, const std::string &cbr_id,
                                       DateRange range)
{
    std::vector<SeriesRecord> records;
    const Element root = read_document(bytes, source, dynamic_shape(), [&](const Element &element) {
        SeriesRecord record = read_record(element);
        if (record.effective_date < range.first || record.effective_date > range.last)
            element.fail(ErrorKind::document, "a record is outside of the range asked for");
        records.push_back(std::move(record));
    });
    ensure_echo(root, cbr_id, range);
    std::sort(records.begin(), records.end(),
              [](const SeriesRecord &a, const SeriesRecord &b) { return a.effective_date < b.effective_date; });
    for (std::size_t i = 1; i < records.size(); ++i)
        if (records[i].effective_date == records[i - 1].effective_date)
            root.fail(ErrorKind::document, "two records are of " + records[i].effective_date.iso());
    return records;
}

} // namespace cbr
