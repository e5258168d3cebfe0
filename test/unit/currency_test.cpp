// core/currency: the forms of a code, what a caller may name, and how a publication is reduced to it.
#include "core/currency.h"

#include "expectations.h"

namespace cbr {
namespace {

using Codes = std::vector<std::string>;

Rate rate(const char *cbr_id, const char *char_code)
{
    Rate made;
    made.cbr_id = cbr_id;
    made.char_code = char_code;
    made.value = "1";
    return made;
}

Publication three_currencies()
{
    return {day(2002, 3, 2), {rate("R01035", "GBP"), rate("R01235", "USD"), rate("R01239", "EUR")}};
}

Codes quoted(const Publication &publication)
{
    Codes codes;
    for (const Rate &each : publication.rates)
        codes.push_back(each.char_code);
    return codes;
}

TEST(CurrencyCode, IsThreeCapitals)
{
    for (const char *code : {"USD", "AAA", "ZZZ"})
        EXPECT_TRUE(is_iso_code(code)) << code;
    for (const char *code : {"", "US", "USDX", "usd", "US1", "U D", "US\xD0", "840", "*"})
        EXPECT_FALSE(is_iso_code(code)) << code;
}

TEST(BankId, IsACapitalThenCapitalsAndADigitAmongThem)
{
    for (const char *id : {"R01235", "R01090B", "R1", "AB1", "R123456789012345"})
        EXPECT_TRUE(is_bank_id(id)) << id;
    for (const char *id : {"", "R", "RUB", "1R", "r01235", "R01235 ", "R0123b", "R-1", "R1234567890123456", "01235"})
        EXPECT_FALSE(is_bank_id(id)) << id;
}

TEST(ParseCurrencies, TakesAnyCaseAndBlanksAroundIt)
{
    EXPECT_EQ(parse_currencies({"usd", " Eur\n", "r01090b"}).codes, (Codes{"USD", "EUR", "R01090B"}));
}

TEST(ParseCurrencies, NamesEachOnceInTheOrderGiven)
{
    const CurrencySelection selection = parse_currencies({"EUR", "usd", "USD", "eur", "R01235"});
    EXPECT_EQ(selection.codes, (Codes{"EUR", "USD", "R01235"}));
    EXPECT_FALSE(selection.all);
}

TEST(ParseCurrencies, TakesTheStarForAll)
{
    EXPECT_TRUE(parse_currencies({"*"}).all);
    EXPECT_TRUE(parse_currencies({"*"}).codes.empty());
    EXPECT_TRUE(parse_currencies({"USD", " * "}).all);
    EXPECT_EQ(parse_currencies({"USD", "*"}).codes, Codes{"USD"});
}

TEST(ParseCurrencies, RejectsAMalformedCodeAndShowsItAsGiven)
{
    for (const char *code : {"", " ", "US", "USDX", "**", "US D", "840", "USD;EUR", "\xD0\x94", "\xFF\xFE"}) {
        const Error error = error_of([&] { parse_currencies({"USD", code}); });
        EXPECT_EQ(error.kind, ErrorKind::parameter) << code;
    }
    const Error error = error_of([] { parse_currencies({"usx\xFF"}); });
    EXPECT_EQ(error.message, "malformed currency code: \"usx\\xFF\"");
    EXPECT_TRUE(contains(error.hint, "R01235"));
}

TEST(ParseCurrencies, RejectsAMalformedCodeBesideTheStar)
{
    EXPECT_EQ(error_of([] { parse_currencies({"*", "dollar"}); }).kind, ErrorKind::parameter);
}

TEST(ParseCurrencies, WantsAtLeastOne)
{
    const Error error = error_of([] { parse_currencies({}); });
    EXPECT_EQ(error.kind, ErrorKind::parameter);
    EXPECT_EQ(error.message, "no currency is named");
}

TEST(ParseCurrencyList, SplitsAtCommas)
{
    EXPECT_EQ(parse_currency_list("USD, EUR, GBP").codes, (Codes{"USD", "EUR", "GBP"}));
    EXPECT_EQ(parse_currency_list("usd,usd").codes, Codes{"USD"});
    EXPECT_TRUE(parse_currency_list("*").all);
}

TEST(ParseCurrencyList, RejectsEmptyListsAndEmptyPlaces)
{
    for (const char *list : {"", "  ", ",", "USD,,EUR", ",USD", "USD EUR", "USD;EUR"})
        EXPECT_EQ(error_of([&] { parse_currency_list(list); }).kind, ErrorKind::parameter) << list;
}

TEST(KeepSelected, KeepsCodesAndIdsInThePublicationsOrder)
{
    Publication publication = three_currencies();
    EXPECT_EQ(keep_selected(publication, parse_currencies({"eur", "R01035"})), Codes{});
    EXPECT_EQ(quoted(publication), (Codes{"GBP", "EUR"}));
    EXPECT_EQ(publication.effective_date, day(2002, 3, 2));
}

TEST(KeepSelected, KeepsACurrencyOnceThatIsNamedByCodeAndId)
{
    Publication publication = three_currencies();
    EXPECT_EQ(keep_selected(publication, parse_currencies({"USD", "R01235"})), Codes{});
    EXPECT_EQ(quoted(publication), Codes{"USD"});
}

TEST(KeepSelected, KeepsAllForTheStarAndStillTellsWhatIsNotQuoted)
{
    Publication publication = three_currencies();
    EXPECT_EQ(keep_selected(publication, parse_currencies({"*", "XDR"})), Codes{"XDR"});
    EXPECT_EQ(quoted(publication), (Codes{"GBP", "USD", "EUR"}));
}

TEST(KeepSelected, ReturnsTheCodesThatAreNotQuoted)
{
    Publication publication = three_currencies();
    EXPECT_EQ(keep_selected(publication, parse_currencies({"XDR", "USD", "R99999"})), (Codes{"XDR", "R99999"}));
    EXPECT_EQ(quoted(publication), Codes{"USD"});
}

TEST(KeepSelected, FailsWhereNoneIsQuotedAndLeavesThePublication)
{
    Publication publication = three_currencies();
    const Error error = error_of([&] { keep_selected(publication, parse_currencies({"XDR", "JPY"})); });
    EXPECT_EQ(error.kind, ErrorKind::not_quoted);
    EXPECT_EQ(error.message, "the publication of 2002-03-02 quotes none of the currencies asked for");
    EXPECT_EQ(error.detail, "Asked for: XDR, JPY. Quoted: GBP, USD, EUR.");
    EXPECT_EQ(quoted(publication), (Codes{"GBP", "USD", "EUR"}));
}

} // namespace
} // namespace cbr
