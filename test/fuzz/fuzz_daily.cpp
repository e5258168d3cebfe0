// core/daily: bytes are either a publication that keeps every promise of rate.h, or an Error of a kind that documents
// have, in UTF-8. Anything else that is thrown, except for want of memory, ends the process.
#include "bytes.h"
#include "core/currency.h"
#include "core/daily.h"
#include "core/decimal.h"
#include "core/text.h"

#include <new>
#include <set>

namespace cbr {
namespace {

void check_rate(const Rate &rate)
{
    ensure(is_bank_id(rate.cbr_id), "the ID is well-formed");
    ensure(is_iso_code(rate.char_code), "CharCode is well-formed");
    ensure(rate.num_code.size() <= 3 && rate.num_code.find_first_not_of("0123456789") == std::string::npos,
           "NumCode is up to three digits");
    ensure(!rate.name.empty() && is_utf8(rate.name), "the name is UTF-8");
    ensure(rate.name.find('\0') == std::string::npos, "the name is free of NUL bytes");
    ensure(rate.nominal >= 1, "the nominal is positive");
    ensure(parse_decimal(rate.value) == rate.value && is_positive(rate.value), "the value is a positive number");
}

// Windows-1251 has no character 98: the document cannot have been read to its end.
bool is_undecodable(std::string_view bytes)
{
    return starts_with(bytes, "<?xml version=\"1.0\" encoding=\"windows-1251\"?>") &&
           bytes.find('\x98') != std::string_view::npos;
}

void check(std::string_view bytes)
{
    try {
        const Publication publication = read_daily(bytes, given_document(bytes));
        ensure(!is_undecodable(bytes), "every byte can be decoded");
        ensure(!publication.rates.empty(), "something is quoted");
        ensure(parse_date(publication.effective_date.request()) == publication.effective_date, "the date is a date");
        std::set<std::string> ids;
        for (const Rate &rate : publication.rates) {
            check_rate(rate);
            ensure(ids.insert(rate.cbr_id).second, "each currency is there once");
        }
    } catch (const Error &error) {
        ensure(error.kind == ErrorKind::document || error.kind == ErrorKind::number ||
                   error.kind == ErrorKind::date_range,
               "the kind is one of documents");
        ensure(starts_with(error.message, "invalid document: "), "the message names the document");
        ensure(is_utf8(error.message + error.detail + error.hint), "messages are UTF-8");
        ensure(error.message.find('\n') == std::string::npos, "the message is one line");
    } catch (const std::bad_alloc &) {
    }
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check(cbr::as_text(data, size));
    return 0;
}
