#include "core/text.h"

#include <cstdio>

namespace cbr {
namespace {

constexpr std::string_view white_space = " \t\r\n\f\v";

char to_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; }

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
    for (const char c : text)
        if (static_cast<unsigned char>(c) >= 0x80)
            return false;
    return true;
}

std::string quoted_excerpt(std::string_view bytes, std::size_t max_bytes)
{
    const bool whole = bytes.size() <= max_bytes;
    std::string shown = "\"";
    bool after_space = false;
    for (std::string_view rest = bytes; !rest.empty() && bytes.size() - rest.size() < max_bytes;) {
        const std::size_t length = utf8_character_length(rest);
        const std::string_view character = rest.substr(0, length == 0 ? 1 : length);
        const unsigned char first = static_cast<unsigned char>(character[0]);
        const bool space = white_space.find(character[0]) != std::string_view::npos;
        if (space) {
            if (!after_space)
                shown += ' ';
        } else if (length == 0 || first < 0x20 || first == 0x7F) {
            char escaped[8];
            std::snprintf(escaped, sizeof escaped, "\\x%02X", first);
            shown += escaped;
        } else {
            shown += character;
        }
        after_space = space;
        rest.remove_prefix(character.size());
    }
    return shown + (whole ? "\"" : "\"...");
}

} // namespace cbr
