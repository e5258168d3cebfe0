// core/metals: prices keep their digits and their order, codes mean metals, and each rule that makes one an error.
#include "core/metals.h"

#include "expectations.h"

namespace cbr {
namespace {

const DocumentSource source{"document", "It is made up.", "Make up another."};
const DateRange march{day(2026, 3, 1), day(2026, 3, 5)};

std::string record(const std::string &date, const std::string &code, const std::string &buy = "12957,47",
                   const std::string &sell = "12958,50")
{
    return "<Record Date=\"" + date + "\" Code=\"" + code + "\"><Buy>" + buy + "</Buy><Sell>" + sell +
           "</Sell></Record>";
}

std::string document(const std::string &records)
{
    return "<Metall FromDate=\"20260301\" ToDate=\"20260305\" name=\"Precious metals quotations\">" + records +
           "</Metall>";
}

std::vector<MetalPrice> read(const std::string &bytes) { return read_metals(bytes, source, march); }

Error read_error(const std::string &bytes)
{
    return error_of([&] { read(bytes); });
}

TEST(ReadMetals, TakesEveryField)
{
    const std::vector<MetalPrice> prices = read(document(record("03.03.2026", "1")));
    ASSERT_EQ(prices.size(), 1u);
    EXPECT_EQ(prices[0].date, day(2026, 3, 3));
    EXPECT_STREQ(prices[0].metal, "gold");
    EXPECT_EQ(prices[0].buy, "12957.47");
    EXPECT_EQ(prices[0].sell, "12958.50");
}

TEST(ReadMetals, KnowsFourMetals)
{
    const std::vector<MetalPrice> prices = read(document(record("03.03.2026", "1") + record("03.03.2026", "2") +
                                                         record("03.03.2026", "3") + record("03.03.2026", "4")));
    ASSERT_EQ(prices.size(), 4u);
    EXPECT_STREQ(prices[0].metal, "gold");
    EXPECT_STREQ(prices[1].metal, "silver");
    EXPECT_STREQ(prices[2].metal, "platinum");
    EXPECT_STREQ(prices[3].metal, "palladium");
}

TEST(ReadMetals, AnotherMetalIsAnError)
{
    for (const char *code : {"0", "5", "11", "01", "-1", "x", "Au"}) {
        const Error error = read_error(document(record("03.03.2026", code)));
        EXPECT_EQ(error.kind, ErrorKind::document) << code;
        EXPECT_EQ(error.message, "invalid document: unknown metal \"" + std::string(code) + "\"");
    }
}

TEST(ReadMetals, KeepsTheOrderOfTheDocument)
{
    const std::vector<MetalPrice> prices =
        read(document(record("05.03.2026", "4") + record("03.03.2026", "2") + record("04.03.2026", "1")));
    ASSERT_EQ(prices.size(), 3u);
    EXPECT_EQ(prices[0].date, day(2026, 3, 5));
    EXPECT_EQ(prices[1].date, day(2026, 3, 3));
    EXPECT_EQ(prices[2].date, day(2026, 3, 4));
}

TEST(ReadMetals, KeepsThePricesDigitForDigit)
{
    const MetalPrice price = read(document(record("03.03.2026", "2", "236,1", "12 957,4700"))).at(0);
    EXPECT_EQ(price.buy, "236.1");
    EXPECT_EQ(price.sell, "12957.4700");
}

TEST(ReadMetals, TakesSlashes)
{
    EXPECT_EQ(read(document(record("03/03/2026", "1"))).at(0).date, day(2026, 3, 3));
}

TEST(ReadMetals, WithoutRecordsIsEmpty)
{
    EXPECT_TRUE(read(document("")).empty());
    EXPECT_TRUE(read("<Metall/>").empty());
}

TEST(ReadMetals, RecordOutsideOfTheRangeIsAnError)
{
    EXPECT_EQ(read(document(record("01.03.2026", "1") + record("05.03.2026", "1"))).size(), 2u);
    for (const char *date : {"28.02.2026", "06.03.2026", "03.03.2025"}) {
        const Error error = read_error(document(record("03.03.2026", "1") + record(date, "1")));
        EXPECT_EQ(error.kind, ErrorKind::document) << date;
        EXPECT_EQ(error.message, "invalid document: a record is outside of the range asked for");
    }
}

TEST(ReadMetals, PricesArePositiveNumbers)
{
    for (const char *number : {"0", "0,00", "-1", "x", "1,2,3"}) {
        for (const std::string &bytes :
             {document(record("03.03.2026", "1", number)), document(record("03.03.2026", "1", "1", number))}) {
            const Error error = read_error(bytes);
            EXPECT_EQ(error.kind, ErrorKind::number) << number;
            EXPECT_TRUE(contains(error.message, " is not a positive number: \"" + std::string(number) + "\""));
        }
    }
}

TEST(ReadMetals, MalformedDateIsAnErrorOfNumbers)
{
    for (const char *date : {"31.02.2026", "2026-03-03", "x"})
        EXPECT_EQ(read_error(document(record(date, "1"))).kind, ErrorKind::number) << date;
}

TEST(ReadMetals, MissingFieldsAreErrors)
{
    for (const std::string &records :
         {std::string("<Record Code=\"1\"><Buy>1</Buy><Sell>1</Sell></Record>"),
          std::string("<Record Date=\"03.03.2026\"><Buy>1</Buy><Sell>1</Sell></Record>"),
          std::string("<Record Date=\"03.03.2026\" Code=\"1\"><Sell>1</Sell></Record>"),
          std::string("<Record Date=\"03.03.2026\" Code=\"1\"><Buy>1</Buy></Record>"), record("03.03.2026", ""),
          record("03.03.2026", "1", ""), record("03.03.2026", "1", "1", " ")}) {
        const Error error = read_error(document(records));
        EXPECT_EQ(error.kind, ErrorKind::document) << records;
        EXPECT_TRUE(contains(error.message, "\" is missing")) << error.message;
    }
}

TEST(ReadMetals, ErrorInParametersIsAnErrorOfTheRange)
{
    EXPECT_EQ(read_error("<Metall>Error in parameters</Metall>").kind, ErrorKind::date_range);
}

TEST(ReadMetals, OtherDocumentsAreErrors)
{
    for (const char *bytes : {"<ValCurs/>", "<Valuta/>", "<metall/>"})
        EXPECT_TRUE(contains(read_error(bytes).message, "the root element is")) << bytes;
    EXPECT_TRUE(contains(read_error("<!DOCTYPE html><html/>").message, "HTML"));
}

} // namespace
} // namespace cbr
