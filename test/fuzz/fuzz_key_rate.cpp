// core/key_rate: rates are of the range that was asked for, in ascending order of days, each of which is there once; a
// wider range has them all, and they read the same when they are written again. Without the name of a result in it, an
// answer is an error.
#include "core/key_rate.h"
#include "documents.h"

#include <algorithm>

namespace cbr {
namespace {

using Rates = std::vector<KeyRate>;

const DateRange asked{calendar_day(2024, 4, 1), calendar_day(2024, 4, 30)}; // as the seeds do
const DateRange all{first_of_archive, last_of_calendar};

std::optional<Rates> read(std::string_view bytes, DateRange range = asked)
{
    return outcome(bytes, [&](const DocumentSource &source) { return read_key_rates(bytes, source, range); });
}

std::string written_backwards(const Rates &rates)
{
    std::string document = "<Envelope><Body><KeyRateXMLResponse><KeyRateXMLResult><KeyRate>";
    for (auto rate = rates.rbegin(); rate != rates.rend(); ++rate)
        document +=
            "<KR>" + element("Rate", rate->rate) + element("DT", rate->date.iso() + "T00:00:00+03:00") + "</KR>";
    return document + "</KeyRate></KeyRateXMLResult></KeyRateXMLResponse></Body></Envelope>";
}

bool same(const KeyRate &a, const KeyRate &b) { return a.date == b.date && a.rate == b.rate; }

bool same_rates(const std::optional<Rates> &a, const std::optional<Rates> &b)
{
    return a && b && std::equal(a->begin(), a->end(), b->begin(), b->end(), same);
}

void check(std::string_view bytes)
{
    const std::optional<Rates> rates = read(bytes);
    if (!rates)
        return;
    // Another encoding may spell it with other bytes.
    ensure(bytes.find("KeyRateXMLResult") != std::string_view::npos ||
               in_upper_case(bytes).find("ENCODING") != std::string::npos,
           "there is a result");
    for (const KeyRate &rate : *rates) {
        ensure(is_within(rate.date, asked), "a rate is in the range");
        check_value(rate.rate);
    }
    for (std::size_t i = 1; i < rates->size(); ++i)
        ensure((*rates)[i - 1].date < (*rates)[i].date, "days ascend");
    ensure(same_rates(rates, read(bytes, all)), "a wider range has the same");
    ensure(same_rates(rates, read(written_backwards(*rates))), "what was written again reads the same");
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check(cbr::as_text(data, size));
    return 0;
}
