// What the Bank publishes: a rate is the price of `nominal` units of a currency in roubles; a publication is the set
// of rates that takes effect on one day and holds until the next publication does.
#pragma once
#include "core/date.h"
#include "core/fence.h"

#include <cstdint>
#include <string>
#include <vector>

namespace cbr {

// All text in UTF-8, and empty where the Bank has none.
struct Currency {
    std::string cbr_id;    // the Bank's ID, the key of a currency: R01235
    std::string num_code;  // ISO 4217, zero-padded: 840
    std::string char_code; // ISO 4217: USD
    std::string name;      // as printed, wording and grammatical number vary over the years
};

struct Rate : Currency {
    std::int32_t nominal = 1;
    std::string value; // roubles for `nominal` units, exact, as numeric reads it
};

struct Publication {
    Date effective_date; // the first day on which its rates are in force
    std::vector<Rate> rates;
};

} // namespace cbr
