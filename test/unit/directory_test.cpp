// core/directory: the newest publication tells what a code means, the catalogue what it does not know.
#include "core/directory.h"

#include "core/error.h"
#include "expectations.h"

namespace cbr {
namespace {

using Ids = std::vector<std::string>;

Rate rate(const char *cbr_id, const char *char_code, const char *name = "of the publication")
{
    Rate made;
    made.cbr_id = cbr_id;
    made.num_code = "001";
    made.char_code = char_code;
    made.name = name;
    return made;
}

CatalogueEntry entry(const char *cbr_id, const char *char_code, const char *name = "of the catalogue")
{
    CatalogueEntry made;
    made.cbr_id = cbr_id;
    made.num_code = "002";
    made.char_code = char_code;
    made.name = name;
    return made;
}

CurrencySelection of(const std::vector<std::string> &codes) { return parse_currencies(codes); }

Ids ids(const std::vector<Currency> &currencies)
{
    Ids found;
    for (const Currency &currency : currencies)
        found.push_back(currency.cbr_id);
    return found;
}

CurrencyDirectory newest_only()
{
    return CurrencyDirectory(
        {day(2026, 4, 25),
         {rate("R01235", "USD"), rate("R01239", "EUR"), rate("R01090B", "BYN"), rate("R01580", "SAR")}});
}

CurrencyDirectory both()
{
    CurrencyDirectory directory = newest_only();
    directory.add({entry("R01235", "USD"), entry("R01510", "DEM"), entry("R01580", "SAR"), entry("R01580C", "SAR"),
                   entry("R01510A", "DEM"), entry("R01090", "BYR"), entry("R01720A", "")});
    return directory;
}

TEST(Directory, FindsIsoCodesAndIdsInTheNewestPublication)
{
    const std::vector<Currency> found = newest_only().select(of({"EUR", "R01235"}));
    ASSERT_EQ(ids(found), (Ids{"R01239", "R01235"}));
    EXPECT_EQ(found[1].char_code, "USD");
    EXPECT_EQ(found[1].num_code, "001");
    EXPECT_EQ(found[1].name, "of the publication");
}

TEST(Directory, TheNewestPublicationWinsOverTheCatalogue)
{
    const std::vector<Currency> found = both().select(of({"USD"}));
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].name, "of the publication");
    EXPECT_EQ(ids(both().select(of({"SAR"}))), Ids{"R01580"}); // and not the namesake of the catalogue
}

TEST(Directory, TheCatalogueKnowsWhatTheNewestPublicationLacks)
{
    const std::vector<Currency> found = both().select(of({"BYR"}));
    ASSERT_EQ(ids(found), Ids{"R01090"});
    EXPECT_EQ(found[0].name, "of the catalogue");
    EXPECT_EQ(found[0].num_code, "002");
    EXPECT_EQ(ids(both().select(of({"R01580C", "R01720A"}))), (Ids{"R01580C", "R01720A"}));
}

TEST(Directory, RepeatedIsoCodeMeansEachOfThem)
{
    EXPECT_EQ(ids(both().select(of({"DEM"}))), (Ids{"R01510", "R01510A"}));
}

TEST(Directory, SelectsEachCurrencyOnceInTheOrderOfTheCodes)
{
    EXPECT_EQ(ids(both().select(of({"R01510A", "R01235", "DEM", "USD", "BYN"}))),
              (Ids{"R01510A", "R01235", "R01510", "R01090B"}));
}

TEST(Directory, UnknownIdIsTakenAtItsWord)
{
    const std::vector<Currency> found = both().select(of({"R01700"}));
    ASSERT_EQ(ids(found), Ids{"R01700"});
    EXPECT_EQ(found[0].char_code, "");
    EXPECT_EQ(found[0].num_code, "");
    EXPECT_EQ(found[0].name, "");
}

TEST(Directory, UnknownIsoCodeIsAnErrorThatNamesIt)
{
    for (const std::vector<std::string> &codes :
         {std::vector<std::string>{"TRL"}, {"USD", "TRL"}, {"TRL", "R01700"}, {"*", "TRL"}}) {
        const Error error = error_of([&] { both().select(of(codes)); });
        EXPECT_EQ(error.kind, ErrorKind::not_quoted);
        EXPECT_EQ(error.message, "the Bank of Russia has no currency TRL");
        EXPECT_FALSE(error.hint.empty());
    }
    EXPECT_EQ(error_of([&] { newest_only().select(of({"DEM"})); }).kind, ErrorKind::not_quoted);
}

TEST(Directory, AsteriskIsTheNewestPublicationThenTheCatalogue)
{
    EXPECT_EQ(ids(both().select(of({"*"}))),
              (Ids{"R01235", "R01239", "R01090B", "R01580", "R01510", "R01580C", "R01510A", "R01090", "R01720A"}));
    EXPECT_EQ(ids(newest_only().select(of({"*"}))), (Ids{"R01235", "R01239", "R01090B", "R01580"}));
}

TEST(Directory, AsteriskBesideCodesRepeatsNothing)
{
    const Ids found = ids(both().select(of({"BYR", "*", "R01700"})));
    EXPECT_EQ(found.size(), 10u);
    EXPECT_EQ(Ids(found.begin(), found.begin() + 3), (Ids{"R01090", "R01700", "R01235"}));
}

TEST(Directory, CurrencyTwiceInTheCatalogueIsSelectedOnce)
{
    CurrencyDirectory directory = newest_only();
    directory.add({entry("R01510", "DEM", "first"), entry("R01510", "DEM", "second")});
    const std::vector<Currency> found = directory.select(of({"DEM"}));
    ASSERT_EQ(ids(found), Ids{"R01510"});
    EXPECT_EQ(found[0].name, "first");
}

TEST(Directory, LacksWhatIsNotInTheNewestPublication)
{
    EXPECT_FALSE(newest_only().lacks_any(of({"USD", "R01239"})));
    EXPECT_TRUE(newest_only().lacks_any(of({"USD", "DEM"})));
    EXPECT_TRUE(newest_only().lacks_any(of({"R01090"})));
    EXPECT_TRUE(newest_only().lacks_any(of({"*"})));
    EXPECT_FALSE(both().lacks_any(of({"USD", "DEM", "R01090"})));
    EXPECT_TRUE(both().lacks_any(of({"TRL"})));
}

} // namespace
} // namespace cbr
