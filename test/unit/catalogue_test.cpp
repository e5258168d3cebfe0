// core/catalogue: the Bank's list of currencies, with its padding, gaps and repetitions.
#include "core/catalogue.h"

#include "expectations.h"

namespace cbr {
namespace {

std::string item(const std::string &id, const std::string &fields)
{
    return "<Item ID=\"" + id + "\"><Name>\xCC\xE0\xF0\xEA\xE0</Name><EngName>Mark</EngName>" + fields + "</Item>";
}

std::vector<CatalogueEntry> read(const std::string &items)
{
    return read_catalogue("<?xml version=\"1.0\" encoding=\"windows-1251\"?><Valuta name=\"Lib\">" + items + "</Valuta>",
                          {"catalogue", "", ""});
}

TEST(Catalogue, PaddingGoesAndZerosCome)
{
    const auto entries = read(item("R01510A", "<Nominal>100</Nominal><ParentCode>R01510    </ParentCode>"
                                              "<ISO_Num_Code>36</ISO_Num_Code><ISO_Char_Code>DEM</ISO_Char_Code>"));
    ASSERT_EQ(entries.size(), 1u);
    EXPECT_EQ(entries[0].cbr_id, "R01510A");
    EXPECT_EQ(entries[0].parent_id, "R01510");
    EXPECT_EQ(entries[0].num_code, "036");
    EXPECT_EQ(entries[0].char_code, "DEM");
    EXPECT_EQ(entries[0].name, "Марка");
    EXPECT_EQ(entries[0].eng_name, "Mark");
    EXPECT_EQ(entries[0].nominal, 100);
}

TEST(Catalogue, CodesMayBeMissingAndMayRepeat)
{
    const auto entries = read(item("R01", "<Nominal>1</Nominal><ISO_Num_Code/><ISO_Char_Code/>") +
                              item("R02", "<Nominal>1</Nominal><ISO_Char_Code>DEM</ISO_Char_Code>") +
                              item("R03", "<Nominal>1</Nominal><ISO_Char_Code>DEM</ISO_Char_Code>"));
    ASSERT_EQ(entries.size(), 3u);
    EXPECT_EQ(entries[0].num_code, "");
    EXPECT_EQ(entries[0].char_code, "");
    EXPECT_EQ(entries[2].char_code, "DEM");
}

TEST(Catalogue, MalformedEntriesAreErrors)
{
    for (const std::string &items :
         {std::string(), item("USD", "<Nominal>1</Nominal>"), item("", "<Nominal>1</Nominal>"),
          item("R01", "<Nominal>1</Nominal><ISO_Char_Code>dem</ISO_Char_Code>"),
          item("R01", "<Nominal>1</Nominal><ISO_Num_Code>1234</ISO_Num_Code>"), item("R01", "")})
        EXPECT_EQ(error_of([&] { read(items); }).kind, ErrorKind::document) << items;
    EXPECT_EQ(error_of([&] { read(item("R01", "<Nominal>0</Nominal>")); }).kind, ErrorKind::number);
}

} // namespace
} // namespace cbr
