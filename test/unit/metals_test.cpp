// core/metals: prices keep their digits, codes mean metals, and each rule that makes one an error.
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

std::string document(const std::string &records, const std::string &first = "20260301",
                     const std::string &last = "20260305")
{
    return "<Metall FromDate=\"" + first + "\" ToDate=\"" + last + "\" name=\"Precious metals quotations\">" + records +
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

TEST(ReadMetals, OrdersThePricesByDayAndMetal)
{
    const std::vector<MetalPrice> prices = read(
        document(record("05.03.2026", "4", "54") + record("04.03.2026", "3", "43") + record("04.03.2026", "1", "41") +
                 record("03.03.2026", "4", "34") + record("04.03.2026", "2", "42")));
    ASSERT_EQ(prices.size(), 5u);
    const struct {
        int day;
        const char *metal;
        const char *buy;
    } expected[] = {
        {3, "palladium", "34"}, {4, "gold", "41"}, {4, "silver", "42"}, {4, "platinum", "43"}, {5, "palladium", "54"}};
    for (std::size_t i = 0; i < prices.size(); ++i) {
        EXPECT_EQ(prices[i].date, day(2026, 3, expected[i].day)) << i;
        EXPECT_STREQ(prices[i].metal, expected[i].metal) << i;
        EXPECT_EQ(prices[i].buy, expected[i].buy) << i;
    }
}

TEST(ReadMetals, MetalTwiceADayIsAnError)
{
    EXPECT_EQ(read(document(record("03.03.2026", "1") + record("04.03.2026", "1"))).size(), 2u);
    for (const std::string &records : {record("03.03.2026", "1") + record("03.03.2026", "1"),
                                       record("03.03.2026", "1") + record("03.03.2026", "2") +
                                           record("04.03.2026", "1") + record("03/03/2026", "1", "1", "2")}) {
        const Error error = read_error(document(records));
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid document: two records are of gold on 2026-03-03");
    }
}

TEST(ReadMetals, KeepsThePricesDigitForDigit)
{
    const MetalPrice price = read(document(record("03.03.2026", "2", "236,1", "12 957,4700"))).at(0);
    EXPECT_EQ(price.buy, "236.1");
    EXPECT_EQ(price.sell, "12957.4700");
}

TEST(ReadMetals, TakesSlashes) { EXPECT_EQ(read(document(record("03/03/2026", "1"))).at(0).date, day(2026, 3, 3)); }

TEST(ReadMetals, WithoutRecordsIsEmpty)
{
    EXPECT_TRUE(read(document("")).empty());
    EXPECT_TRUE(read("<Metall FromDate=\"20260301\" ToDate=\"20260305\"/>").empty());
}

TEST(ReadMetals, PricesOfAnotherRangeAreAnError)
{
    for (const auto &[first, last] :
         {std::pair("20260228", "20260305"), std::pair("20260302", "20260305"), std::pair("20260301", "20260304"),
          std::pair("20260301", "20260306"), std::pair("20250301", "20250305"), std::pair("20260305", "20260301")})
        for (const std::string &records : {std::string(), record("03.03.2026", "1")}) {
            const Error error = read_error(document(records, first, last));
            EXPECT_EQ(error.kind, ErrorKind::document) << first << " " << last;
            EXPECT_EQ(error.message, "invalid document: it is not about the days from 2026-03-01 to 2026-03-05");
        }
}

TEST(ReadMetals, MissingEchoIsAnError)
{
    for (const char *attributes : {"", "FromDate=\"20260301\"", "ToDate=\"20260305\"",
                                   "FromDate=\"\" ToDate=\"20260305\"", "FromDate=\"20260301\" ToDate=\" \""}) {
        const Error error =
            read_error("<Metall " + std::string(attributes) + ">" + record("03.03.2026", "1") + "</Metall>");
        EXPECT_EQ(error.kind, ErrorKind::document) << attributes;
        EXPECT_TRUE(contains(error.message, "is missing")) << error.message;
    }
}

TEST(ReadMetals, MalformedEchoIsAnErrorOfNumbers)
{
    for (const char *date :
         {"01.03.2026", "2026-03-01", "2026031", "202603011", "20260231", "2026030x", "x", "-0260301"}) {
        const Error error = read_error(document("", date));
        EXPECT_EQ(error.kind, ErrorKind::number) << date;
        EXPECT_EQ(error.message, "invalid document: FromDate is not a date: \"" + std::string(date) + "\"");
        EXPECT_EQ(read_error(document("", "20260301", date)).kind, ErrorKind::number) << date;
    }
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
    EXPECT_EQ(read_error("<?xml version=\"1.0\" encoding=\"utf-8\" ?><ValCurs>Error in parameters</ValCurs>").kind,
              ErrorKind::date_range);
}

TEST(ReadMetals, OtherDocumentsAreErrors)
{
    for (const char *bytes : {"<ValCurs/>", "<Valuta/>", "<metall/>"})
        EXPECT_TRUE(contains(read_error(bytes).message, "the root element is")) << bytes;
    EXPECT_TRUE(contains(read_error("<!DOCTYPE html><html/>").message, "HTML"));
}

} // namespace
} // namespace cbr
