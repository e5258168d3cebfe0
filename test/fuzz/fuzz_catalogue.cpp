// core/catalogue: entries keep every promise of catalogue.h, and read the same, in the same order, when they are
// written again.
#include "core/catalogue.h"
#include "documents.h"

#include <algorithm>

namespace cbr {
namespace {

using Entries = std::vector<CatalogueEntry>;

std::optional<Entries> read(std::string_view bytes)
{
    return outcome(bytes, [&](const DocumentSource &source) { return read_catalogue(bytes, source); });
}

std::string written(const Entries &entries)
{
    std::string document = "<Valuta>";
    for (const CatalogueEntry &entry : entries)
        document += "<Item ID=\"" + entry.cbr_id + "\">" + element("ISO_Char_Code", entry.char_code) +
                    element("ISO_Num_Code", entry.num_code) + element("ParentCode", entry.parent_id) +
                    element("Nominal", std::to_string(entry.nominal)) + element("EngName", entry.eng_name) +
                    element("Name", entry.name) + "</Item>";
    return document + "</Valuta>";
}

bool same(const CatalogueEntry &a, const CatalogueEntry &b)
{
    return a.cbr_id == b.cbr_id && a.parent_id == b.parent_id && a.num_code == b.num_code &&
           a.char_code == b.char_code && a.name == b.name && a.eng_name == b.eng_name && a.nominal == b.nominal;
}

void check_entry(const CatalogueEntry &entry)
{
    check_id(entry.cbr_id);
    check_num_code(entry.num_code);
    ensure(entry.char_code.empty() || is_iso_code(entry.char_code), "ISO_Char_Code is well-formed, or there is none");
    ensure(!entry.name.empty(), "the name is there");
    for (const std::string *text : {&entry.name, &entry.eng_name, &entry.parent_id})
        check_text(*text);
    ensure(entry.nominal >= 1, "the nominal is positive");
}

void check(std::string_view bytes)
{
    const std::optional<Entries> entries = read(bytes);
    if (!entries)
        return;
    ensure(!entries->empty(), "a currency is named");
    for (const CatalogueEntry &entry : *entries)
        check_entry(entry);
    const std::optional<Entries> again = read(written(*entries));
    ensure(again && std::equal(entries->begin(), entries->end(), again->begin(), again->end(), same),
           "what was written again reads the same");
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    cbr::check(cbr::as_text(data, size));
    return 0;
}
