// core/service against the stand-in for the Bank: from a request to a publication, in every form of the document and
// with everything that may be wrong with it.
#include "core/service.h"

#include "bank.h"
#include "core/text.h"
#include "expectations.h"

#include <unordered_set>
#include <utility>

namespace cbr {
namespace {

const Date asked_day = day(2002, 3, 2);

FetchedPublication fetch(const std::string &prefix_and_faults, std::optional<Date> on_date = asked_day)
{
    HttpSession session;
    return fetch_daily({session, bank_url() + prefix_and_faults, patient(), never_stop}, on_date);
}

Error fetch_error(const std::string &prefix_and_faults, std::optional<Date> on_date = asked_day)
{
    return error_of([&] { fetch(prefix_and_faults, on_date); });
}

const Rate &dollar_of(const Publication &publication)
{
    for (const Rate &rate : publication.rates)
        if (rate.cbr_id == "R01235")
            return rate;
    throw std::runtime_error("the publication does not quote the dollar");
}

TEST(FetchDaily, ReturnsThePublicationInForce)
{
    const std::string prefix = new_prefix();
    const FetchedPublication fetched = fetch(prefix);
    EXPECT_EQ(fetched.publication.effective_date, asked_day);
    EXPECT_GT(fetched.publication.rates.size(), 10u);
    const Rate &dollar = dollar_of(fetched.publication);
    EXPECT_EQ(dollar.char_code, "USD");
    EXPECT_EQ(dollar.num_code, "840");
    EXPECT_EQ(dollar.name, "Доллар США");
    EXPECT_EQ(dollar.value, "30.9436");
    EXPECT_EQ(dollar.nominal, 1);
    EXPECT_EQ(fetched.answer.url, bank_url() + prefix + "/scripts/XML_daily.asp?date_req=02/03/2002");
    EXPECT_EQ(fetched.answer.status, 200);
}

TEST(FetchDaily, CountsTheBytesAndDropsTheBody)
{
    const std::string prefix = new_prefix();
    const FetchedPublication fetched = fetch(prefix);
    EXPECT_TRUE(fetched.answer.body.empty());
    EXPECT_EQ(fetched.bytes, HttpSession().get(document_url(prefix), patient(), never_stop).body.size());
}

TEST(FetchDaily, ReturnsTheLatestWithoutADate)
{
    const std::string prefix = new_prefix();
    const FetchedPublication fetched = fetch(prefix, std::nullopt);
    EXPECT_EQ(fetched.publication.effective_date, day(2026, 4, 25));
    EXPECT_EQ(fetched.publication.rates.size(), 54u);
    EXPECT_EQ(fetched.answer.url, bank_url() + prefix + "/scripts/XML_daily.asp");
}

TEST(FetchDaily, ReturnsTheOneBeforeForADayWithoutAnOwn)
{
    EXPECT_EQ(fetch(new_prefix(), day(2002, 3, 3)).publication.effective_date, asked_day);
    EXPECT_EQ(fetch(new_prefix(), day(2002, 4, 2)).publication.effective_date, asked_day);
    EXPECT_EQ(fetch_error(new_prefix(), day(2002, 4, 3)).kind, ErrorKind::document);
}

TEST(FetchDaily, AsksForTheFirstDayOfTheArchiveAndForNoneBefore)
{
    EXPECT_EQ(dollar_of(fetch(new_prefix(), day(1992, 7, 1)).publication).value, "125.2600");
    const std::string prefix = new_prefix();
    EXPECT_EQ(fetch_error(prefix, day(1992, 6, 30)).kind, ErrorKind::date_range);
    EXPECT_TRUE(connections_that_asked(prefix).empty());
}

TEST(FetchDaily, TakesSlashesAtTheEndOfTheBaseUrl)
{
    const std::string prefix = new_prefix();
    EXPECT_EQ(fetch(prefix + "//").answer.url, bank_url() + prefix + "/scripts/XML_daily.asp?date_req=02/03/2002");
}

TEST(FetchDaily, KnowsThatADayIsNotPublishedYet)
{
    EXPECT_EQ(fetch_error(new_prefix(), day(9999, 12, 31)).kind, ErrorKind::not_published);
    EXPECT_EQ(fetch(new_prefix() + "/fault/own-date", day(9999, 12, 30)).publication.effective_date, day(9999, 12, 30));
}

TEST(FetchDaily, ReadsTheSameFromEveryForm)
{
    const std::vector<Rate> expected = fetch(new_prefix()).publication.rates;
    for (const char *form : {"classic", "slashes", "utf8", "bom", "windows-1252", "thousands-nbsp", "thousands-space",
                             "classic/form/slashes/form/thousands-nbsp", "bom/form/thousands-nbsp"}) {
        const Publication publication = fetch(new_prefix() + "/form/" + form).publication;
        EXPECT_EQ(publication.effective_date, asked_day) << form;
        ASSERT_EQ(publication.rates.size(), expected.size()) << form;
        for (std::size_t i = 0; i < expected.size(); ++i) {
            EXPECT_EQ(publication.rates[i].cbr_id, expected[i].cbr_id) << form;
            EXPECT_EQ(publication.rates[i].value, expected[i].value) << form;
            EXPECT_EQ(publication.rates[i].nominal, expected[i].nominal) << form;
            EXPECT_EQ(publication.rates[i].name,
                      form == std::string("windows-1252") ? expected[i].char_code : expected[i].name);
        }
    }
}

TEST(FetchDaily, ReadsThousandsOf1997)
{
    for (const char *form : {"classic", "thousands-nbsp", "thousands-space"})
        EXPECT_EQ(dollar_of(fetch(new_prefix() + "/form/" + form, day(1997, 12, 30)).publication).value, "5960.0000")
            << form;
}

TEST(FetchDaily, TakesHostileNamesAsText)
{
    EXPECT_EQ(dollar_of(fetch(new_prefix() + "/fault/hostile-name").publication).name,
              "O'Brien \"); DROP TABLE t_currency; -- \\ <b>");
    EXPECT_EQ(dollar_of(fetch(new_prefix() + "/fault/unencodable-name").publication).name, "Доллар США中");
}

TEST(FetchDaily, TakesADocumentWithoutANumCode)
{
    EXPECT_EQ(dollar_of(fetch(new_prefix() + "/fault/missing-num-code").publication).num_code, "");
}

TEST(FetchDaily, EveryFaultOfTheDocumentIsAnErrorOfItsKind)
{
    const std::pair<const char *, ErrorKind> faults[] = {
        {"empty", ErrorKind::document},
        {"html", ErrorKind::document},
        {"dtd", ErrorKind::document},
        {"entity-bomb", ErrorKind::document},
        {"external-entity", ErrorKind::document},
        {"external-dtd", ErrorKind::document},
        {"wrong-root", ErrorKind::document},
        {"truncated-xml", ErrorKind::document},
        {"mislabelled", ErrorKind::document},
        {"leading-space", ErrorKind::document},
        {"error-in-parameters", ErrorKind::date_range},
        {"no-date", ErrorKind::document},
        {"bad-date", ErrorKind::number},
        {"shift-date/1", ErrorKind::document},
        {"shift-date/-32", ErrorKind::document},
        {"stale", ErrorKind::document},
        {"no-valutes", ErrorKind::document},
        {"duplicate-id", ErrorKind::document},
        {"bad-number", ErrorKind::number},
        {"zero-value", ErrorKind::number},
        {"negative-value", ErrorKind::number},
        {"bad-nominal", ErrorKind::number},
        {"zero-nominal", ErrorKind::number},
        {"missing-value", ErrorKind::document},
        {"missing-char-code", ErrorKind::document},
        {"missing-id", ErrorKind::document},
    };
    for (const auto &[fault, kind] : faults) {
        const Error error = fetch_error(new_prefix() + "/fault/" + fault);
        EXPECT_EQ(error.kind, kind) << fault;
        EXPECT_TRUE(starts_with(error.message, "invalid answer from 127.0.0.1:")) << error.message;
        EXPECT_TRUE(contains(error.detail, "GET " + bank_url())) << error.detail;
        EXPECT_TRUE(contains(error.detail, "HTTP status 200; content type \"")) << error.detail;
        EXPECT_TRUE(is_utf8(whole_text(error))) << fault;
        EXPECT_FALSE(contains(whole_text(error), "root:")) << fault;
    }
    EXPECT_TRUE(connections_that_asked("/external.dtd").empty());
}

TEST(FetchDaily, OneUndecodableByteSpoilsTheDocument)
{
    std::string body = HttpSession().get(document_url(new_prefix()), patient(), never_stop).body;
    body.insert(body.rfind("</Name>"), "\x98");
    const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    HttpSession session;
    const Error error = error_of([&] { fetch_daily({session, server.url(), patient(), never_stop}, asked_day); });
    EXPECT_EQ(error.kind, ErrorKind::document);
}

TEST(FetchDaily, StopsWhenToldTo)
{
    const std::string prefix = new_prefix();
    HttpSession session;
    const StopAfterRequest stop(prefix, 1);
    const Error error = error_of([&] {
        fetch_daily({session, bank_url() + prefix + "/fault/hang", patient(), StopAfterRequest::should_stop},
                    asked_day);
    });
    EXPECT_EQ(error.kind, ErrorKind::interrupted);
}

// ------------------------------------------------------------------------------------- the service's other documents

TEST(FetchDynamic, ReturnsTheRecordsOfTheRange)
{
    HttpSession session;
    const auto records = fetch_dynamic({session, bank_url() + new_prefix(), patient(), never_stop}, "R01235",
                                       {day(2002, 3, 1), day(2002, 3, 5)});
    ASSERT_EQ(records.size(), 3u);
    EXPECT_EQ(records[1].effective_date, asked_day);
    EXPECT_EQ(records[1].value, "30.9436");
}

TEST(FetchCatalogue, NamesEachCurrencyOnce)
{
    HttpSession session;
    std::unordered_set<std::string> ids;
    for (const CatalogueEntry &entry : fetch_catalogue({session, bank_url() + new_prefix(), patient(), never_stop}))
        EXPECT_TRUE(ids.insert(entry.cbr_id).second) << entry.cbr_id;
    EXPECT_GT(ids.size(), 50u);
}

std::vector<MetalPrice> metals_below(const std::string &faults)
{
    HttpSession session;
    return fetch_metals({session, bank_url() + new_prefix() + faults, patient(), never_stop},
                        {day(2026, 3, 3), day(2026, 3, 4)});
}

std::vector<KeyRate> key_rates_below(const std::string &faults)
{
    HttpSession session;
    return fetch_key_rates({session, bank_url() + new_prefix() + faults, patient(), never_stop},
                           {day(2024, 4, 24), day(2024, 4, 26)});
}

TEST(FetchMetals, ReturnsTheFourOfEachDay)
{
    for (const char *faults : {"", "/fault/shuffled", "/form/classic", "/form/slashes"}) {
        const auto prices = metals_below(faults);
        ASSERT_EQ(prices.size(), 8u) << faults;
        EXPECT_STREQ(prices[0].metal, "gold") << faults;
        EXPECT_EQ(prices[0].buy, "12957.47") << faults;
        EXPECT_STREQ(prices[7].metal, "palladium") << faults;
        EXPECT_EQ(prices[7].date, day(2026, 3, 4)) << faults;
    }
    EXPECT_TRUE(metals_below("/fault/empty-series").empty());
}

TEST(FetchMetals, WhatIsWrongIsAnErrorOfItsKind)
{
    for (const auto &[fault, kind] :
         {std::pair("error-in-parameters", ErrorKind::date_range), std::pair("wrong-echo-range", ErrorKind::document),
          std::pair("record-outside", ErrorKind::document), std::pair("duplicate-record", ErrorKind::document),
          std::pair("wrong-root", ErrorKind::document), std::pair("bad-number", ErrorKind::number)})
        EXPECT_EQ(error_of([name = fault] { metals_below(std::string("/fault/") + name); }).kind, kind) << fault;
}

TEST(FetchKeyRates, PostsTheEnvelopeAndReturnsAscendingDays)
{
    for (const char *faults : {"", "/fault/shuffled"}) {
        const auto rates = key_rates_below(faults);
        ASSERT_EQ(rates.size(), 3u) << faults;
        EXPECT_EQ(rates[0].date, day(2024, 4, 24)) << faults;
        EXPECT_EQ(rates[0].rate, "16.00") << faults;
        EXPECT_EQ(rates[2].date, day(2024, 4, 26)) << faults;
    }
    EXPECT_TRUE(key_rates_below("/fault/empty-series").empty());
}

TEST(FetchKeyRates, WhatIsWrongIsAnErrorOfItsKind)
{
    for (const auto &[fault, kind] :
         {std::pair("error-in-parameters", ErrorKind::date_range), std::pair("duplicate-record", ErrorKind::document),
          std::pair("wrong-root", ErrorKind::document), std::pair("bad-number", ErrorKind::number)})
        EXPECT_EQ(error_of([name = fault] { key_rates_below(std::string("/fault/") + name); }).kind, kind) << fault;
}

} // namespace
} // namespace cbr
