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

// In the document's order. Throws Error: document or number.
std::vector<MetalPrice> read_metals(std::string_view bytes, const DocumentSource &source, DateRange range);

} // namespace cbr
