// Which currencies a caller wants: ISO codes (USD) or the Bank's IDs (R01235), in any case, or `*` for all.
#pragma once
#include "core/fence.h"
#include "core/rate.h"

#include <string>
#include <string_view>
#include <vector>

namespace cbr {

struct CurrencySelection {
    bool all = false;
    std::vector<std::string> codes; // upper case, each once
};

// Three capital letters.
bool is_iso_code(std::string_view text);

// A capital letter, then capital letters and digits with a digit among them: R01235, R01090B. Sixteen at the most.
bool is_bank_id(std::string_view text);

// Both throw Error(parameter) for a malformed code, and where no currency is named.
CurrencySelection parse_currencies(const std::vector<std::string> &codes);
CurrencySelection parse_currency_list(std::string_view comma_separated);

// Reduces the publication to the currencies selected and returns the codes that it does not quote.
// Throws Error(not_quoted) if it quotes none of them.
std::vector<std::string> keep_selected(Publication &publication, const CurrencySelection &selection);

} // namespace cbr
