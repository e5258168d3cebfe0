// core/daily against a second reader of the same documents, which is plain where the first is careful: a table for
// windows-1251, a document tree, a regular expression for each rule. It knows the ways in which the Bank declares its
// encodings. Of such a document both say the same: not to be read, or the same rates.
#include "bytes.h"
#include "core/daily.h"
#include "core/error.h"

#include <map>
#include <memory>
#include <new>
#include <optional>
#include <regex>
#include <set>
#include <string>

#include <libxml/parser.h>
#include <libxml/tree.h>

namespace cbr {
namespace {

struct Unreadable {};
struct UnknownEncoding {};

void demand(bool holds)
{
    if (!holds)
        throw Unreadable();
}

// --- the text

// The characters 80 to BF of windows-1251; 98 is none. C0 to FF are the letters from U+0410 on.
constexpr std::uint16_t upper_characters[64] = {
    0x0402, 0x0403, 0x201A, 0x0453, 0x201E, 0x2026, 0x2020, 0x2021, 0x20AC, 0x2030, 0x0409, 0x2039, 0x040A,
    0x040C, 0x040B, 0x040F, 0x0452, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022, 0x2013, 0x2014, 0,      0x2122,
    0x0459, 0x203A, 0x045A, 0x045C, 0x045B, 0x045F, 0x00A0, 0x040E, 0x045E, 0x0408, 0x00A4, 0x0490, 0x00A6,
    0x00A7, 0x0401, 0x00A9, 0x0404, 0x00AB, 0x00AC, 0x00AD, 0x00AE, 0x0407, 0x00B0, 0x00B1, 0x0406, 0x0456,
    0x0491, 0x00B5, 0x00B6, 0x00B7, 0x0451, 0x2116, 0x0454, 0x00BB, 0x0458, 0x0405, 0x0455, 0x0457};

std::string from_windows_1251(const std::string &bytes)
{
    std::string utf8;
    for (const char byte : bytes) {
        const auto code = static_cast<unsigned char>(byte);
        if (code < 0x80) {
            utf8 += byte;
            continue;
        }
        const unsigned character = code < 0xC0 ? upper_characters[code - 0x80] : code - 0xC0u + 0x0410u;
        demand(character != 0);
        if (character >= 0x800)
            utf8 += static_cast<char>(0xE0 | (character >> 12));
        utf8 += static_cast<char>(character >= 0x800 ? 0x80 | ((character >> 6) & 0x3F) : 0xC0 | (character >> 6));
        utf8 += static_cast<char>(0x80 | (character & 0x3F));
    }
    return utf8;
}

bool begins(const std::string &text, const std::string &beginning) { return text.rfind(beginning, 0) == 0; }

bool is_all_ascii(const std::string &text)
{
    for (const char c : text)
        if (static_cast<unsigned char>(c) >= 0x80)
            return false;
    return true;
}

bool could_be_utf8(const std::string &text)
{
    return xmlCheckUTF8(reinterpret_cast<const xmlChar *>(text.c_str())) != 0;
}

// The document in UTF-8; its declaration does not name the encoding any more.
std::string text_of(std::string bytes)
{
    demand(bytes.find('\0') == std::string::npos); // which would be the end to the tree's parser
    const bool marked = begins(bytes, "\xEF\xBB\xBF");
    if (marked)
        bytes.erase(0, 3);
    if (!begins(bytes, "<?xml")) {
        demand(could_be_utf8(bytes));
        return bytes;
    }
    for (const std::string encoding : {"windows-1251", "utf-8", "UTF-8"})
        for (const std::string end : {"?>", " ?>"}) {
            const std::string declaration = "<?xml version=\"1.0\" encoding=\"" + encoding + "\"" + end;
            if (!begins(bytes, declaration))
                continue;
            const std::string rest = "<?xml version=\"1.0\"?>" + bytes.substr(declaration.size());
            if (encoding != "windows-1251" || marked) {
                demand(could_be_utf8(rest));
                return rest;
            }
            demand(is_all_ascii(rest) || !could_be_utf8(rest)); // else someone saved it anew
            return from_windows_1251(rest);
        }
    throw UnknownEncoding();
}

// --- the tree

struct FreeDocument {
    void operator()(xmlDoc *document) const { xmlFreeDoc(document); }
};

struct FreeText {
    void operator()(xmlChar *text) const { xmlFree(text); }
};

std::string chars(const xmlChar *text) { return text ? reinterpret_cast<const char *>(text) : ""; }

// Without the prefix, which libxml2 leaves in the name where it is bound to nothing.
std::string name_of(const xmlNode *node)
{
    const std::string name = chars(node->name);
    const std::size_t colon = node->ns ? std::string::npos : name.find(':');
    return colon == std::string::npos || colon == 0 ? name : name.substr(colon + 1);
}

std::string without_ends(const std::string &text)
{
    const char *white = " \t\r\n";
    const std::size_t first = text.find_first_not_of(white);
    return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(white) - first + 1);
}

std::string checked(const std::string &text)
{
    demand(text.size() <= 4096);
    return without_ends(text);
}

std::string attribute(xmlNode *node, const char *name)
{
    const std::unique_ptr<xmlChar, FreeText> text(xmlGetNoNsProp(node, reinterpret_cast<const xmlChar *>(name)));
    return checked(chars(text.get()));
}

// The text right below the one child of that name; nothing where there is none.
std::string field(const xmlNode *record, const std::string &name)
{
    std::optional<std::string> found;
    for (const xmlNode *child = record->children; child; child = child->next) {
        if (child->type != XML_ELEMENT_NODE || name_of(child) != name)
            continue;
        demand(!found);
        found.emplace();
        for (const xmlNode *part = child->children; part; part = part->next)
            if (part->type == XML_TEXT_NODE || part->type == XML_CDATA_SECTION_NODE)
                *found += chars(part->content);
    }
    return checked(found.value_or(""));
}

// --- the rules

bool matches(const std::string &text, const std::string &pattern, std::smatch *groups = nullptr)
{
    static std::map<std::string, std::regex> compiled;
    const std::regex &expression = compiled.try_emplace(pattern, pattern).first->second;
    std::smatch unused;
    return text.size() <= 120 && std::regex_match(text, groups ? *groups : unused, expression);
}

// As yyyy-mm-dd.
std::string date(const std::string &text)
{
    std::smatch groups;
    demand(matches(text, "([0-9]{2})([./])([0-9]{2})\\2([0-9]{4})", &groups));
    const int day = std::stoi(groups[1]), month = std::stoi(groups[3]), year = std::stoi(groups[4]);
    const bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    const int days[] = {31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    demand(year >= 1900 && month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1]);
    return groups[4].str() + "-" + groups[3].str() + "-" + groups[1].str();
}

std::string grouped_digits(const std::string &text)
{
    static const std::regex separator(" |\xC2\xA0");
    return std::regex_replace(text, separator, "");
}

std::string value(const std::string &text)
{
    std::smatch parts;
    demand(matches(text, "([0-9]+|[0-9]{1,3}(?:(?: |\xC2\xA0)[0-9]{3})+)(?:[.,]([0-9]+))?(?:[Ee]([+-]?)([0-9]{1,2}))?",
                   &parts));
    const std::string whole = grouped_digits(parts[1]), decimals = parts[2];
    demand(whole.size() + decimals.size() <= 40);
    demand((whole + decimals).find_first_not_of('0') != std::string::npos);
    return whole + (decimals.empty() ? "" : "." + decimals) +
           (parts[4].length() == 0 ? "" : "E" + std::string(parts[3] == "-" ? "-" : "") + parts[4].str());
}

std::int32_t nominal(const std::string &text)
{
    demand(matches(text, "[0-9]+|[0-9]{1,3}(?:(?: |\xC2\xA0)[0-9]{3})+"));
    const std::string digits = grouped_digits(text);
    demand(digits.size() <= 10);
    const long long number = std::stoll(digits);
    demand(number >= 1 && number <= 2147483647);
    return static_cast<std::int32_t>(number);
}

Rate rate_of(xmlNode *valute)
{
    Rate rate;
    rate.cbr_id = attribute(valute, "ID");
    demand(matches(rate.cbr_id, "[A-Z][A-Z0-9]{1,15}") && matches(rate.cbr_id, ".*[0-9].*"));
    rate.num_code = field(valute, "NumCode");
    demand(matches(rate.num_code, "[0-9]{0,3}"));
    while (!rate.num_code.empty() && rate.num_code.size() < 3)
        rate.num_code.insert(0, "0");
    rate.char_code = field(valute, "CharCode");
    demand(matches(rate.char_code, "[A-Z]{3}"));
    rate.name = field(valute, "Name");
    demand(!rate.name.empty());
    rate.nominal = nominal(field(valute, "Nominal"));
    rate.value = value(field(valute, "Value"));
    return rate;
}

struct Reading {
    std::string date;
    std::vector<Rate> rates;
};

Reading reference_reading(const std::string &bytes)
{
    const std::string text = text_of(bytes);
    const std::unique_ptr<xmlDoc, FreeDocument> document(
        xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, "UTF-8",
                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING));
    demand(document && !document->intSubset);
    xmlNode *root = xmlDocGetRootElement(document.get());
    demand(name_of(root) == "ValCurs");
    Reading reading;
    reading.date = date(attribute(root, "Date"));
    std::set<std::string> ids;
    for (xmlNode *child = root->children; child; child = child->next)
        if (child->type == XML_ELEMENT_NODE && name_of(child) == "Valute") {
            reading.rates.push_back(rate_of(child));
            demand(ids.insert(reading.rates.back().cbr_id).second);
        }
    demand(!reading.rates.empty());
    return reading;
}

