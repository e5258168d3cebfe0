// core/dynamic: the series is about what was asked for, keeps each record's own ID, comes in ascending order with each
// day once, and each rule that makes a record an error.
#include "core/dynamic.h"

#include "core/text.h"
#include "expectations.h"

namespace cbr {
namespace {

const DocumentSource source{"document", "It is made up.", "Make up another."};
const DateRange march{day(2002, 3, 1), day(2002, 3, 31)};
const std::string rate = "<Nominal>1</Nominal><Value>30,9436</Value>";

std::string record(const std::string &date, const std::string &fields = rate, const std::string &id = "R01235")
{
    return "<Record Date=\"" + date + "\" Id=\"" + id + "\">" + fields + "</Record>";
}

std::string document(const std::string &records, const std::string &id = "R01235",
                     const std::string &first = "01.03.2002", const std::string &last = "31.03.2002")
{
    return "<ValCurs ID=\"" + id + "\" DateRange1=\"" + first + "\" DateRange2=\"" + last +
           "\" name=\"Foreign Currency Market Dynamic\">" + records + "</ValCurs>";
}

std::vector<SeriesRecord> read(const std::string &bytes, DateRange range = march)
{
    return read_dynamic(bytes, source, "R01235", range);
}

Error read_error(const std::string &bytes)
{
    return error_of([&] { read(bytes); });
}

std::string with_value(const std::string &value)
{
    return document(record("02.03.2002", "<Nominal>1</Nominal><Value>" + value + "</Value>"));
}

std::string with_nominal(const std::string &nominal)
{
    return document(record("02.03.2002", "<Nominal>" + nominal + "</Nominal><Value>1</Value>"));
}

TEST(ReadDynamic, TakesEveryField)
{
    const std::vector<SeriesRecord> records =
        read(document(record("02.03.2002", "<Nominal>1 000</Nominal><Value>2\xC2\xA0"
                                           "153,0000</Value>")));
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].effective_date, day(2002, 3, 2));
    EXPECT_EQ(records[0].cbr_id, "R01235");
    EXPECT_EQ(records[0].nominal, 1000);
    EXPECT_EQ(records[0].value, "2153.0000");
}

TEST(ReadDynamic, ReadsTheClassicForm)
{
    const std::vector<SeriesRecord> records =
        read("<?xml version=\"1.0\" encoding=\"windows-1251\" ?>\r\n"
             "<ValCurs ID=\"R01235\" DateRange1=\"01/03/2002\" DateRange2=\"31/03/2002\" name=\"x\">\r\n"
             "\t<Record Date=\"02/03/2002\" Id=\"R01235\">\r\n\t\t<Nominal>1</Nominal>\r\n\t\t<Value>2\xA0"
             "153,0000</Value>\r\n\t</Record>\r\n</ValCurs>\r\n");
    ASSERT_EQ(records.size(), 1u);
    EXPECT_EQ(records[0].effective_date, day(2002, 3, 2));
    EXPECT_EQ(records[0].value, "2153.0000");
}

TEST(ReadDynamic, NeverReadsVunitRate)
{
    EXPECT_EQ(read(document(record("02.03.2002", rate + "<VunitRate>x</VunitRate><VunitRate/>"))).at(0).value,
              "30.9436");
}

TEST(ReadDynamic, KeepsTheOwnIdOfEachRecord)
{
    const std::vector<SeriesRecord> records =
        read(document(record("02.03.2002", rate, "R01235A") + record("05.03.2002", rate, "R01235")));
    ASSERT_EQ(records.size(), 2u);
    EXPECT_EQ(records[0].cbr_id, "R01235A");
    EXPECT_EQ(records[1].cbr_id, "R01235");
}

TEST(ReadDynamic, OrdersTheRecordsWithTheirRates)
{
    std::string shuffled;
    for (const int number : {17, 3, 29, 1, 31, 12, 8})
        shuffled +=
            record((number < 10 ? "0" : "") + std::to_string(number) + ".03.2002",
                   "<Nominal>" + std::to_string(number) + "</Nominal><Value>" + std::to_string(number) + ",5</Value>");
    const std::vector<SeriesRecord> records = read(document(shuffled));
    ASSERT_EQ(records.size(), 7u);
    for (std::size_t i = 0; i < records.size(); ++i) {
        const int number = records[i].nominal;
        EXPECT_EQ(records[i].effective_date, day(2002, 3, number));
        EXPECT_EQ(records[i].value, std::to_string(number) + ".5");
        EXPECT_TRUE(i == 0 || records[i - 1].effective_date < records[i].effective_date);
    }
}

