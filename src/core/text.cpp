#include "core/text.h"

#include <algorithm>
#include <cstdio>

namespace cbr {
namespace {

constexpr std::string_view white_space = " \t\r\n\f\v";

char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

bool is_white_space(char c) { return white_space.find(c) != std::string_view::npos; }

// A control character of ASCII or of C1 (U+0080 to U+009F), or a byte that begins no UTF-8 character.
bool is_control(std::string_view character)
{
    const auto first = static_cast<unsigned char>(character[0]);
    if (character.size() == 1)
        return (first < 0x20 && !is_white_space(character[0])) || first >= 0x7F;
    return first == 0xC2 && static_cast<unsigned char>(character[1]) < 0xA0;
}

void append_escaped(std::string &text, std::string_view bytes)
{
    for (const char byte : bytes) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\x%02X", static_cast<unsigned char>(byte));
        text += escaped;
    }
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

} // namespace

std::string_view trimmed(std::string_view text)
{
    const std::size_t first = text.find_first_not_of(white_space);
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

std::string in_upper_case(std::string_view text)
{
    std::string upper(text);
    for (char &c : upper)
        c = to_upper(c);
    return upper;
}

bool starts_with(std::string_view text, std::string_view prefix) { return text.substr(0, prefix.size()) == prefix; }

bool starts_with_any_case(std::string_view text, std::string_view prefix)
{
    return in_upper_case(text.substr(0, prefix.size())) == in_upper_case(prefix);
}

// RFC 3629, section 4, table of well-formed sequences: no overlong form, no surrogate, nothing past U+10FFFF.
std::size_t utf8_character_length(std::string_view text)
{
    if (text.empty())
        return 0;
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80)
        return 1;
    const std::size_t length = lead >= 0xC2 && lead <= 0xDF   ? 2
                               : lead >= 0xE0 && lead <= 0xEF ? 3
                               : lead >= 0xF0 && lead <= 0xF4 ? 4
                                                              : 0;
    if (length == 0 || text.size() < length)
        return 0;
    for (std::size_t i = 1; i < length; ++i)
        if (!is_continuation(text[i]))
            return 0;
    if ((lead == 0xE0 && byte(1) < 0xA0) || (lead == 0xED && byte(1) > 0x9F) || (lead == 0xF0 && byte(1) < 0x90) ||
        (lead == 0xF4 && byte(1) > 0x8F))
        return 0;
    return length;
}

bool is_utf8(std::string_view text)
{
    while (!text.empty()) {
        const std::size_t length = utf8_character_length(text);
        if (length == 0)
            return false;
        text.remove_prefix(length);
    }
    return true;
}

bool is_ascii(std::string_view text)
{
    return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

std::string printable(std::string_view bytes)
{
    std::string shown;
    bool after_space = false;
    while (!bytes.empty()) {
        const std::string_view character = bytes.substr(0, std::max<std::size_t>(1, utf8_character_length(bytes)));
        const bool space = is_white_space(character[0]);
        if (is_control(character))
            append_escaped(shown, character);
        else if (!space)
            shown += character;
        else if (!after_space)
            shown += ' ';
        after_space = space;
        bytes.remove_prefix(character.size());
    }
    return shown;
}

std::string quoted_excerpt(std::string_view bytes, std::size_t max_bytes)
{
    std::size_t end = 0;
    while (end < max_bytes && end < bytes.size())
        end += std::max<std::size_t>(1, utf8_character_length(bytes.substr(end)));
    return "\"" + printable(bytes.substr(0, end)) + (end < bytes.size() ? "\"..." : "\"");
}

} // namespace cbr
