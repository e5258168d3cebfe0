#include "core/directory.h"

#include "core/error.h"

#include <algorithm>

namespace cbr {
namespace {

bool has_id(const std::vector<Currency> &currencies, const std::string &cbr_id)
{
    return std::any_of(currencies.begin(), currencies.end(),
                       [&](const Currency &currency) { return currency.cbr_id == cbr_id; });
}

} // namespace

CurrencyDirectory::CurrencyDirectory(const Publication &newest)
{
    for (const Rate &rate : newest.rates)
        newest_.push_back(rate);
}

void CurrencyDirectory::add(const std::vector<CatalogueEntry> &catalogue)
{
    for (const CatalogueEntry &entry : catalogue)
        if (!has_id(newest_, entry.cbr_id) && !has_id(catalogue_, entry.cbr_id))
            catalogue_.push_back({entry.cbr_id, entry.num_code, entry.char_code, entry.name});
}

bool CurrencyDirectory::lacks_any(const CurrencySelection &selection) const
{
    return selection.all || std::any_of(selection.codes.begin(), selection.codes.end(),
                                        [&](const std::string &code) { return find(code).empty(); });
}

std::vector<const Currency *> CurrencyDirectory::find(const std::string &code) const
{
    std::vector<const Currency *> found;
    for (const auto *currencies : {&newest_, &catalogue_}) {
        for (const Currency &currency : *currencies)
            if (currency.cbr_id == code || currency.char_code == code)
                found.push_back(&currency);
        if (!found.empty())
            break;
    }
    return found;
}

std::vector<Currency> CurrencyDirectory::select(const CurrencySelection &selection) const
{
    std::vector<Currency> selected;
    const auto take = [&](const Currency &currency) {
        if (!has_id(selected, currency.cbr_id))
            selected.push_back(currency);
    };
    for (const std::string &code : selection.codes) {
        const std::vector<const Currency *> found = find(code);
        for (const Currency *currency : found)
            take(*currency);
        if (found.empty() && is_iso_code(code))
            throw Error(ErrorKind::not_quoted, "the Bank of Russia has no currency " + code,
                        "It is neither in the newest publication nor in the catalogue.",
                        "A currency that was redenominated has another code before: BYR and BYN, TRL and TRY.");
        if (found.empty())
            take({code, "", "", ""});
    }
    if (selection.all)
        for (const auto *currencies : {&newest_, &catalogue_})
            for (const Currency &currency : *currencies)
                take(currency);
    return selected;
}

} // namespace cbr
