// core/text: trimming, ASCII case, well-formedness of UTF-8, and the excerpts that messages show.
#include "core/text.h"

#include "expectations.h"

namespace cbr {
namespace {

using namespace std::string_literals;

TEST(Trimmed, TakesAsciiWhiteSpaceOffBothEnds)
{
    EXPECT_EQ(trimmed(" \t\r\n\f\va b\v\f\n\r\t "), "a b");
    EXPECT_EQ(trimmed("a"), "a");
    EXPECT_EQ(trimmed(" \t\r\n"), "");
    EXPECT_EQ(trimmed(""), "");
}

TEST(Trimmed, LeavesOtherBlanksAndNulBytes)
{
    EXPECT_EQ(trimmed("\xC2\xA0x\xC2\xA0"), "\xC2\xA0x\xC2\xA0");
    EXPECT_EQ(trimmed("\0 x\0"s), "\0 x\0"s);
}

TEST(UpperCase, ChangesAsciiLettersOnly)
{
    EXPECT_EQ(in_upper_case("azAZ09@[`{"), "AZAZ09@[`{");
    EXPECT_EQ(in_upper_case("\xD0\xB4\xE4\xFF"), "\xD0\xB4\xE4\xFF");
}

TEST(StartsWith, ComparesNoFurtherThanTheText)
{
    EXPECT_TRUE(starts_with("abc", "ab"));
    EXPECT_TRUE(starts_with("abc", ""));
    EXPECT_TRUE(starts_with("", ""));
    EXPECT_FALSE(starts_with("ab", "abc"));
    EXPECT_FALSE(starts_with("Abc", "ab"));
    EXPECT_TRUE(starts_with_any_case("<!DocType HTML>", "<!doctype html"));
    EXPECT_FALSE(starts_with_any_case("<!doc", "<!doctype html"));
}

// RFC 3629, section 4.
TEST(Utf8, AcceptsTheFirstAndLastCharacterOfEachLength)
{
    for (const std::string &character : {"\0"s, "\x7F"s, "\xC2\x80"s, "\xDF\xBF"s, "\xE0\xA0\x80"s, "\xED\x9F\xBF"s,
                                         "\xEE\x80\x80"s, "\xEF\xBF\xBF"s, "\xF0\x90\x80\x80"s, "\xF4\x8F\xBF\xBF"s}) {
        EXPECT_EQ(utf8_character_length(character), character.size()) << quoted_excerpt(character);
        EXPECT_TRUE(is_utf8(character));
        EXPECT_EQ(utf8_character_length(character + "x"), character.size());
    }
}

TEST(Utf8, RejectsOverlongForms)
{
    for (const char *bytes : {"\xC0\x80", "\xC0\xAF", "\xC1\xBF", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xF0\x80\x80\x80",
                              "\xF0\x8F\xBF\xBF", "\xF8\x88\x80\x80\x80", "\xFC\x84\x80\x80\x80\x80"})
        EXPECT_FALSE(is_utf8(bytes)) << quoted_excerpt(bytes);
}

TEST(Utf8, RejectsSurrogates)
{
    for (const char *bytes : {"\xED\xA0\x80", "\xED\xAF\xBF", "\xED\xB0\x80", "\xED\xBF\xBF"})
        EXPECT_FALSE(is_utf8(bytes)) << quoted_excerpt(bytes);
}

TEST(Utf8, RejectsWhatLiesBeyondTheLastCharacter)
{
    for (const char *bytes : {"\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF7\xBF\xBF\xBF", "\xFE", "\xFF"})
        EXPECT_FALSE(is_utf8(bytes)) << quoted_excerpt(bytes);
}

TEST(Utf8, RejectsCutAndStrayBytes)
{
    for (const char *bytes : {"\x80", "\xBF", "\xC2", "\xE2\x82", "\xE2", "\xF0\x9F\x98", "\xF0\x9F", "\xF0", "\xC2x",
                              "\xE2\x82x", "\xE2x\xAC", "\xF0\x9F\x98x", "a\x80", "\xC2\xA0\xA0"})
        EXPECT_FALSE(is_utf8(bytes)) << quoted_excerpt(bytes);
}

TEST(Utf8, KnowsAsciiAndTheEmptyText)
{
    EXPECT_TRUE(is_utf8(""));
    EXPECT_EQ(utf8_character_length(""), 0u);
    EXPECT_TRUE(is_ascii("\0\x7F"s));
    EXPECT_TRUE(is_ascii(""));
    EXPECT_FALSE(is_ascii("a\x80"));
}

TEST(QuotedExcerpt, ShowsShortTextWhole)
{
    EXPECT_EQ(quoted_excerpt(""), "\"\"");
    EXPECT_EQ(quoted_excerpt("Доллар США"), "\"Доллар США\"");
    EXPECT_EQ(quoted_excerpt("12345", 5), "\"12345\"");
}

TEST(QuotedExcerpt, MarksWhatItCuts)
{
    EXPECT_EQ(quoted_excerpt("123456", 5), "\"12345\"...");
    const std::string shown = quoted_excerpt(std::string(10000, 'x'));
    EXPECT_LT(shown.size(), 200u);
    EXPECT_EQ(shown.substr(shown.size() - 5), "x\"...");
}

TEST(QuotedExcerpt, NeverCutsACharacter)
{
    EXPECT_EQ(quoted_excerpt("1234\xD0\x94xyz", 5), "\"1234\xD0\x94\"...");
    for (std::size_t limit = 0; limit < 20; ++limit)
        EXPECT_TRUE(is_utf8(quoted_excerpt("\xE2\x82\xAC\xF0\x9F\x98\x80Дж\xE2\x82\xAC\xF0\x9F\x98\x80", limit)));
}

TEST(QuotedExcerpt, MarksNothingAsCutWhereTheLastCharacterIsShown)
{
    EXPECT_EQ(quoted_excerpt("1234\xD0\x94", 5), "\"1234\xD0\x94\"");
}

TEST(QuotedExcerpt, FoldsWhiteSpaceIntoOneLine) { EXPECT_EQ(quoted_excerpt("a \r\n\t\v\f b\n"), "\"a b \""); }

TEST(QuotedExcerpt, EscapesControlsAndBytesThatAreNoUtf8)
{
    EXPECT_EQ(quoted_excerpt("\0\x01\x1B[31m\x7F"s), "\"\\x00\\x01\\x1B[31m\\x7F\"");
    EXPECT_EQ(quoted_excerpt("\xC4\xEE\xEB\xFF"), "\"\\xC4\\xEE\\xEB\\xFF\"");
    EXPECT_EQ(quoted_excerpt("\xED\xA0\x80"), "\"\\xED\\xA0\\x80\"");
}

TEST(QuotedExcerpt, EscapesTheControlsAbove7F)
{
    // U+009B begins a terminal's control sequence just as ESC [ does, U+0085 is a line end.
    EXPECT_FALSE(contains(quoted_excerpt("\xC2\x9B\x33\x31m"), "\xC2\x9B"));
    EXPECT_FALSE(contains(quoted_excerpt("a\xC2\x85z"), "\xC2\x85"));
    EXPECT_TRUE(contains(quoted_excerpt("a\xC2\xA0z"), "\xC2\xA0"));
}

TEST(QuotedExcerpt, IsPrintableUtf8ForAnyTwoBytes)
{
    for (int high = 0; high < 256; ++high)
        for (int low = 0; low < 256; ++low) {
            const std::string shown = quoted_excerpt(std::string{static_cast<char>(high), static_cast<char>(low)});
            ASSERT_TRUE(is_utf8(shown));
            for (const char c : shown)
                ASSERT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
        }
}

} // namespace
} // namespace cbr
