// core/directory: which currency a code means. The newest publication comes before the catalogue.
#include "core/directory.h"

#include "expectations.h"

namespace cbr {
namespace {

Rate rate(const std::string &id, const std::string &num_code, const std::string &char_code, const std::string &name)
{
    Rate made;
    made.cbr_id = id;
    made.num_code = num_code;
    made.char_code = char_code;
    made.name = name;
    return made;
}

CurrencyDirectory directory()
{
    Publication newest;
    newest.rates = {rate("R01235", "840", "USD", "Dollar"), rate("R01700J", "949", "TRY", "Lira")};
    return CurrencyDirectory(newest);
}

CurrencyDirectory with_catalogue()
{
    CurrencyDirectory full = directory();
    full.add({{"R01235", "", "840", "USD", "Old wording", "", 1},
              {"R01510", "", "280", "DEM", "Mark", "", 1},
              {"R01510A", "", "280", "DEM", "Mark again", "", 100},
              {"R01999", "", "", "", "Without a code", "", 1}});
    return full;
}

std::vector<std::string> ids(const std::vector<Currency> &currencies)
{
    std::vector<std::string> found;
    for (const Currency &currency : currencies)
        found.push_back(currency.cbr_id);
    return found;
}

using Ids = std::vector<std::string>;

TEST(Directory, NewestPublicationComesFirst)
{
    const auto selected = with_catalogue().select(parse_currency_list("usd, r01235, TRY"));
    EXPECT_EQ(ids(selected), (Ids{"R01235", "R01700J"}));
    EXPECT_EQ(selected[0].name, "Dollar");
}

TEST(Directory, IsoCodeMeansAllThatTheCatalogueHasUnderIt)
{
    EXPECT_EQ(ids(with_catalogue().select(parse_currency_list("DEM"))), (Ids{"R01510", "R01510A"}));
}

TEST(Directory, UnknownIdIsTakenAtItsWordAndAnUnknownIsoCodeIsAnError)
{
    const auto selected = with_catalogue().select(parse_currency_list("R01700"));
    ASSERT_EQ(selected.size(), 1u);
    EXPECT_EQ(selected[0].char_code, "");
    EXPECT_EQ(error_of([] { with_catalogue().select(parse_currency_list("XXX")); }).kind, ErrorKind::not_quoted);
}

TEST(Directory, TellsWhetherTheCatalogueIsNeeded)
{
    EXPECT_FALSE(directory().lacks_any(parse_currency_list("USD, R01700J")));
    EXPECT_TRUE(directory().lacks_any(parse_currency_list("USD, DEM")));
    EXPECT_TRUE(directory().lacks_any(parse_currency_list("*")));
}

TEST(Directory, AllIsEachOnce)
{
    EXPECT_EQ(ids(with_catalogue().select(parse_currency_list("*, USD"))),
              (Ids{"R01235", "R01700J", "R01510", "R01510A", "R01999"}));
}

} // namespace
} // namespace cbr
