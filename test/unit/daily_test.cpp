// core/daily: the fields of a daily document, each rule that makes one an error, and which publication is in force.
#include "core/daily.h"

#include "expectations.h"

#include <string>
#include <vector>

namespace cbr {
namespace {

const DocumentSource source{"document", "It is made up.", "Make up another."};
const std::string dollar = "<NumCode>840</NumCode><CharCode>USD</CharCode><Nominal>1</Nominal>"
                           "<Name>US Dollar</Name><Value>30,9436</Value>";

std::string valute(const std::string &fields, const std::string &id = "R01235")
{
    return "<Valute ID=\"" + id + "\">" + fields + "</Valute>";
}

std::string document(const std::string &valutes, const std::string &date = "02.03.2002")
{
    return "<ValCurs Date=\"" + date + "\" name=\"Foreign Currency Market\">" + valutes + "</ValCurs>";
}

// The dollar's Valute with one element replaced by `element`, or left out where that is empty.
std::string dollar_with(const std::string &name, const std::string &element)
{
    std::string fields = dollar;
    const std::size_t begin = fields.find("<" + name + ">");
    const std::string end_tag = "</" + name + ">";
    return valute(fields.replace(begin, fields.find(end_tag) + end_tag.size() - begin, element));
}

std::string dollar_valued(const std::string &name, const std::string &text)
{
    return document(dollar_with(name, "<" + name + ">" + text + "</" + name + ">"));
}

Publication read(const std::string &bytes) { return read_daily(bytes, source); }

Error read_error(const std::string &bytes)
{
    return error_of([&] { read(bytes); });
}

TEST(ReadDaily, TakesEveryField)
{
    const Publication publication = read(document(valute(dollar)));
    EXPECT_EQ(publication.effective_date, day(2002, 3, 2));
    ASSERT_EQ(publication.rates.size(), 1u);
    const Rate &rate = publication.rates[0];
    EXPECT_EQ(rate.cbr_id, "R01235");
    EXPECT_EQ(rate.num_code, "840");
    EXPECT_EQ(rate.char_code, "USD");
    EXPECT_EQ(rate.name, "US Dollar");
    EXPECT_EQ(rate.value, "30.9436");
    EXPECT_EQ(rate.nominal, 1);
}

TEST(ReadDaily, KeepsTheOrderOfTheDocument)
{
    const Publication publication = read(document(valute(dollar, "R3") + valute(dollar, "R1") + valute(dollar, "R2")));
    ASSERT_EQ(publication.rates.size(), 3u);
    EXPECT_EQ(publication.rates[0].cbr_id, "R3");
    EXPECT_EQ(publication.rates[1].cbr_id, "R1");
    EXPECT_EQ(publication.rates[2].cbr_id, "R2");
}

TEST(ReadDaily, ReadsTheClassicForm)
{
    const std::string bytes =
        "<?xml version=\"1.0\" encoding=\"windows-1251\" ?>\r\n<ValCurs Date=\"26/09/2013\" name=\"x\">\r\n"
        "<Valute ID=\"R01090\">\r\n\t<NumCode>974</NumCode>\r\n\t<CharCode>BYR</CharCode>\r\n"
        "\t<Nominal>10000</Nominal>\r\n\t<Name>\xC1\xE5\xEB\xEE\xF0\xF3\xF1\xF1\xEA\xE8\xF5 "
        "\xF0\xF3\xE1\xEB\xE5\xE9</Name>\r\n\t<Value>2\xA0"
        "153,0000</Value>\r\n</Valute>\r\n</ValCurs>\r\n";
    const Publication publication = read(bytes);
    EXPECT_EQ(publication.effective_date, day(2013, 9, 26));
    ASSERT_EQ(publication.rates.size(), 1u);
    EXPECT_EQ(publication.rates[0].name, "Белорусских рублей");
    EXPECT_EQ(publication.rates[0].value, "2153.0000");
    EXPECT_EQ(publication.rates[0].nominal, 10000);
}

TEST(ReadDaily, NeverReadsVunitRate)
{
    const Publication publication = read(document(valute(dollar + "<VunitRate>nonsense</VunitRate><VunitRate/>")));
    EXPECT_EQ(publication.rates.at(0).value, "30.9436");
}

TEST(ReadDaily, TakesAnExponentAsItStands)
{
    EXPECT_EQ(read(dollar_valued("Value", "5,88139E-05")).rates.at(0).value, "5.88139E-05");
}

TEST(ReadDaily, MissingNumCodeIsEmpty)
{
    EXPECT_EQ(read(document(dollar_with("NumCode", ""))).rates.at(0).num_code, "");
    EXPECT_EQ(read(dollar_valued("NumCode", "")).rates.at(0).num_code, "");
    EXPECT_EQ(read(dollar_valued("NumCode", "36")).rates.at(0).num_code, "036");
    EXPECT_EQ(read(dollar_valued("NumCode", "036")).rates.at(0).num_code, "036");
}

TEST(ReadDaily, OtherMissingFieldsAreErrors)
{
    for (const std::string name : {"CharCode", "Nominal", "Name", "Value"}) {
        for (const std::string &bytes :
             {document(dollar_with(name, "")), dollar_valued(name, ""), dollar_valued(name, " \n")}) {
            const Error error = read_error(bytes);
            EXPECT_EQ(error.kind, ErrorKind::document) << name;
            EXPECT_EQ(error.message, "invalid document: \"" + name + "\" is missing");
            EXPECT_TRUE(contains(error.detail, "with ID \"R01235\" in line 1")) << error.detail;
        }
    }
}

TEST(ReadDaily, MissingIdIsAnError)
{
    EXPECT_EQ(read_error(document("<Valute>" + dollar + "</Valute>")).message, "invalid document: \"ID\" is missing");
    EXPECT_EQ(read_error(document(valute(dollar, ""))).message, "invalid document: \"ID\" is missing");
}

TEST(ReadDaily, MalformedIdIsAnError)
{
    for (const char *id : {"r01235", "USD", "01235", "R0 1235", "R01235-", "R0123456789012345",
                           "\xD0\xAF"
                           "1"}) {
        const Error error = read_error(document(valute(dollar, id)));
        EXPECT_EQ(error.kind, ErrorKind::document) << id;
        EXPECT_TRUE(contains(error.message, "malformed ID")) << error.message;
    }
}

TEST(ReadDaily, MalformedCharCodeIsAnError)
{
    for (const char *code : {"US", "USDT", "usd", "U1D", "840", "\xD0\xA1\xD0\xA8\xD0\x90"}) {
        const Error error = read_error(dollar_valued("CharCode", code));
        EXPECT_EQ(error.kind, ErrorKind::document) << code;
        EXPECT_TRUE(contains(error.message, "malformed CharCode")) << error.message;
    }
}

TEST(ReadDaily, MalformedNumCodeIsAnError)
{
    for (const char *code : {"8400", "84x", "-84", "8 4", "1.2"}) {
        const Error error = read_error(dollar_valued("NumCode", code));
        EXPECT_EQ(error.kind, ErrorKind::document) << code;
        EXPECT_TRUE(contains(error.message, "malformed NumCode")) << error.message;
    }
}

TEST(ReadDaily, NominalIsAWholeNumberFromOne)
{
    EXPECT_EQ(read(dollar_valued("Nominal", "1 000 000")).rates.at(0).nominal, 1000000);
    EXPECT_EQ(read(dollar_valued("Nominal", "2147483647")).rates.at(0).nominal, 2147483647);
    for (const char *nominal : {"0", "-1", "1,5", "x", "2147483648", "1E3", "99999999999999999999"}) {
        const Error error = read_error(dollar_valued("Nominal", nominal));
        EXPECT_EQ(error.kind, ErrorKind::number) << nominal;
        EXPECT_EQ(error.message,
                  "invalid document: Nominal is not a positive whole number: \"" + std::string(nominal) + "\"");
    }
}

TEST(ReadDaily, ValueIsAPositiveNumber)
{
    for (const char *value : {"0", "0,0000", "-30,9436", "-0", "30,94x6", "NaN", "0E5", "30,9436 RUB", "1,2,3"}) {
        const Error error = read_error(dollar_valued("Value", value));
        EXPECT_EQ(error.kind, ErrorKind::number) << value;
        EXPECT_EQ(error.message, "invalid document: Value is not a positive number: \"" + std::string(value) + "\"");
        EXPECT_TRUE(contains(error.detail, "R01235"));
    }
}

TEST(ReadDaily, CurrencyTwiceIsAnError)
{
    const Error error = read_error(document(valute(dollar) + valute(dollar, "R01239") + valute(dollar)));
    EXPECT_EQ(error.kind, ErrorKind::document);
    EXPECT_EQ(error.message, "invalid document: a currency appears twice");
}

TEST(ReadDaily, OneBadRateSpoilsTheDocument)
{
    EXPECT_EQ(read_error(document(valute(dollar) + valute("<Value>1</Value>", "R01239"))).kind, ErrorKind::document);
}

TEST(ReadDaily, WantsADate)
{
    for (const std::string &bytes :
         {"<ValCurs>" + valute(dollar) + "</ValCurs>", document(valute(dollar), ""), std::string("<ValCurs/>")}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid document: \"Date\" is missing");
    }
}

TEST(ReadDaily, MalformedDateIsAnErrorOfNumbers)
{
    for (const char *date : {"31.02.2002", "2002-03-02", "02.03/2002", "x", "01.01.0000"}) {
        const Error error = read_error(document(valute(dollar), date));
        EXPECT_EQ(error.kind, ErrorKind::number) << date;
        EXPECT_EQ(error.message, "invalid document: Date is not a date: \"" + std::string(date) + "\"");
    }
}

TEST(ReadDaily, WantsAtLeastOneCurrency)
{
    const Error error = read_error(document(""));
    EXPECT_EQ(error.kind, ErrorKind::document);
    EXPECT_EQ(error.message, "invalid document: it quotes no currency");
}

TEST(ReadDaily, ErrorInParametersIsAnErrorOfTheDate)
{
    for (const char *bytes :
         {"<?xml version=\"1.0\" encoding=\"utf-8\" ?><ValCurs>Error in parameters</ValCurs>",
          "<ValCurs>\r\n\tError in parameters.\r\n</ValCurs>", "<ValCurs><![CDATA[Error in parameters]]></ValCurs>"}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::date_range);
        EXPECT_EQ(error.message, "invalid document: the service says \"Error in parameters\"");
    }
    EXPECT_EQ(read_error("<ValCurs>Another error</ValCurs>").kind, ErrorKind::document);
    EXPECT_EQ(read_error("<ValCurs>No Error in parameters</ValCurs>").kind, ErrorKind::document);
}

