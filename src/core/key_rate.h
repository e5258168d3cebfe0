// The Bank's key rate, from its SOAP service (method KeyRateXML): UTF-8, a decimal point, days as 2023-06-23T00:00:00.
#pragma once
#include "core/dynamic.h"
#include "core/fence.h"

namespace cbr {

struct KeyRate {
    Date date;
    std::string rate; // per cent a year, as numeric reads it
};

// The envelope that asks for a range, and its action.
std::string key_rate_envelope(DateRange range);
inline constexpr const char *key_rate_action = "http://web.cbr.ru/KeyRateXML";

// Each date once, in ascending order; none where the range has none. Throws Error: document (a SOAP fault too) or
// number.
std::vector<KeyRate> read_key_rates(std::string_view bytes, const DocumentSource &source, DateRange range);

} // namespace cbr