// --- both

std::optional<Publication> read(std::string_view bytes)
{
    try {
        return read_daily(bytes, given_document(bytes));
    } catch (const Error &) {
        return std::nullopt;
    }
}

void check_same(const Publication &publication, const Reading &reference)
{
    ensure(publication.effective_date.iso() == reference.date, "the dates are the same");
    ensure(publication.rates.size() == reference.rates.size(), "there are as many rates");
    for (std::size_t i = 0; i < reference.rates.size(); ++i) {
        const Rate &mine = publication.rates[i], &other = reference.rates[i];
        ensure(mine.cbr_id == other.cbr_id, "the IDs are the same");
        ensure(mine.num_code == other.num_code, "the numeric codes are the same");
        ensure(mine.char_code == other.char_code, "the codes are the same");
        ensure(mine.name == other.name, "the names are the same");
        ensure(mine.nominal == other.nominal, "the nominals are the same");
        ensure(mine.value == other.value, "the values are the same");
    }
}

void check(std::string_view bytes)
{
    const std::optional<Publication> publication = read(bytes);
    try {
        const Reading reference = reference_reading(std::string(bytes));
        ensure(publication.has_value(), "what the reference reads is read");
        check_same(*publication, reference);
    } catch (const Unreadable &) {
        ensure(!publication, "what the reference does not read is not read");
    } catch (const UnknownEncoding &) {
    }
}

} // namespace
} // namespace cbr

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
    try {
        cbr::check(cbr::as_text(data, size));
    } catch (const std::bad_alloc &) {
    }
    return 0;
}
