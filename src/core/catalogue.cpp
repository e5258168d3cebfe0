#include "core/catalogue.h"

#include "core/currency.h"
#include "core/fields.h"
#include "core/text.h"

namespace cbr {
namespace {

const DocumentShape &catalogue_shape()
{
    static const DocumentShape shape{
        "Valuta", {}, "Item", {"ID"}, {"Name", "EngName", "Nominal", "ParentCode", "ISO_Num_Code", "ISO_Char_Code"}};
    return shape;
}

CatalogueEntry read_entry(const Element &item)
{
    CatalogueEntry entry;
    entry.cbr_id = read_bank_id(item, "ID");
    entry.parent_id = std::string(item.find("ParentCode").value_or(""));
    entry.num_code = read_num_code(item, "ISO_Num_Code");
    entry.char_code = std::string(item.find("ISO_Char_Code").value_or(""));
    if (!entry.char_code.empty() && !is_iso_code(entry.char_code))
        item.fail(ErrorKind::document, "malformed ISO_Char_Code " + quoted_excerpt(entry.char_code));
    entry.name = std::string(item.required("Name"));
    entry.eng_name = std::string(item.find("EngName").value_or(""));
    entry.nominal = read_nominal(item);
    return entry;
}

} // namespace

std::vector<CatalogueEntry> read_catalogue(std::string_view bytes, const DocumentSource &source)
{
    std::vector<CatalogueEntry> entries;
    const Element root = read_document(bytes, source, catalogue_shape(),
                                       [&](const Element &item) { entries.push_back(read_entry(item)); });
    if (entries.empty())
        root.fail(ErrorKind::document, "it names no currency");
    return entries;
}

} // namespace cbr
