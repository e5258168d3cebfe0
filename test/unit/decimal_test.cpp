// core/decimal: which texts are numbers, and that their digits come out as they went in.
#include "core/decimal.h"

#include "expectations.h"

#include <utility>
#include <vector>

namespace cbr {
namespace {

using namespace std::string_literals;

using Pairs = std::vector<std::pair<std::string, std::string>>;

void expect_each_reads_as(const Pairs &pairs)
{
    for (const auto &[text, number] : pairs)
        EXPECT_EQ(parse_decimal(text), number) << "for \"" << text << "\"";
}

void expect_no_numbers(const std::vector<std::string> &texts)
{
    for (const std::string &text : texts)
        EXPECT_EQ(parse_decimal(text), std::nullopt) << "for \"" << text << "\"";
}

TEST(ParseDecimal, ReadsCommaAndPoint)
{
    expect_each_reads_as({{"30,9436", "30.9436"}, {"30.9436", "30.9436"}, {"5960", "5960"}, {"0,0001", "0.0001"}});
}

TEST(ParseDecimal, KeepsEveryDigit)
{
    expect_each_reads_as({{"12,0000", "12.0000"},
                          {"007,50", "007.50"},
                          {"0", "0"},
                          {"0,0", "0.0"},
                          {"125,26000000000000000000000001", "125.26000000000000000000000001"},
                          {"9007199254740993,1", "9007199254740993.1"}});
}

TEST(ParseDecimal, ReadsGroupsOfThreeAfterASpaceOrU00A0)
{
    expect_each_reads_as({{"2 153,0000", "2153.0000"},
                          {"2\xC2\xA0"
                           "153,0000",
                           "2153.0000"},
                          {"1 234 567", "1234567"},
                          {"12\xC2\xA0"
                           "345\xC2\xA0"
                           "678.9",
                           "12345678.9"},
                          {"123 456,7", "123456.7"}});
}

TEST(ParseDecimal, RejectsWrongGroups)
{
    expect_no_numbers({"2 15", "2 1530", "2 153 0", "1234 567", "1  234",
                       "1 \xC2\xA0"
                       "234",
                       " ,5", "1 ,5", "1 234 ,5", "1,234 567", "1\t234",
                       "1\xA0"
                       "234",
                       "1\xC2"
                       "234",
                       "1_234", "1'234",
                       "1\xE2\x80\xAF"
                       "234",
                       "1 234\xC2\xA0"});
}

TEST(ParseDecimal, RejectsTwoMarksAndLonelyOnes)
{
    expect_no_numbers(
        {",5", ".5", "5,", "5.", ",", ".", "1,2,3", "1.2.3", "1,234.5", "1.234,5", "1,,2", "--1", "- 1", "1-"});
}

TEST(ParseDecimal, ReadsTheExponentOfUnitRates)
{
    expect_each_reads_as({{"5,88139E-05", "5.88139E-05"},
                          {"5.88139e-05", "5.88139E-05"},
                          {"1E5", "1E5"},
                          {"1E+05", "1E05"},
                          {"0E0", "0E0"},
                          {"1,5E-99", "1.5E-99"},
                          {"1 000E99", "1000E99"}});
}

TEST(ParseDecimal, RejectsWrongExponents)
{
    expect_no_numbers(
        {"1E", "1E-", "1E+", "E5", "1E100", "1E-100", "1E005", "1E5,0", "1EE5", "1E5E5", "1E -5", "1 E5", "1E+-5"});
}

TEST(ParseDecimal, ReadsALeadingMinusAndNoPlus)
{
    expect_each_reads_as({{"-1,5", "-1.5"}, {"-0", "-0"}, {"-2 153,0", "-2153.0"}});
    expect_no_numbers({"+1,5", "\xE2\x88\x92"
                               "1"});
}

TEST(ParseDecimal, PassesOverAsciiWhiteSpaceAroundTheNumber)
{
    expect_each_reads_as({{" \r\n\t30,9436\n", "30.9436"}, {"  -1  ", "-1"}});
}

TEST(ParseDecimal, RejectsWhatIsNoNumber)
{
    expect_no_numbers(
        {"", " ", "-", "abc", "30,94x6", "NaN", "nan", "Infinity", "inf", "0x10", "1e", "$1", "1%", "1/2"});
}

TEST(ParseDecimal, RejectsNulBytes)
{
    expect_no_numbers({"\0"s, "1\0"s,
                       "\0"
                       "1"s,
                       "1\0"
                       "2"s,
                       "1,5\0"s,
                       "1,\0"
                       "5"s});
}

TEST(ParseDecimal, ReadsFortyDigitsAndNoMore)
{
    const std::string forty(40, '9');
    EXPECT_EQ(parse_decimal(forty), forty);
    EXPECT_EQ(parse_decimal(forty + "9"), std::nullopt);
    EXPECT_EQ(parse_decimal(std::string(100000, '9')), std::nullopt);
    EXPECT_EQ(parse_decimal("1," + std::string(38, '3')), "1." + std::string(38, '3'));
    EXPECT_EQ(parse_decimal("1," + std::string(40, '3')), std::nullopt);
}

TEST(ParseDecimal, CountsDigitsAndNotTheMarkOrTheSign)
{
    EXPECT_EQ(parse_decimal("1," + std::string(39, '3')), "1." + std::string(39, '3'));
    EXPECT_EQ(parse_decimal("-" + std::string(40, '3')), "-" + std::string(40, '3'));
}

TEST(IsPositive, LooksAtTheSignAndTheDigits)
{
    for (const char *number : {"1", "0.0001", "10", "5.88139E-05", "0.00000000000001", "1E-99", "007"})
        EXPECT_TRUE(is_positive(number)) << number;
    for (const char *number : {"0", "0.0000", "-0", "-1", "-0.5", "0E5", "0.0E99", "-1E5"})
        EXPECT_FALSE(is_positive(number)) << number;
}

TEST(ParseNominal, ReadsWholeNumbersFromOne)
{
    EXPECT_EQ(parse_nominal("1"), 1);
    EXPECT_EQ(parse_nominal(" 100\n"), 100);
    EXPECT_EQ(parse_nominal("1 000 000"), 1000000);
    EXPECT_EQ(parse_nominal("10\xC2\xA0"
                            "000"),
              10000);
    EXPECT_EQ(parse_nominal("0000000010"), 10);
    EXPECT_EQ(parse_nominal("2147483647"), 2147483647);
}

TEST(ParseNominal, RejectsTheRest)
{
    for (const std::string &text :
         {""s, " "s, "0"s, "000"s, "-1"s, "+1"s, "1,5"s, "1.0"s, "1,0"s, "1E3"s, "x"s, "1 00"s, "1x"s, "2147483648"s,
          "4294967297"s, "9999999999"s, "10000000000"s, "18446744073709551617"s, "1\0"s})
        EXPECT_EQ(parse_nominal(text), std::nullopt) << "for \"" << text << "\"";
    EXPECT_EQ(parse_nominal(std::string(100000, '1')), std::nullopt);
}

} // namespace
} // namespace cbr
