// core/currency: a list either is malformed, or names well-formed codes, each once; a selection keeps what it should.
#include "bytes.h"
#include "core/currency.h"
#include "core/error.h"
#include "core/text.h"

#include <algorithm>
#include <set>

namespace cbr {
namespace {

using Codes = std::vector<std::string>;

Publication publication()
{
    Publication made;
    for (const auto &[id, code] :
         {std::pair("R01035", "GBP"), std::pair("R01090B", "BYN"), std::pair("R01235", "USD")}) {
        Rate rate;
        rate.cbr_id = id;
        rate.char_code = code;
        made.rates.push_back(rate);
    }
    return made;
}

bool has(const Codes &codes, const std::string &code)
{
    return std::find(codes.begin(), codes.end(), code) != codes.end();
}

bool names(const CurrencySelection &selection, const Rate &rate)
{
    return selection.all || has(selection.codes, rate.char_code) || has(selection.codes, rate.cbr_id);
}

void check_selection(const CurrencySelection &selection)
{
    ensure(selection.all || !selection.codes.empty(), "something is selected");
    ensure(std::set<std::string>(selection.codes.begin(), selection.codes.end()).size() == selection.codes.size(),
           "each code is there once");
    for (const std::string &code : selection.codes)
        ensure(is_iso_code(code) != is_bank_id(code), "a code is either an ISO code or an ID");

    const Publication whole = publication();
    Publication kept = whole;
    const auto wanted =
        std::count_if(whole.rates.begin(), whole.rates.end(), [&](const Rate &r) { return names(selection, r); });
    try {
        const Codes missing = keep_selected(kept, selection);
        ensure(wanted > 0, "nothing selected is an error");
        ensure(kept.rates.size() == static_cast<std::size_t>(wanted), "all that is selected is kept");
        for (const Rate &rate : kept.rates)
            ensure(names(selection, rate), "only what is selected is kept");
        for (const std::string &code : missing) {
            ensure(has(selection.codes, code), "only codes asked for are missing");
            for (const Rate &rate : whole.rates)
                ensure(rate.char_code != code && rate.cbr_id != code, "what is quoted is not missing");
        }
    } catch (const Error &error) {
        ensure(error.kind == ErrorKind::not_quoted && wanted == 0, "only nothing selected is an error");
    }
}

void check(std::string_view text)
{
    try {
        check_selection(parse_currency_list(text));
    } catch (const Error &error) {
        ensure(error.kind == ErrorKind::parameter, "a malformed list is an error of the parameter");
        ensure(is_utf8(error.message + error.detail + error.hint), "messages are UTF-8");
    }
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check(cbr::as_text(data, size));
    return 0;
}
