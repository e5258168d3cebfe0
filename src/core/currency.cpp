#include "core/currency.h"

#include "core/error.h"
#include "core/text.h"

#include <algorithm>

namespace cbr {
namespace {

constexpr std::size_t max_bank_id_length = 16;

std::string joined(const std::vector<std::string> &codes)
{
    std::string list;
    for (const std::string &code : codes)
        list += (list.empty() ? "" : ", ") + code;
    return list;
}

void ensure_code(const std::string &code, std::string_view as_given)
{
    if (!is_iso_code(code) && !is_bank_id(code))
        throw Error(ErrorKind::parameter, "malformed currency code: " + quoted_excerpt(as_given), {},
                    "A currency is an ISO code like USD or an ID of the Bank of Russia like R01235; * is all of them.");
}

bool quotes(const Rate &rate, const std::string &code) { return rate.char_code == code || rate.cbr_id == code; }

} // namespace

bool is_iso_code(std::string_view text) { return text.size() == 3 && std::all_of(text.begin(), text.end(), is_upper); }

bool is_bank_id(std::string_view text)
{
    const auto upper_or_digit = [](char c) { return is_upper(c) || is_digit(c); };
    return !text.empty() && text.size() <= max_bank_id_length && is_upper(text[0]) &&
           std::all_of(text.begin(), text.end(), upper_or_digit) && std::any_of(text.begin(), text.end(), is_digit);
}

CurrencySelection parse_currencies(const std::vector<std::string> &codes)
{
    CurrencySelection selection;
    for (const std::string &given : codes) {
        const std::string code = in_upper_case(trimmed(given));
        if (code == "*") {
            selection.all = true;
            continue;
        }
        ensure_code(code, given);
        if (std::find(selection.codes.begin(), selection.codes.end(), code) == selection.codes.end())
            selection.codes.push_back(code);
    }
    if (!selection.all && selection.codes.empty())
        throw Error(ErrorKind::parameter, "no currency is named", {},
                    "Name ISO codes or IDs of the Bank of Russia, or * for all currencies.");
    return selection;
}

CurrencySelection parse_currency_list(std::string_view comma_separated)
{
    std::vector<std::string> codes;
    while (!trimmed(comma_separated).empty()) {
        const std::size_t comma = comma_separated.find(',');
        codes.emplace_back(comma_separated.substr(0, comma));
        comma_separated.remove_prefix(comma == std::string_view::npos ? comma_separated.size() : comma + 1);
    }
    return parse_currencies(codes);
}

std::vector<std::string> keep_selected(Publication &publication, const CurrencySelection &selection)
{
    std::vector<std::string> not_quoted;
    std::vector<bool> wanted(publication.rates.size(), selection.all);
    for (const std::string &code : selection.codes) {
        bool quoted = false;
        for (std::size_t i = 0; i < publication.rates.size(); ++i)
            if (quotes(publication.rates[i], code))
                wanted[i] = quoted = true;
        if (!quoted)
            not_quoted.push_back(code);
    }

    std::vector<Rate> kept;
    std::vector<std::string> all_quoted;
    for (std::size_t i = 0; i < publication.rates.size(); ++i) {
        all_quoted.push_back(publication.rates[i].char_code);
        if (wanted[i])
            kept.push_back(std::move(publication.rates[i]));
    }
    if (kept.empty())
        throw Error(ErrorKind::not_quoted,
                    "the publication of " + publication.effective_date.iso() +
                        " quotes none of the currencies asked for",
                    "Asked for: " + joined(not_quoted) + ". Quoted: " + joined(all_quoted) + ".",
                    "A currency that was redenominated has another code before: BYR and BYN, TRL and TRY.");
    publication.rates = std::move(kept);
    return not_quoted;
}

} // namespace cbr
