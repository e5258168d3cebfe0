// core/daily: bytes are either a publication that keeps every promise of rate.h, or an Error of a kind that documents
// have, in UTF-8. Anything else that is thrown, except for want of memory, ends the process.
#include "core/daily.h"
#include "documents.h"

#include <set>

namespace cbr {
namespace {

void check_rate(const Rate &rate)
{
    check_id(rate.cbr_id);
    ensure(is_iso_code(rate.char_code), "CharCode is well-formed");
    check_num_code(rate.num_code);
    ensure(!rate.name.empty(), "the name is there");
    check_text(rate.name);
    ensure(rate.nominal >= 1, "the nominal is positive");
    check_value(rate.value);
}

// Windows-1251 has no character 98: the document cannot have been read to its end.
bool is_undecodable(std::string_view bytes)
{
    return starts_with(bytes, "<?xml version=\"1.0\" encoding=\"windows-1251\"?>") &&
           bytes.find('\x98') != std::string_view::npos;
}

void check(std::string_view bytes)
{
    const auto publication = outcome(bytes, [&](const DocumentSource &source) { return read_daily(bytes, source); });
    if (!publication)
        return;
    ensure(!is_undecodable(bytes), "every byte can be decoded");
    ensure(!publication->rates.empty(), "something is quoted");
    ensure(parse_date(publication->effective_date.request()) == publication->effective_date, "the date is a date");
    std::set<std::string> ids;
    for (const Rate &rate : publication->rates) {
        check_rate(rate);
        ensure(ids.insert(rate.cbr_id).second, "each currency is there once");
    }
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check(cbr::as_text(data, size));
    return 0;
}
