// Reads xml_metall: the Bank's prices of precious metals, in roubles per gram.
#pragma once
#include "core/dynamic.h"
#include "core/fence.h"

namespace cbr {

struct MetalPrice {
    Date date;         // since when it is in force
    const char *metal; // gold, silver, platinum or palladium
    std::string buy;   // as numeric reads it
    std::string sell;
};

// Each metal once a day, by day and, in a day, in the order above; none where the range has none. Throws Error:
// document or number; also where the answer is not about the range that was asked for.
std::vector<MetalPrice> read_metals(std::string_view bytes, const DocumentSource &source, DateRange range);

} // namespace cbr