TEST(ReadDynamic, SeriesWithoutRecordsIsEmpty)
{
    EXPECT_TRUE(read(document("")).empty());
    EXPECT_TRUE(read("<ValCurs ID=\"R01235\" DateRange1=\"01.03.2002\" DateRange2=\"31.03.2002\"/>").empty());
}

TEST(ReadDynamic, TakesBothEndsOfTheRange)
{
    EXPECT_EQ(read(document(record("01.03.2002") + record("31.03.2002"))).size(), 2u);
    const DateRange one_day{day(2002, 3, 2), day(2002, 3, 2)};
    EXPECT_EQ(read(document(record("02.03.2002"), "R01235", "02.03.2002", "02.03.2002"), one_day).size(), 1u);
}

TEST(ReadDynamic, RecordOutsideOfTheRangeIsAnError)
{
    for (const char *date : {"28.02.2002", "01.04.2002", "02.03.2001", "02.03.2003", "01.01.1900"}) {
        const Error error = read_error(document(record("02.03.2002") + record(date)));
        EXPECT_EQ(error.kind, ErrorKind::document) << date;
        EXPECT_EQ(error.message, "invalid document: a record is outside of the range asked for");
        EXPECT_TRUE(contains(error.detail, date)) << error.detail;
    }
}

TEST(ReadDynamic, SeriesOfAnotherCurrencyIsAnError)
{
    for (const char *id : {"R01239", "R01235A", "R0123"}) {
        const Error error = read_error(document(record("02.03.2002"), id));
        EXPECT_EQ(error.kind, ErrorKind::document) << id;
        EXPECT_EQ(error.message, "invalid document: it is not about R01235 from 2002-03-01 to 2002-03-31");
    }
}

TEST(ReadDynamic, SeriesOfAnotherRangeIsAnError)
{
    for (const auto &[first, last] : {std::pair("28.02.2002", "31.03.2002"), std::pair("02.03.2002", "31.03.2002"),
                                      std::pair("01.03.2002", "30.03.2002"), std::pair("01.03.2002", "01.04.2002"),
                                      std::pair("03.01.2002", "31.03.2002"), std::pair("31.03.2002", "01.03.2002")})
        for (const std::string &records : {std::string(), record("15.03.2002")}) {
            const Error error = read_error(document(records, "R01235", first, last));
            EXPECT_EQ(error.kind, ErrorKind::document) << first << " " << last;
            EXPECT_TRUE(contains(error.message, "it is not about R01235")) << error.message;
        }
}

TEST(ReadDynamic, MissingEchoIsAnError)
{
    for (const char *attributes :
         {"", "DateRange1=\"01.03.2002\" DateRange2=\"31.03.2002\"", "ID=\"R01235\" DateRange2=\"31.03.2002\"",
          "ID=\"R01235\" DateRange1=\"01.03.2002\"", "ID=\"\" DateRange1=\"01.03.2002\" DateRange2=\"31.03.2002\""}) {
        const Error error =
            read_error("<ValCurs " + std::string(attributes) + ">" + record("02.03.2002") + "</ValCurs>");
        EXPECT_EQ(error.kind, ErrorKind::document) << attributes;
        EXPECT_TRUE(contains(error.message, "is missing")) << error.message;
    }
}

TEST(ReadDynamic, MalformedEchoIsAnError)
{
    EXPECT_EQ(read_error(document("", "USD")).kind, ErrorKind::document);
    EXPECT_EQ(read_error(document("", "R01235", "2002-03-01")).kind, ErrorKind::number);
    EXPECT_EQ(read_error(document("", "R01235", "01.03.2002", "31.02.2002")).kind, ErrorKind::number);
}

TEST(ReadDynamic, DayTwiceIsAnErrorWhateverItsIdAndPlace)
{
    for (const std::string &records : {record("02.03.2002") + record("02.03.2002"),
                                       record("02.03.2002") + record("05.03.2002") + record("02/03/2002"),
                                       record("02.03.2002") + record("02.03.2002", rate, "R01235A")}) {
        const Error error = read_error(document(records));
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid document: two records are of 2002-03-02");
    }
}

TEST(ReadDynamic, ErrorInParametersIsAnErrorOfTheRange)
{
    for (const char *bytes : {"<?xml version=\"1.0\" encoding=\"utf-8\" ?><ValCurs>Error in parameters</ValCurs>",
                              "<ValCurs>\r\n\tError in parameters.\r\n</ValCurs>"}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::date_range);
        EXPECT_EQ(error.message, "invalid document: the service says \"Error in parameters\"");
    }
    EXPECT_EQ(read_error("<ValCurs>Another error</ValCurs>").kind, ErrorKind::document);
}

