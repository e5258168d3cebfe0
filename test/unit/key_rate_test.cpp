// core/key_rate: the envelope that is sent, and the answer in every spelling of its namespaces.
#include "core/key_rate.h"

#include "expectations.h"

namespace cbr {
namespace {

const DocumentSource source{"document", "It is made up.", "Make up another."};
const DateRange april{day(2024, 4, 1), day(2024, 4, 30)};

std::string kr(const std::string &date, const std::string &rate = "16.00")
{
    return "<KR><DT>" + date + "</DT><Rate>" + rate + "</Rate></KR>";
}

std::string document(const std::string &rates)
{
    return "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
           "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\" "
           "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soap:Body>"
           "<KeyRateXMLResponse xmlns=\"http://web.cbr.ru/\"><KeyRateXMLResult><KeyRate xmlns=\"\">" +
           rates + "</KeyRate></KeyRateXMLResult></KeyRateXMLResponse></soap:Body></soap:Envelope>";
}

std::vector<KeyRate> read(const std::string &bytes) { return read_key_rates(bytes, source, april); }

Error read_error(const std::string &bytes)
{
    return error_of([&] { read(bytes); });
}

TEST(KeyRateEnvelope, AsksForTheRange)
{
    EXPECT_EQ(key_rate_envelope({day(2023, 1, 2), day(2024, 12, 31)}),
              "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
              "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>"
              "<KeyRateXML xmlns=\"http://web.cbr.ru/\"><fromDate>2023-01-02T00:00:00</fromDate>"
              "<ToDate>2024-12-31T00:00:00</ToDate></KeyRateXML></soap:Body></soap:Envelope>");
    EXPECT_STREQ(key_rate_action, "http://web.cbr.ru/KeyRateXML");
}

TEST(ReadKeyRates, TakesEveryField)
{
    const std::vector<KeyRate> rates = read(document(kr("2024-04-26T00:00:00+03:00", "7.50")));
    ASSERT_EQ(rates.size(), 1u);
    EXPECT_EQ(rates[0].date, day(2024, 4, 26));
    EXPECT_EQ(rates[0].rate, "7.50");
}

TEST(ReadKeyRates, TheDayIsTheFirstTenCharacters)
{
    for (const char *date : {"2024-04-26", "2024-04-26T00:00:00", "2024-04-26T00:00:00+03:00", "2024-04-26T23:59:59Z",
                             "2024-04-26 00:00:00", " 2024-04-26T00:00:00.000\n"})
        EXPECT_EQ(read(document(kr(date))).at(0).date, day(2024, 4, 26)) << date;
}

TEST(ReadKeyRates, OrdersTheDaysWithTheirRates)
{
    const std::vector<KeyRate> rates = read(document(kr("2024-04-26", "26.5") + kr("2024-04-24", "24.5") +
                                                     kr("2024-04-30", "30.5") + kr("2024-04-25", "25.5")));
    ASSERT_EQ(rates.size(), 4u);
    const int days[] = {24, 25, 26, 30};
    for (std::size_t i = 0; i < rates.size(); ++i) {
        EXPECT_EQ(rates[i].date, day(2024, 4, days[i]));
        EXPECT_EQ(rates[i].rate, std::to_string(days[i]) + ".5");
    }
}

TEST(ReadKeyRates, PrefixesAndNamespacesMakeNoDifference)
{
    for (const std::string prefix : {"", "s:", "SOAP-ENV:"}) {
        const std::string declared = prefix.empty() ? "xmlns=\"http://schemas.xmlsoap.org/soap/envelope/\""
                                                    : "xmlns:" + prefix.substr(0, prefix.size() - 1) +
                                                          "=\"http://schemas.xmlsoap.org/soap/envelope/\"";
        const std::string bytes = "<" + prefix + "Envelope " + declared + "><" + prefix + "Body>" +
                                  "<w:KeyRateXMLResponse xmlns:w=\"http://web.cbr.ru/\"><w:KeyRateXMLResult><w:KeyRate>"
                                  "<w:KR><w:DT>2024-04-26T00:00:00</w:DT><w:Rate>16</w:Rate></w:KR></w:KeyRate>"
                                  "</w:KeyRateXMLResult></w:KeyRateXMLResponse></" +
                                  prefix + "Body></" + prefix + "Envelope>";
        const std::vector<KeyRate> rates = read(bytes);
        ASSERT_EQ(rates.size(), 1u) << bytes;
        EXPECT_EQ(rates[0].rate, "16");
    }
}

TEST(ReadKeyRates, TakesIndentation)
{
    EXPECT_EQ(
        read(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">\n <s:Body>\n"
            "  <KeyRateXMLResponse>\n   <KeyRateXMLResult>\n    <KeyRate>\n     <KR>\n      <DT>\n2024-04-26\n</DT>\n      <Rate> 16.00 </Rate>\n     </KR>\n"
            "    </KeyRate>\n"
            "   </KeyRateXMLResult>\n  </KeyRateXMLResponse>\n </s:Body>\n</s:Envelope>\n")
            .at(0)
            .rate,
        "16.00");
}

TEST(ReadKeyRates, WithoutRatesIsEmpty)
{
    EXPECT_TRUE(read(document("")).empty());
    EXPECT_TRUE(
        read("<Envelope><Body><KeyRateXMLResponse><KeyRateXMLResult/></KeyRateXMLResponse></Body></Envelope>").empty());
}

TEST(ReadKeyRates, DayTwiceIsAnError)
{
    for (const std::string &rates :
         {kr("2024-04-26") + kr("2024-04-26"),
          kr("2024-04-26T00:00:00+03:00", "16.00") + kr("2024-04-25") + kr("2024-04-26T12:00:00", "17.00")}) {
        const Error error = read_error(document(rates));
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid document: two records are of 2024-04-26");
    }
}

TEST(ReadKeyRates, ErrorInParametersIsAnErrorOfTheRange)
{
    EXPECT_EQ(read_error("<ValCurs>Error in parameters</ValCurs>").kind, ErrorKind::date_range);
}

TEST(ReadKeyRates, RateOutsideOfTheRangeIsAnError)
{
    EXPECT_EQ(read(document(kr("2024-04-01") + kr("2024-04-30"))).size(), 2u);
    for (const char *date : {"2024-03-31", "2024-05-01", "2023-04-15"}) {
        const Error error = read_error(document(kr("2024-04-15") + kr(date)));
        EXPECT_EQ(error.kind, ErrorKind::document) << date;
        EXPECT_EQ(error.message, "invalid document: a record is outside of the range asked for");
    }
}

TEST(ReadKeyRates, MalformedDateIsAnErrorOfNumbers)
{
    for (const char *date : {"26.04.2024", "2024-02-30T00:00:00", "2024-4-26", "20240426", "2024-04-2", "x"}) {
        const Error error = read_error(document(kr(date)));
        EXPECT_EQ(error.kind, ErrorKind::number) << date;
        EXPECT_EQ(error.message, "invalid document: DT is not a date: \"" + std::string(date) + "\"");
    }
}

TEST(ReadKeyRates, RateIsAPositiveNumber)
{
    for (const char *rate : {"0", "0.00", "-1", "x", "16%"}) {
        const Error error = read_error(document(kr("2024-04-26", rate)));
        EXPECT_EQ(error.kind, ErrorKind::number) << rate;
        EXPECT_EQ(error.message, "invalid document: Rate is not a positive number: \"" + std::string(rate) + "\"");
    }
}

TEST(ReadKeyRates, MissingFieldsAreErrors)
{
    for (const std::string &rate : {kr("", "16"), kr("2024-04-26", ""), std::string("<KR><Rate>16</Rate></KR>"),
                                    std::string("<KR><DT>2024-04-26</DT></KR>"), std::string("<KR/>")}) {
        const Error error = read_error(document(rate));
        EXPECT_EQ(error.kind, ErrorKind::document) << rate;
        EXPECT_TRUE(contains(error.message, "\" is missing")) << error.message;
    }
}

TEST(ReadKeyRates, OtherDocumentsAreErrors)
{
    for (const char *bytes : {"<ValCurs/>", "<soap/>", "<KeyRate/>"})
        EXPECT_TRUE(contains(read_error(bytes).message, "the root element is")) << bytes;
    EXPECT_TRUE(contains(read_error("<!DOCTYPE html><html/>").message, "HTML"));
    EXPECT_TRUE(contains(read_error("<!DOCTYPE Envelope>" + document("")).message, "DOCTYPE"));
}

// A fault and the answer of another method are no answer of "no rates"; with a status other than 200 the transport
// refuses them before.
std::string enveloped(const std::string &body)
{
    return "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body>" + body +
           "</soap:Body></soap:Envelope>";
}

TEST(ReadKeyRates, SoapFaultIsAnErrorThatTellsItsText)
{
    for (const std::string text : {"out of order", "no KeyRateXMLResult", "KeyRateXMLResult"}) {
        const Error error =
            read_error(enveloped("<soap:Fault><faultcode>soap:Server</faultcode><faultstring>\n" + text +
                                 "</faultstring><detail><KeyRateXMLResult/></detail></soap:Fault>"));
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid document: it is a SOAP fault");
        EXPECT_EQ(error.detail, "The service says \"" + text + "\". It is made up.");
    }
}

TEST(ReadKeyRates, SoapFaultWithoutATextIsAnError)
{
    for (const char *fault : {"<soap:Fault/>", "<soap:Fault><faultstring/></soap:Fault>"}) {
        const Error error = read_error(enveloped(fault));
        EXPECT_EQ(error.message, "invalid document: it is a SOAP fault");
        EXPECT_EQ(error.detail, "The service does not say why. It is made up.");
    }
}

TEST(ReadKeyRates, SoapFaultBesideRatesIsAnError)
{
    EXPECT_EQ(read_error(enveloped("<KeyRateXMLResponse><KeyRateXMLResult><KeyRate>" + kr("2024-04-26") +
                                   "</KeyRate></KeyRateXMLResult></KeyRateXMLResponse><soap:Fault/>"))
                  .message,
              "invalid document: it is a SOAP fault");
}

// Its name in a text, a comment or an attribute, or in another place, makes no result.
TEST(ReadKeyRates, WithoutTheElementOfTheResultIsAnError)
{
    for (const std::string body :
         {"", "KeyRateXMLResult", "<R>KeyRateXMLResult</R>", "<R><!-- <KeyRateXMLResult/> --></R>",
          "<R KeyRateXMLResult=\"\"><X n=\"KeyRateXMLResult\"/></R>", "<KeyRateXMLResult/>",
          "<R><X><KeyRateXMLResult/></X></R>",
          "<R><X><KeyRate><KR><DT>2024-04-26</DT><Rate>16</Rate></KR></KeyRate></X></R>"}) {
        const Error error = read_error(enveloped(body));
        EXPECT_EQ(error.kind, ErrorKind::document) << body;
        EXPECT_EQ(error.message, "invalid document: it has no KeyRateXMLResult") << body;
    }
}

TEST(ReadKeyRates, AnswerOfAnotherMethodIsAnError)
{
    for (const char *body : {"", "<GetCursDynamicXMLResponse xmlns=\"http://web.cbr.ru/\"><GetCursDynamicXMLResult>"
                                 "<ValuteData><ValuteCursDynamic/></ValuteData></GetCursDynamicXMLResult>"
                                 "</GetCursDynamicXMLResponse>"})
        EXPECT_EQ(read_error("<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>" +
                             std::string(body) + "</s:Body></s:Envelope>")
                      .kind,
                  ErrorKind::document)
            << body;
}

} // namespace
} // namespace cbr
