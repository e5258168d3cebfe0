// Reads XML_valFull: the Bank's catalogue of currencies. ISO codes repeat in it, and some are missing; it lacks some
// currencies of the past. Nominals here are not those of rates.
#pragma once
#include "core/document.h"
#include "core/fence.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cbr {

// Text in UTF-8; empty where the catalogue has none.
struct CatalogueEntry {
    std::string cbr_id;
    std::string parent_id; // the ID under which the currency's predecessors and successors are grouped
    std::string num_code;
    std::string char_code;
    std::string name;
    std::string eng_name;
    std::int32_t nominal = 1;
};

// Throws Error: document or number.
std::vector<CatalogueEntry> read_catalogue(std::string_view bytes, const DocumentSource &source);

} // namespace cbr