TEST(ReadDynamic, TextBesideAnEchoIsNoErrorInParameters)
{
    EXPECT_EQ(read(document("Error in parameters" + record("02.03.2002"))).size(), 1u);
}

TEST(ReadDynamic, MalformedDateIsAnErrorOfNumbers)
{
    for (const char *date : {"31.02.2002", "2002-03-02", "02.03/2002", "2.3.2002", "x", "03.13.2002"}) {
        const Error error = read_error(document(record(date)));
        EXPECT_EQ(error.kind, ErrorKind::number) << date;
        EXPECT_EQ(error.message, "invalid document: Date is not a date: \"" + std::string(date) + "\"");
    }
}

TEST(ReadDynamic, MalformedIdIsAnError)
{
    for (const char *id : {"USD", "r01235", "R 1235", "01235", "R01235-"}) {
        const Error error = read_error(document(record("02.03.2002", rate, id)));
        EXPECT_EQ(error.kind, ErrorKind::document) << id;
        EXPECT_EQ(error.message, "invalid document: malformed Id \"" + std::string(id) + "\"");
    }
}

TEST(ReadDynamic, NominalIsAWholeNumberFromOne)
{
    EXPECT_EQ(read(with_nominal("1 000 000")).at(0).nominal, 1000000);
    for (const char *nominal : {"0", "-1", "1,5", "x", "2147483648"}) {
        const Error error = read_error(with_nominal(nominal));
        EXPECT_EQ(error.kind, ErrorKind::number) << nominal;
        EXPECT_TRUE(contains(error.message, "Nominal is not a positive whole number")) << error.message;
    }
}

TEST(ReadDynamic, ValueIsAPositiveNumberKeptDigitForDigit)
{
    EXPECT_EQ(read(with_value("12,0000")).at(0).value, "12.0000");
    EXPECT_EQ(read(with_value("5,88139E-05")).at(0).value, "5.88139E-05");
    for (const char *value : {"0", "0,0000", "-30,9436", "30,94x6", "NaN", "1,2,3"}) {
        const Error error = read_error(with_value(value));
        EXPECT_EQ(error.kind, ErrorKind::number) << value;
        EXPECT_EQ(error.message, "invalid document: Value is not a positive number: \"" + std::string(value) + "\"");
        EXPECT_TRUE(contains(error.detail, "02.03.2002")) << error.detail;
    }
}

TEST(ReadDynamic, MissingFieldsAreErrors)
{
    for (const std::string records :
         {"<Record Id=\"R01235\"><Nominal>1</Nominal><Value>1</Value></Record>",
          "<Record Date=\"02.03.2002\"><Nominal>1</Nominal><Value>1</Value></Record>",
          "<Record Date=\"02.03.2002\" Id=\"R01235\"><Value>1</Value></Record>",
          "<Record Date=\"02.03.2002\" Id=\"R01235\"><Nominal>1</Nominal></Record>",
          "<Record Date=\"02.03.2002\" Id=\"R01235\"><Nominal> </Nominal><Value>1</Value></Record>",
          "<Record Date=\"02.03.2002\" Id=\"R01235\"><Nominal>1</Nominal><Value/></Record>", "<Record/>"}) {
        const Error error = read_error(document(records));
        EXPECT_EQ(error.kind, ErrorKind::document) << records;
        EXPECT_TRUE(contains(error.message, "\" is missing")) << error.message;
    }
}

TEST(ReadDynamic, OneBadRecordSpoilsTheDocument)
{
    EXPECT_EQ(read_error(document(record("02.03.2002") + record("05.03.2002", "<Value>1</Value>"))).kind,
              ErrorKind::document);
}

TEST(ReadDynamic, OtherDocumentsAreErrors)
{
    for (const char *bytes : {"<Valuta name=\"Foreign Currency Market Lib\"/>", "<Metall/>", "<valcurs/>"})
        EXPECT_TRUE(contains(read_error(bytes).message, "the root element is")) << bytes;
    EXPECT_EQ(read_error("<ValCurs Date=\"02.03.2002\"><Valute ID=\"R01235\"/></ValCurs>").kind, ErrorKind::document);
    EXPECT_EQ(read_error("").message, "invalid document: it is empty");
    EXPECT_TRUE(contains(read_error("<!DOCTYPE html><html/>").message, "HTML"));
    EXPECT_TRUE(contains(read_error("<!DOCTYPE ValCurs>" + document("")).message, "DOCTYPE"));
}

} // namespace
} // namespace cbr
