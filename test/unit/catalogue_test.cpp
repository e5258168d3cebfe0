// core/catalogue: the fields of the Bank's catalogue, what may be missing in it, and each rule that makes it an error.
#include "core/catalogue.h"

#include "expectations.h"

namespace cbr {
namespace {

const DocumentSource source{"document", "It is made up.", "Make up another."};
const std::string mark = "<Name>German mark</Name><EngName>Deutsche Mark</EngName><Nominal>100</Nominal>"
                         "<ParentCode>R01510    </ParentCode><ISO_Num_Code>280</ISO_Num_Code>"
                         "<ISO_Char_Code>DEM</ISO_Char_Code>";

std::string item(const std::string &fields, const std::string &id = "R01510A")
{
    return "<Item ID=\"" + id + "\">" + fields + "</Item>";
}

std::string document(const std::string &items)
{
    return "<Valuta name=\"Foreign Currency Market Lib\">" + items + "</Valuta>";
}

// The mark's item with one element replaced by `element`.
std::string mark_with(const std::string &name, const std::string &element)
{
    std::string fields = mark;
    const std::size_t begin = fields.find("<" + name + ">");
    const std::string end_tag = "</" + name + ">";
    return document(item(fields.replace(begin, fields.find(end_tag) + end_tag.size() - begin, element)));
}

std::string mark_valued(const std::string &name, const std::string &text)
{
    return mark_with(name, "<" + name + ">" + text + "</" + name + ">");
}

std::vector<CatalogueEntry> read(const std::string &bytes) { return read_catalogue(bytes, source); }

Error read_error(const std::string &bytes)
{
    return error_of([&] { read(bytes); });
}

TEST(ReadCatalogue, TakesEveryField)
{
    const std::vector<CatalogueEntry> entries = read(document(item(mark)));
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].cbr_id, "R01510A");
    EXPECT_EQ(entries[0].parent_id, "R01510");
    EXPECT_EQ(entries[0].num_code, "280");
    EXPECT_EQ(entries[0].char_code, "DEM");
    EXPECT_EQ(entries[0].name, "German mark");
    EXPECT_EQ(entries[0].eng_name, "Deutsche Mark");
    EXPECT_EQ(entries[0].nominal, 100);
}

TEST(ReadCatalogue, ReadsRussianNamesOfTheClassicForm)
{
    const std::vector<CatalogueEntry> entries =
        read("<?xml version=\"1.0\" encoding=\"windows-1251\" ?>\r\n<Valuta name=\"x\">\r\n<Item ID=\"R01235\">\r\n"
             "<Name>\xC4\xEE\xEB\xEB\xE0\xF0 \xD1\xD8\xC0</Name>\r\n<EngName>US Dollar</EngName>\r\n"
             "<Nominal>1</Nominal>\r\n<ParentCode>R01235    </ParentCode>\r\n</Item>\r\n</Valuta>\r\n");
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].name, "Доллар США");
    EXPECT_EQ(entries[0].parent_id, "R01235");
}

TEST(ReadCatalogue, KeepsTheOrderOfTheDocument)
{
    const std::vector<CatalogueEntry> entries = read(document(item(mark, "R3") + item(mark, "R1") + item(mark, "R2")));
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].cbr_id, "R3");
    EXPECT_EQ(entries[1].cbr_id, "R1");
    EXPECT_EQ(entries[2].cbr_id, "R2");
}

TEST(ReadCatalogue, CutsThePaddingOfParentCode)
{
    for (const char *padded : {"R01510    ", "    R01510", "R01510", "\r\n\tR01510\t"})
        EXPECT_EQ(read(mark_valued("ParentCode", padded)).at(0).parent_id, "R01510") << padded;
}

TEST(ReadCatalogue, PadsNumericCodesWithZeros)
{
    EXPECT_EQ(read(mark_valued("ISO_Num_Code", "8")).at(0).num_code, "008");
    EXPECT_EQ(read(mark_valued("ISO_Num_Code", "36")).at(0).num_code, "036");
    EXPECT_EQ(read(mark_valued("ISO_Num_Code", "036")).at(0).num_code, "036");
    EXPECT_EQ(read(mark_valued("ISO_Num_Code", "840")).at(0).num_code, "840");
}

