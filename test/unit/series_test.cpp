// The readers of documents about a range of days: core/dynamic, core/metals, core/key_rate. And the fields they share.
#include "core/dynamic.h"
#include "core/key_rate.h"
#include "core/metals.h"

#include "expectations.h"

namespace cbr {
namespace {

const DateRange range{day(2002, 3, 1), day(2002, 3, 6)};

std::string record(const std::string &date, const std::string &value = "30,9436", const std::string &id = "R01235",
                   const std::string &nominal = "1")
{
    return "<Record Date=\"" + date + "\" Id=\"" + id + "\"><Nominal>" + nominal + "</Nominal><Value>" + value +
           "</Value><VunitRate>nobody reads this</VunitRate></Record>";
}

std::string series(const std::string &records, const std::string &id = "R01235", const std::string &first = "01.03.2002",
                   const std::string &last = "06.03.2002")
{
    return "<?xml version=\"1.0\" encoding=\"windows-1251\"?><ValCurs ID=\"" + id + "\" DateRange1=\"" + first +
           "\" DateRange2=\"" + last + "\" name=\"Foreign Currency Market Dynamic\">" + records + "</ValCurs>";
}

std::vector<SeriesRecord> read(const std::string &bytes) { return read_dynamic(bytes, {"series", "", ""}, "R01235", range); }
Error read_error(const std::string &bytes)
{
    return error_of([&] { read(bytes); });
}

TEST(Dynamic, RecordsComeInOrderOfTheirDays)
{
    const auto records = read(series(record("05.03.2002", "30,9949") + record("02.03.2002") + record("01/03/2002", "30,9404")));
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[0].effective_date, day(2002, 3, 1));
    EXPECT_EQ(records[1].value, "30.9436");
    EXPECT_EQ(records[2].effective_date, day(2002, 3, 5));
}

TEST(Dynamic, RecordKeepsItsOwnIdAndNominal)
{
    const auto records = read(series(record("02.03.2002", "1 234,5", "R01235A", "10 000")));
    EXPECT_EQ(records.at(0).cbr_id, "R01235A");
    EXPECT_EQ(records.at(0).nominal, 10000);
    EXPECT_EQ(records.at(0).value, "1234.5");
}

TEST(Dynamic, CurrencyWithoutRecordsIsNoError) { EXPECT_TRUE(read(series("")).empty()); }

TEST(Dynamic, AnswerAboutSomethingElseIsAnError)
{
    for (const std::string &bytes : {series(record("02.03.2002"), "R01239"), series("", "R01235", "28.02.2002"),
                                     series("", "R01235", "01.03.2002", "07.03.2002")}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_TRUE(contains(error.message, "it is not about R01235 from 2002-03-01 to 2002-03-06")) << error.message;
    }
}

TEST(Dynamic, RecordOutsideTheRangeIsAnError)
{
    for (const char *date : {"28.02.2002", "07.03.2002", "02.03.2003"})
        EXPECT_TRUE(contains(read_error(series(record(date))).message, "outside of the range")) << date;
}

TEST(Dynamic, TwoRecordsOfADayAreAnError)
{
    EXPECT_TRUE(contains(read_error(series(record("02.03.2002") + record("01.03.2002") + record("02.03.2002"))).message,
                         "two records are of 2002-03-02"));
}

TEST(Dynamic, ErrorInParametersIsAnErrorOfTheDates)
{
    EXPECT_EQ(read_error("<ValCurs>Error in parameters</ValCurs>").kind, ErrorKind::date_range);
}

TEST(Dynamic, MalformedFieldsAreErrorsOfTheirKind)
{
    for (const std::string &bytes : {series(record("31.02.2002")), series(record("02.03.2002", "0,0000")),
                                     series(record("02.03.2002", "-1,0")), series(record("02.03.2002", "3O,9")),
                                     series(record("02.03.2002", "1,0", "R01235", "0")),
                                     series(record("02.03.2002", "1,0", "R01235", "1,5")), series("", "R01235", "1.3.2002")})
        EXPECT_EQ(read_error(bytes).kind, ErrorKind::number) << bytes;
    for (const std::string &bytes : {series(record("")), series(record("02.03.2002", "")), series(record("02.03.2002", "1,0", "USD")),
                                     series(record("02.03.2002", "1,0", "")), std::string("<ValCurs/>"), std::string("<Rates/>")})
        EXPECT_EQ(read_error(bytes).kind, ErrorKind::document) << bytes;
}

// ------------------------------------------------------------------------------------------------------------ metals

std::vector<MetalPrice> metals(const std::string &records)
{
    return read_metals("<Metall FromDate=\"20020301\" ToDate=\"20020306\">" + records + "</Metall>", {"metals", "", ""}, range);
}

std::string price(const std::string &code, const std::string &buy = "1,5", const std::string &date = "02.03.2002")
{
    return "<Record Date=\"" + date + "\" Code=\"" + code + "\"><Buy>" + buy + "</Buy><Sell>2</Sell></Record>";
}

TEST(Metals, HaveTheirNames)
{
    const auto prices = metals(price("1") + price("2") + price("3") + price("4"));
    ASSERT_EQ(prices.size(), 4u);
    EXPECT_STREQ(prices[0].metal, "gold");
    EXPECT_STREQ(prices[1].metal, "silver");
    EXPECT_STREQ(prices[2].metal, "platinum");
    EXPECT_STREQ(prices[3].metal, "palladium");
    EXPECT_EQ(prices[0].buy, "1.5");
    EXPECT_EQ(prices[0].sell, "2");
}

TEST(Metals, UnknownCodesAndForeignDaysAreErrors)
{
    for (const std::string &record : {price("5"), price("0"), price("12"), price(""), price("x"), price("1", "1", "07.03.2002")})
        EXPECT_EQ(error_of([&] { metals(record); }).kind, ErrorKind::document) << record;
    EXPECT_EQ(error_of([&] { metals(price("1", "dear")); }).kind, ErrorKind::number);
    EXPECT_TRUE(metals("").empty());
}

// ---------------------------------------------------------------------------------------------------------- key rate

std::string answer(const std::string &rates)
{
    return "<?xml version=\"1.0\" encoding=\"utf-8\"?><soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\">"
           "<soap:Body><KeyRateXMLResponse xmlns=\"http://web.cbr.ru/\"><KeyRateXMLResult><KeyRate xmlns=\"\">" +
           rates + "</KeyRate></KeyRateXMLResult></KeyRateXMLResponse></soap:Body></soap:Envelope>";
}

std::string rate(const std::string &moment, const std::string &value = "16.00")
{
    return "<KR><DT>" + moment + "</DT><Rate>" + value + "</Rate></KR>";
}

std::vector<KeyRate> key_rates(const std::string &bytes) { return read_key_rates(bytes, {"key rates", "", ""}, range); }

TEST(KeyRates, DayIsTheFirstTenCharacters)
{
    const auto rates = key_rates(answer(rate("2002-03-05T00:00:00+03:00") + rate("2002-03-04T23:59:59-11:00", "7.50")));
    ASSERT_EQ(rates.size(), 2u);
    EXPECT_EQ(rates[0].date, day(2002, 3, 4));
    EXPECT_EQ(rates[0].rate, "7.50");
    EXPECT_EQ(rates[1].date, day(2002, 3, 5));
}

TEST(KeyRates, MalformedOnesAreErrors)
{
    for (const std::string &bytes : {answer(rate("05.03.2002")), answer(rate("2002-02-31T00:00:00")), answer(rate("2002-03-05", "x"))})
        EXPECT_EQ(error_of([&] { key_rates(bytes); }).kind, ErrorKind::number) << bytes;
    for (const std::string &bytes : {answer(rate("")), answer("<KR/>"), answer(rate("2002-03-07T00:00:00")), std::string("<html/>")})
        EXPECT_EQ(error_of([&] { key_rates(bytes); }).kind, ErrorKind::document) << bytes;
}

TEST(KeyRates, FaultOfTheServiceIsAnError)
{
    const Error error = error_of([] {
        key_rates("<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>"
                  "<faultcode>soap:Client</faultcode></soap:Fault></soap:Body></soap:Envelope>");
    });
    EXPECT_EQ(error.kind, ErrorKind::document);
}

TEST(KeyRates, EnvelopeNamesBothDays)
{
    const std::string envelope = key_rate_envelope(range);
    EXPECT_TRUE(contains(envelope, "<fromDate>2002-03-01T00:00:00</fromDate><ToDate>2002-03-06T00:00:00</ToDate>"));
}

} // namespace
} // namespace cbr
