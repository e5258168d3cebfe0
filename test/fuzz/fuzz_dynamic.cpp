// core/dynamic: a series is about the currency and the range that were asked for, in ascending order of days, each of
// which is there once; and it reads the same when it is written again, whatever the order of its records.
#include "core/dynamic.h"
#include "documents.h"

#include <algorithm>

namespace cbr {
namespace {

using Records = std::vector<SeriesRecord>;

const std::string asked_id = "R01235"; // as the seeds do
const DateRange asked{calendar_day(2026, 3, 1), calendar_day(2026, 3, 17)};

std::optional<Records> read(std::string_view bytes, const std::string &cbr_id = asked_id, DateRange range = asked)
{
    return outcome(bytes, [&](const DocumentSource &source) { return read_dynamic(bytes, source, cbr_id, range); });
}

std::string written_backwards(const Records &records)
{
    std::string document = "<ValCurs ID=\"" + asked_id + "\" DateRange1=\"" + asked.first.request() +
                           "\" DateRange2=\"" + asked.last.request() + "\">";
    for (auto record = records.rbegin(); record != records.rend(); ++record)
        document += "<Record Id=\"" + record->cbr_id + "\" Date=\"" + record->effective_date.request() + "\">" +
                    element("Value", record->value) + element("Nominal", std::to_string(record->nominal)) + "</Record>";
    return document + "</ValCurs>";
}

bool same(const SeriesRecord &a, const SeriesRecord &b)
{
    return a.effective_date == b.effective_date && a.cbr_id == b.cbr_id && a.nominal == b.nominal && a.value == b.value;
}

void check_records(const Records &records)
{
    for (const SeriesRecord &record : records) {
        ensure(is_within(record.effective_date, asked), "a record is in the range");
        check_id(record.cbr_id);
        ensure(record.nominal >= 1, "the nominal is positive");
        check_value(record.value);
    }
    for (std::size_t i = 1; i < records.size(); ++i)
        ensure(records[i - 1].effective_date < records[i].effective_date, "days ascend");
}

void check(std::string_view bytes)
{
    const std::optional<Records> records = read(bytes);
    if (!records)
        return;
    check_records(*records);
    const std::optional<Records> again = read(written_backwards(*records));
    ensure(again && std::equal(records->begin(), records->end(), again->begin(), again->end(), same),
           "what was written again reads the same");
    for (const DateRange other : neighbours(asked))
        ensure(!read(bytes, asked_id, other), "it is about no other range");
    ensure(!read(bytes, "R01239"), "it is about no other currency");
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check(cbr::as_text(data, size));
    return 0;
}