TEST(ReadCatalogue, TakesCurrenciesWithoutIsoCodes)
{
    for (const char *nothing : {"", " "})
        for (const std::string code : {"ISO_Num_Code", "ISO_Char_Code"}) {
            const CatalogueEntry entry = read(mark_valued(code, nothing)).at(0);
            EXPECT_EQ(entry.num_code, code == "ISO_Num_Code" ? "" : "280");
            EXPECT_EQ(entry.char_code, code == "ISO_Char_Code" ? "" : "DEM");
        }
    EXPECT_EQ(read(mark_with("ISO_Num_Code", "<ISO_Num_Code/>")).at(0).num_code, "");
    EXPECT_EQ(read(mark_with("ISO_Char_Code", "")).at(0).char_code, "");
}

TEST(ReadCatalogue, TakesCurrenciesWithoutAParentOrAnEnglishName)
{
    EXPECT_EQ(read(mark_with("ParentCode", "")).at(0).parent_id, "");
    EXPECT_EQ(read(mark_valued("EngName", "")).at(0).eng_name, "");
}

TEST(ReadCatalogue, RepeatedIsoCodesAreNoError)
{
    const std::vector<CatalogueEntry> entries = read(document(item(mark, "R01510") + item(mark, "R01510A")));
    ASSERT_EQ(entries.size(), 2u);
    EXPECT_EQ(entries[0].char_code, entries[1].char_code);
}

TEST(ReadCatalogue, WantsANameANominalAndAnId)
{
    for (const std::string name : {"Name", "Nominal"})
        for (const std::string &bytes : {mark_with(name, ""), mark_valued(name, ""), mark_valued(name, " \n")}) {
            const Error error = read_error(bytes);
            EXPECT_EQ(error.kind, ErrorKind::document) << name;
            EXPECT_EQ(error.message, "invalid document: \"" + name + "\" is missing");
        }
    EXPECT_EQ(read_error(document("<Item>" + mark + "</Item>")).message, "invalid document: \"ID\" is missing");
    EXPECT_EQ(read_error(document(item(mark, ""))).message, "invalid document: \"ID\" is missing");
}

TEST(ReadCatalogue, MalformedFieldsAreErrors)
{
    for (const char *id : {"DEM", "r01510", "01510"})
        EXPECT_EQ(read_error(document(item(mark, id))).message,
                  "invalid document: malformed ID \"" + std::string(id) + "\"");
    for (const char *code : {"2800", "28x", "-28", "2 8"})
        EXPECT_EQ(read_error(mark_valued("ISO_Num_Code", code)).message,
                  "invalid document: malformed ISO_Num_Code \"" + std::string(code) + "\"");
    for (const char *code : {"DE", "DEMA", "dem", "D1M"})
        EXPECT_EQ(read_error(mark_valued("ISO_Char_Code", code)).message,
                  "invalid document: malformed ISO_Char_Code \"" + std::string(code) + "\"");
    for (const char *nominal : {"0", "-1", "1,5", "x"})
        EXPECT_EQ(read_error(mark_valued("Nominal", nominal)).kind, ErrorKind::number) << nominal;
}

TEST(ReadCatalogue, OneBadItemSpoilsTheDocument)
{
    EXPECT_EQ(read_error(document(item(mark, "R01510") + item("<Name>x</Name>"))).kind, ErrorKind::document);
}

TEST(ReadCatalogue, WithoutCurrenciesIsAnError)
{
    for (const char *bytes : {"<Valuta/>", "<Valuta name=\"Foreign Currency Market Lib\"></Valuta>",
                              "<Valuta><Other ID=\"R01235\"/></Valuta>"}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid document: it names no currency");
    }
}

TEST(ReadCatalogue, ErrorInParametersIsAnErrorOfTheRange)
{
    EXPECT_EQ(read_error("<ValCurs>Error in parameters</ValCurs>").kind, ErrorKind::date_range);
}

TEST(ReadCatalogue, OtherDocumentsAreErrors)
{
    for (const char *bytes : {"<ValCurs/>", "<Metall/>", "<valuta/>"})
        EXPECT_TRUE(contains(read_error(bytes).message, "the root element is")) << bytes;
    EXPECT_TRUE(contains(read_error("<!DOCTYPE html><html/>").message, "HTML"));
    EXPECT_TRUE(contains(read_error("<!DOCTYPE Valuta>" + document(item(mark))).message, "DOCTYPE"));
}

} // namespace
} // namespace cbr