TEST(ReadDaily, TextBesideADateIsNoErrorInParameters)
{
    EXPECT_EQ(read(document("Error in parameters" + valute(dollar))).rates.size(), 1u);
}

TEST(ReadDaily, OtherDocumentsOfTheBankAreErrors)
{
    for (const char *bytes : {"<Valuta name=\"Foreign Currency Market Lib\"><Item ID=\"R01235\"/></Valuta>",
                              "<Metall FromDate=\"20260301\"/>", "<valcurs Date=\"02.03.2002\"/>"})
        EXPECT_TRUE(contains(read_error(bytes).message, "the root element is")) << bytes;
    EXPECT_EQ(
        read_error("<ValCurs ID=\"R01235\" DateRange1=\"01.03.2026\"><Record Date=\"03.03.2026\"/></ValCurs>").kind,
        ErrorKind::document);
}

// --- in force

Error in_force_error(Date effective, Date asked, Date today)
{
    return error_of([&] { ensure_in_force({effective, {}}, asked, today, source); });
}

void expect_in_force(Date effective, Date asked, Date today)
{
    EXPECT_NO_THROW(ensure_in_force({effective, {}}, asked, today, source))
        << effective.iso() << " for " << asked.iso();
}

const Date today = day(2026, 3, 15);

Date days_from(Date date, int days) { return Date(date.days_since_1970() + days); }

TEST(InForce, IsThePublicationOfTheDayItself)
{
    expect_in_force(day(2002, 3, 2), day(2002, 3, 2), today);
    expect_in_force(today, today, today);
}

TEST(InForce, IsAPublicationOfThe31DaysBefore)
{
    for (int days = 1; days <= 31; ++days)
        expect_in_force(days_from(day(2002, 3, 2), -days), day(2002, 3, 2), today);
    expect_in_force(days_from(today, -31), today, today);
}

TEST(InForce, IsNoOlderPublication)
{
    for (const int days : {32, 40, 366, 10000}) {
        const Error error = in_force_error(days_from(day(2020, 3, 2), -days), day(2020, 3, 2), today);
        EXPECT_EQ(error.kind, ErrorKind::document) << days;
    }
    EXPECT_EQ(in_force_error(day(2002, 1, 29), day(2002, 3, 2), today).message,
              "invalid document: its rates took effect on 2002-01-29 and are not those in force on 2002-03-02");
}

TEST(InForce, IsNoPublicationOfALaterDay)
{
    EXPECT_EQ(in_force_error(day(2002, 3, 3), day(2002, 3, 2), today).kind, ErrorKind::document);
    EXPECT_EQ(in_force_error(days_from(today, 1), today, today).kind, ErrorKind::document);
}

TEST(InForce, IsADaysOwnPublicationInTheFuture)
{
    expect_in_force(days_from(today, 1), days_from(today, 1), today);
    expect_in_force(days_from(today, 4), days_from(today, 4), today);
}

TEST(InForce, IsNoOtherPublicationInTheFuture)
{
    for (const int effective : {-40, -1, 0, 1, 3}) {
        const Error error = in_force_error(days_from(today, effective), days_from(today, 2), today);
        EXPECT_EQ(error.kind, ErrorKind::not_published) << effective;
        EXPECT_EQ(error.message, "the rates of 2026-03-17 are not published yet");
        EXPECT_FALSE(error.hint.empty());
    }
}

} // namespace
} // namespace cbr
