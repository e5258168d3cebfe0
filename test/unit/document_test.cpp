// core/document: what is read out of a document of any shape, and what makes it an error instead. The shape here is
// the tests' own; the Bank's is tested in daily_test.cpp.
#include "core/document.h"

#include "core/text.h"
#include "expectations.h"

#include <algorithm>
#include <stdexcept>

namespace cbr {
namespace {

using namespace std::string_literals;

const DocumentSource source{"test document", "It is made up.", "Make up another."};
const DocumentShape shape{"Root", {"Date"}, "Item", {"ID"}, {"Name", "Value"}};

// "Доллар США" in windows-1251 and in UTF-8.
const std::string dollar_1251 = "\xC4\xEE\xEB\xEB\xE0\xF0 \xD1\xD8\xC0";
const std::string dollar_utf8 = "Доллар США";
const std::string declared_1251 = "<?xml version=\"1.0\" encoding=\"windows-1251\"?>";
const std::string declared_1252 = "<?xml version=\"1.0\" encoding=\"windows-1252\"?>";
const std::string declared_utf8 = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";

struct Item {
    std::string id, name, value;
};

bool operator==(const Item &a, const Item &b) { return a.id == b.id && a.name == b.name && a.value == b.value; }
void PrintTo(const Item &item, std::ostream *out) { *out << item.id << "/" << item.name << "/" << item.value; }

std::vector<Item> items_of(const std::string &bytes)
{
    std::vector<Item> items;
    read_document(bytes, source, shape, [&](const Element &element) {
        const auto text = [&](const char *name) { return std::string(element.find(name).value_or("(absent)")); };
        items.push_back({text("ID"), text("Name"), text("Value")});
    });
    return items;
}

Error read_error(const std::string &bytes)
{
    return error_of([&] { items_of(bytes); });
}

std::string named(const std::string &name) { return "<Root><Item ID=\"1\"><Name>" + name + "</Name></Item></Root>"; }

std::string only_name(const std::string &bytes)
{
    const std::vector<Item> items = items_of(bytes);
    return items.size() == 1 ? items[0].name : "(" + std::to_string(items.size()) + " items)";
}

// --- encodings

TEST(Encoding, Windows1251IsDecoded) { EXPECT_EQ(only_name(declared_1251 + named(dollar_1251)), dollar_utf8); }

TEST(Encoding, Windows1251HasItsWholeUpperHalfBut98)
{
    for (int byte = 0x80; byte < 0x100; ++byte)
        if (byte != 0x98) {
            EXPECT_TRUE(is_utf8(only_name(declared_1251 + named("x" + std::string(1, static_cast<char>(byte)) + "x"))));
        }
    EXPECT_EQ(only_name(declared_1251 + named("x\xA0x\xB8\x88")), "x\xC2\xA0xё\xE2\x82\xAC");
}

TEST(Encoding, Windows1252IsDecoded)
{
    EXPECT_EQ(only_name(declared_1252 + named("\x80 \xE9\xA0\x93")), "\xE2\x82\xAC \xC3\xA9\xC2\xA0\xE2\x80\x9C");
}

TEST(Encoding, Utf8IsReadWithAndWithoutDeclaration)
{
    EXPECT_EQ(only_name(declared_utf8 + named(dollar_utf8)), dollar_utf8);
    EXPECT_EQ(only_name(named(dollar_utf8)), dollar_utf8);
}

TEST(Encoding, ByteOrderMarkIsPassedOver)
{
    EXPECT_EQ(only_name("\xEF\xBB\xBF" + named(dollar_utf8)), dollar_utf8);
    EXPECT_EQ(only_name("\xEF\xBB\xBF" + declared_utf8 + named(dollar_utf8)), dollar_utf8);
}

TEST(Encoding, NameOfTheEncodingIsReadInAnyCaseAndQuotes)
{
    EXPECT_EQ(only_name("<?xml version='1.0' encoding='Windows-1251' ?>\r\n" + named(dollar_1251)), dollar_utf8);
}

TEST(Encoding, AsciiUnderAnyDeclarationIsRead)
{
    for (const std::string &declaration : {declared_1251, declared_1252, declared_utf8, ""s})
        EXPECT_EQ(only_name(declaration + named("US Dollar")), "US Dollar");
}

TEST(Encoding, Utf8DeclaredAsAWindowsCodePageIsAnError)
{
    for (const std::string &declaration : {declared_1251, declared_1252}) {
        const Error error = read_error(declaration + named("Евро"));
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_TRUE(contains(error.message, "invalid test document: it declares WINDOWS-125"));
        EXPECT_TRUE(contains(error.message, " but is written in UTF-8"));
        EXPECT_TRUE(contains(error.hint, "utf-8"));
    }
}

// A converted document may have got a byte order mark, too; the names must not come out garbled.
TEST(Encoding, Utf8WithByteOrderMarkDeclaredAsWindows1251IsReadRightlyOrRejected)
{
    try {
        EXPECT_EQ(only_name("\xEF\xBB\xBF" + declared_1251 + named("Евро")), "Евро");
    } catch (const Error &error) {
        EXPECT_EQ(error.kind, ErrorKind::document);
    }
}

// libxml2 knows the code page by its other name as well.
TEST(Encoding, Utf8DeclaredAsCp1251IsReadRightlyOrRejected)
{
    try {
        EXPECT_EQ(only_name("<?xml version=\"1.0\" encoding=\"cp1251\"?>" + named("Евро")), "Евро");
    } catch (const Error &error) {
        EXPECT_EQ(error.kind, ErrorKind::document);
    }
}

TEST(Encoding, Windows1251WithoutItsDeclarationIsAnError)
{
    EXPECT_EQ(read_error(named(dollar_1251)).kind, ErrorKind::document);
    EXPECT_EQ(read_error(declared_utf8 + named(dollar_1251)).kind, ErrorKind::document);
    EXPECT_TRUE(is_utf8(whole_text(read_error(named(dollar_1251)))));
}

TEST(Encoding, UnknownNameIsAnError)
{
    const Error error = read_error("<?xml version=\"1.0\" encoding=\"no-such-code\"?>" + named("x"));
    EXPECT_EQ(error.kind, ErrorKind::document);
}

struct Undecodable {
    const char *what;
    std::string bytes;
};

std::vector<Undecodable> undecodable_documents()
{
    const std::string padding = "<!--" + std::string(150000, 'x') + "-->";
    return {{"98 in a name", declared_1251 + named(dollar_1251 + "\x98")},
            {"81 in a name", declared_1252 + named("x\x81")},
            {"98 in an ID", declared_1251 + "<Root><Item ID=\"\x98\"/></Root>"},
            {"98 far behind",
             declared_1251 + "<Root>" + padding + "<Item ID=\"1\"><Name>\x98</Name></Item>" + padding + "</Root>"},
            {"81 far behind",
             declared_1252 + "<Root>" + padding + "<Item ID=\"1\"><Name>\x81</Name></Item>" + padding + "</Root>"}};
}

TEST(Encoding, BytesThatTheCodePageLacksAreAnError)
{
    for (const Undecodable &document : undecodable_documents()) {
        const Error error = read_error(document.bytes);
        EXPECT_EQ(error.kind, ErrorKind::document) << document.what;
        EXPECT_TRUE(contains(error.message, "invalid test document: ")) << document.what;
    }
}

// The server's log takes what a backend writes to stderr.
TEST(Encoding, NothingIsPrintedForBytesThatTheCodePageLacks)
{
    for (const Undecodable &document : undecodable_documents()) {
        testing::internal::CaptureStderr();
        try {
            items_of(document.bytes);
        } catch (const Error &) {
        }
        EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << document.what;
    }
}

TEST(Encoding, RecordsBeforeSuchAByteAreNotTakenForTheWholeDocument)
{
    std::string bytes = declared_1251 + "<Root>";
    for (int i = 0; i < 5000; ++i)
        bytes += "<Item ID='" + std::to_string(i) + "'><Name>" + (i == 4000 ? "\x98" : "x") + "</Name></Item>";
    std::size_t read = 0;
    try {
        read = items_of(bytes + "</Root>").size();
        ADD_FAILURE() << "no error was thrown; " << read << " of 5000 records were read";
    } catch (const Error &error) {
        EXPECT_EQ(error.kind, ErrorKind::document);
    }
}

TEST(Encoding, ByteThatTheCodePageLacksIsAnErrorBehindTheLastRecordToo)
{
    EXPECT_EQ(read_error(declared_1251 + "<Root><Item ID=\"1\"/>\x98</Root>").kind, ErrorKind::document);
}

// --- records and fields

TEST(Records, AreTakenInOrderWithTheirFields)
{
    EXPECT_EQ(items_of("<Root Date='d'><Item ID='1'><Name>a</Name><Value>b</Value></Item>"
                       "<Item ID='2'><Value>c</Value><Name>d</Name></Item></Root>"),
              (std::vector<Item>{{"1", "a", "b"}, {"2", "d", "c"}}));
}

TEST(Records, MayBeAbsent)
{
    EXPECT_TRUE(items_of("<Root/>").empty());
    EXPECT_TRUE(items_of("<Root Date='d'></Root>").empty());
}

TEST(Records, ValuesAreTrimmed)
{
    EXPECT_EQ(items_of("<Root><Item ID=' 1 '><Name>\r\n\ta b\t</Name><Value> </Value></Item></Root>"),
              (std::vector<Item>{{"1", "a b", ""}}));
}

TEST(Records, TextIsJoinedOverCdataCommentsReferencesAndInstructions)
{
    EXPECT_EQ(only_name(named("a<![CDATA[<b>&amp;]]><!-- no -->c&amp;&#x20AC;&lt;<?no no?>d")),
              "a<b>&amp;c&\xE2\x82\xAC<d");
    EXPECT_EQ(only_name(named("2 <!-- x --> 153")), "2  153");
    EXPECT_EQ(only_name(named("a<!-- x --> <!-- y -->b")), "a b");
}

TEST(Records, UnknownElementsAndAttributesArePassedOver)
{
    EXPECT_EQ(items_of("<Root Date='d' name='n'><Other ID='9'><Name>no</Name></Other>text"
                       "<Item ID='1' more='m'><VunitRate>7</VunitRate><Name>a</Name>text</Item></Root>"),
              (std::vector<Item>{{"1", "a", "(absent)"}}));
}

TEST(Records, ElementsDeeperDownArePassedOverWhateverTheirName)
{
    EXPECT_EQ(items_of("<Root><Item ID='1'><Name>a<Name>no</Name><b>no<Value>no</Value></b>b</Name>"
                       "<Item ID='2'><Name>no</Name></Item></Item></Root>"),
              (std::vector<Item>{{"1", "ab", "(absent)"}}));
    EXPECT_TRUE(items_of("<Root><Root><Item ID='1'/></Root><List><Item ID='2'/></List></Root>").empty());
}

TEST(Records, FieldsOutsideOfARecordArePassedOver)
{
    EXPECT_EQ(items_of("<Root><Name>no</Name><Item ID='1'/><List><Name>no</Name></List><Value>no</Value></Root>"),
              (std::vector<Item>{{"1", "(absent)", "(absent)"}}));
}

TEST(Records, FieldTwiceIsAnError)
{
    for (const char *again : {"<Name>b</Name>", "<Name>a</Name>", "<Name/>"}) {
        const Error error = read_error("<Root>\n<Item ID='R1'><Name>a</Name>"s + again + "</Item></Root>");
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid test document: element \"Name\" appears twice");
        EXPECT_EQ(error.detail, "Element \"Item\" with ID \"R1\" in line 2. It is made up.");
    }
    EXPECT_EQ(read_error("<Root><Item ID='1'><Name/><Name>b</Name></Item></Root>").kind, ErrorKind::document);
}

TEST(Records, FieldOfFourKilobytesIsReadAndALongerOneIsAnError)
{
    EXPECT_EQ(only_name(named(std::string(4096, 'x'))), std::string(4096, 'x'));
    for (const std::string &name :
         {std::string(4097, 'x'), std::string(4000, 'x') + "<![CDATA[" + std::string(97, 'x') + "]]>",
          std::string(4096, ' ') + "x", std::string(5000000, 'x')}) {
        const Error error = read_error(named(name));
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid test document: an element or attribute has more than 4096 bytes");
    }
}

TEST(Records, FieldIsMeasuredInUtf8)
{
    std::string letters;
    for (int i = 0; i < 2048; ++i)
        letters += "\xC4";
    EXPECT_EQ(only_name(declared_1251 + named(letters)).size(), 4096u);
    EXPECT_EQ(read_error(declared_1251 + named(letters + "x")).kind, ErrorKind::document);
}

TEST(Records, AttributeIsNeverSilentlyShortened)
{
    const auto with_id = [](const std::string &id) { return "<Root><Item ID='" + id + "'/></Root>"; };
    EXPECT_EQ(items_of(with_id(std::string(4096, 'x'))).at(0).id.size(), 4096u);
    EXPECT_EQ(read_error(with_id(std::string(4097, 'x'))).kind, ErrorKind::document);
    EXPECT_EQ(read_error(with_id("R01235" + std::string(4096, ' ') + "and something else")).kind, ErrorKind::document);
}

// --- the root

TEST(Root, IsReturnedWithItsAttributes)
{
    const Element root = read_document("<Root Date=' 02.03.2002 ' other='x'> a <Item ID='1'>no</Item> b </Root>",
                                       source, shape, [](const Element &) {});
    EXPECT_EQ(root.find("Date"), "02.03.2002");
    EXPECT_EQ(root.find("other"), std::nullopt);
    EXPECT_TRUE(root.fields.empty());
}

TEST(Root, MayHoldAnyAmountOfText) { EXPECT_TRUE(items_of("<Root>" + std::string(1000000, 'x') + "</Root>").empty()); }

// The service's answer to a request of any of its documents that it cannot serve.
TEST(Root, OfErrorInParametersIsAnErrorOfTheRangeWhateverWasAskedFor)
{
    for (const char *bytes :
         {"<?xml version=\"1.0\" encoding=\"utf-8\" ?><ValCurs>Error in parameters</ValCurs>",
          "<ValCurs>\r\n\tError in parameters.\r\n</ValCurs>", "<ValCurs><![CDATA[Error in parameters]]></ValCurs>",
          "<ValCurs>Error<!-- --> in parameters</ValCurs>", "<Root>Error in parameters</Root>"}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::date_range) << bytes;
        EXPECT_EQ(error.message, "invalid test document: the service says \"Error in parameters\"");
    }
}

TEST(Root, OfErrorInParametersHoldsNothingElse)
{
    for (const char *bytes :
         {"<ValCurs/>", "<ValCurs>Another error</ValCurs>", "<ValCurs>No Error in parameters</ValCurs>",
          "<ValCurs>Error in parameters<Item ID='1'/></ValCurs>", "<ValCurs><Item>Error in parameters</Item></ValCurs>",
          "<ValCurs Date='02.03.2002'><Item ID='1'/></ValCurs>"}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::document) << bytes;
        EXPECT_EQ(error.message, "invalid test document: the root element is \"ValCurs\", not \"Root\"") << bytes;
    }
    EXPECT_EQ(read_error("<Rates>Error in parameters</Rates>").kind, ErrorKind::document);
    EXPECT_EQ(items_of("<Root>Error in parameters<Item ID='1'/></Root>").size(), 1u);
    EXPECT_TRUE(items_of("<Root Date='02.03.2002'>Error in parameters</Root>").empty());
}

TEST(Root, OfAnotherNameIsAnErrorThatShowsIt)
{
    for (const char *root : {"Rates", "root", "ROOT", "Root2"}) {
        const Error error = read_error("<"s + root + "><Item ID='1'/></" + root + ">");
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid test document: the root element is \""s + root + "\", not \"Root\"");
        EXPECT_EQ(error.detail, "It is made up.");
    }
}

// --- Element

TEST(RequiredValue, IsAnErrorWhereItIsAbsentOrEmpty)
{
    const auto require = [](const std::string &bytes, const char *what) {
        return error_of(
            [&] { read_document(bytes, source, shape, [&](const Element &item) { item.required(what); }); });
    };
    for (const char *bytes :
         {"<Root><Item><Name>a</Name></Item></Root>", "<Root><Item ID=''/></Root>", "<Root><Item ID=' '/></Root>"}) {
        const Error error = require(bytes, "ID");
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid test document: \"ID\" is missing");
    }
    const Error error = require("<Root>\n\n<Item ID='R1'><Value>\n</Value></Item></Root>", "Value");
    EXPECT_EQ(error.message, "invalid test document: \"Value\" is missing");
    EXPECT_EQ(error.detail, "Element \"Item\" with ID \"R1\" in line 3. It is made up.");
}

TEST(ElementError, CarriesKindProblemPlaceAndHint)
{
    const Error error = error_of([] {
        read_document("<Root><Item ID='a\"b'/></Root>", source, shape,
                      [](const Element &item) { item.fail(ErrorKind::number, "it is odd", "Try another."); });
    });
    EXPECT_EQ(error.kind, ErrorKind::number);
    EXPECT_EQ(error.message, "invalid test document: it is odd");
    EXPECT_EQ(error.detail, "Element \"Item\" with ID \"a\"b\" in line 1. It is made up.");
    EXPECT_EQ(error.hint, "Try another.");
}

TEST(OnRecord, ExceptionReachesTheCallerAsItWasThrown)
{
    int calls = 0;
    const auto read_throwing = [&] {
        read_document("<Root><Item ID='1'/><Item ID='2'/></Root><broken", source, shape, [&](const Element &) {
            ++calls;
            throw std::length_error("my own");
        });
    };
    try {
        read_throwing();
        FAIL() << "nothing was thrown";
    } catch (const std::length_error &error) {
        EXPECT_STREQ(error.what(), "my own");
    }
    EXPECT_EQ(calls, 1);
}

TEST(OnRecord, ExceptionInALaterChunkReachesTheCaller)
{
    const std::string padding = "<!--" + std::string(70000, 'x') + "-->";
    int calls = 0;
    EXPECT_THROW(read_document("<Root><Item ID='1'/>" + padding + "<Item ID='2'/>" + padding + "<Item ID='3'/></Root>",
                               source, shape,
                               [&](const Element &item) {
                                   ++calls;
                                   if (item.find("ID") == "2")
                                       throw std::bad_alloc();
                               }),
                 std::bad_alloc);
    EXPECT_EQ(calls, 2);
}

// --- document types and entities

TEST(DocumentType, OfAnyFormIsAnErrorAndNothingIsRead)
{
    const std::string body = named("&e;");
    for (const std::string &doctype :
         {"<!DOCTYPE Root>"s, "<!DOCTYPE Root []>"s, "<!DOCTYPE Root [<!ELEMENT Root ANY>]>"s,
          "<!DOCTYPE Root [<!ENTITY e 'x'>]>"s, "<!DOCTYPE Root [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"s,
          "<!DOCTYPE Root SYSTEM 'file:///etc/passwd'>"s,
          "<!DOCTYPE Root PUBLIC '-//X//Y' 'http://127.0.0.1:9/x.dtd'>"s,
          "<!DOCTYPE Root SYSTEM 'file:///etc/passwd' [<!ENTITY % p SYSTEM 'file:///etc/passwd'> %p;]>"s,
          "<!DOCTYPE\nRoot\n[\n]>"s}) {
        for (const std::string &declaration : {""s, declared_1251, declared_utf8}) {
            int records = 0;
            const Error error = error_of([&] {
                read_document(declaration + doctype + body, source, shape, [&](const Element &) { ++records; });
            });
            EXPECT_EQ(error.kind, ErrorKind::document) << doctype;
            EXPECT_EQ(error.message, "invalid test document: it contains a DOCTYPE") << doctype;
            EXPECT_FALSE(contains(whole_text(error), "root:")) << doctype;
            EXPECT_EQ(records, 0);
        }
    }
}

TEST(DocumentType, EntityBombIsAnErrorBeforeItGrows)
{
    std::string bomb = "<!DOCTYPE Root [<!ENTITY e0 'rate'>";
    for (int level = 1; level < 10; ++level) {
        bomb += "<!ENTITY e" + std::to_string(level) + " '";
        for (int i = 0; i < 10; ++i)
            bomb += "&e" + std::to_string(level - 1) + ";";
        bomb += "'>";
    }
    EXPECT_EQ(read_error(bomb + "]>" + named("&e9;")).message, "invalid test document: it contains a DOCTYPE");
    EXPECT_EQ(read_error(bomb + "]><Root><Item ID='&e9;'/></Root>").message,
              "invalid test document: it contains a DOCTYPE");
}

TEST(DocumentType, UndeclaredEntityIsAnError)
{
    EXPECT_EQ(read_error(named("&e;")).kind, ErrorKind::document);
    EXPECT_EQ(read_error("<Root><Item ID='&e;'/></Root>").kind, ErrorKind::document);
    EXPECT_EQ(read_error("<?xml version='1.0' standalone='no'?>" + named("&e;")).kind, ErrorKind::document);
}

// --- what is no document

TEST(NoDocument, EmptyOrWhiteSpace)
{
    for (const std::string &bytes :
         {""s, " "s, "\r\n\t "s, "\xEF\xBB\xBF"s, "\xEF\xBB\xBF\n"s, std::string(200000, '\n')})
        EXPECT_EQ(read_error(bytes).message, "invalid test document: it is empty");
}

TEST(NoDocument, HtmlPage)
{
    for (const std::string &bytes : {"<!DOCTYPE html>\n<html><head>"s, "<!doctype HTML PUBLIC>"s,
                                     "<html><body/></html>"s, "\n  <HTML>"s, "\xEF\xBB\xBF<!DOCTYPE html>"s}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::document);
        EXPECT_EQ(error.message, "invalid test document: it is an HTML page, not XML");
        EXPECT_FALSE(error.hint.empty());
    }
}

TEST(NoDocument, Garbage)
{
    for (const std::string &bytes :
         {"rates"s, "{\"a\": 1}"s, "PK\x03\x04"s, "\0<Root/>"s, "\xFF\xFE<\0R\0"s, "%PDF-1.4"s, "\x1F\x8B\x08"s})
        EXPECT_EQ(read_error(bytes).message, "invalid test document: it is not XML") << quoted_excerpt(bytes);
    for (const std::string &bytes :
         {"<"s, "<<<<"s, "<Root"s, "<Root>"s, "<Root></root>"s, "<Root/><Root/>"s, "<Root/>x"s, "<Root a=1/>"s,
          "<Root a='1' a='2'/>"s, "<Root>\0</Root>"s, "<Root>\x01</Root>"s, "<Root>&#0;</Root>"s, "<Root>&</Root>"s,
          "<?xml?><Root/>"s, "<Root><![CDATA[</Root>"s, "<Root><!-- -- --></Root>"s, "<!-- -->"s}) {
        const Error error = read_error(bytes);
        EXPECT_EQ(error.kind, ErrorKind::document) << quoted_excerpt(bytes);
        EXPECT_EQ(error.message, "invalid test document: it is not well-formed XML") << quoted_excerpt(bytes);
        EXPECT_TRUE(contains(error.detail, "Line 1: ")) << error.detail;
        EXPECT_TRUE(is_utf8(whole_text(error)));
    }
    EXPECT_EQ(read_error("<Root>\xFF</Root>").message,
              "invalid test document: it is not written in UTF-8, and declares nothing else");
}

// libxml2 quotes fifty bytes of a comment that does not end, in some versions not from its very beginning on.
TEST(NoDocument, MessagesStayUtf8WhereTheyQuoteHalfACharacter)
{
    for (const std::string shift : {"", "x", "юx", "юxx"}) {
        std::string comment = "<Root><Item ID='1'><!--" + shift;
        for (int i = 0; i < 40; ++i)
            comment += "ю";
        const Error error = read_error(comment);
        EXPECT_EQ(error.message, "invalid test document: it is not well-formed XML");
        EXPECT_TRUE(is_utf8(whole_text(error))) << shift;
        EXPECT_FALSE(contains(error.detail, "\n"));
    }
}

TEST(NoDocument, WhiteSpaceBeforeTheDeclaration)
{
    EXPECT_EQ(read_error("\n" + declared_utf8 + named("x")).message,
              "invalid test document: white space stands before its XML declaration");
    EXPECT_EQ(only_name("\n" + named("x")), "x"); // without a declaration it is allowed
}

TEST(NoDocument, ElementsNestedWithoutEnd)
{
    std::string deep = "<Root>";
    for (int i = 0; i < 100000; ++i)
        deep += "<a>";
    EXPECT_EQ(read_error(deep).kind, ErrorKind::document);
}

TEST(NoDocument, NothingIsPrintedForIt)
{
    testing::internal::CaptureStderr();
    for (const std::string &bytes :
         {"<Root>"s, "<Root>&e;</Root>"s, named("\xFF"), "<a:Root/>"s, "<Root xmlns='relative'/>"s})
        try {
            items_of(bytes);
        } catch (const Error &) {
        }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// --- cut and large documents

void expect_error_at_every_cut(const std::string &bytes, const std::vector<Item> &whole)
{
    const std::size_t end = bytes.rfind('>') + 1;
    for (std::size_t length = 0; length <= bytes.size(); ++length) {
        const std::string cut = bytes.substr(0, length);
        if (length >= end) {
            EXPECT_EQ(items_of(cut), whole) << "whole up to " << length;
        } else {
            const Error error = read_error(cut);
            EXPECT_EQ(error.kind, ErrorKind::document) << "cut at " << length;
            EXPECT_TRUE(is_utf8(whole_text(error))) << "cut at " << length;
        }
    }
}

TEST(CutDocument, IsAnErrorAtEveryByteOfWindows1251)
{
    expect_error_at_every_cut(declared_1251 + "\r\n<Root Date=\"02.03.2002\">\r\n<Item ID=\"1\"><Name>" + dollar_1251 +
                                  "</Name><!-- c --><Value><![CDATA[1,5]]></Value></Item>\r\n</Root>\r\n",
                              {{"1", dollar_utf8, "1,5"}});
}

TEST(CutDocument, IsAnErrorAtEveryByteOfUtf8WithByteOrderMark)
{
    expect_error_at_every_cut("\xEF\xBB\xBF" + declared_utf8 +
                                  "<Root><Item ID=\"1\"><Name>Д&amp;\xE2\x82\xAC\xF0\x9F\x98\x80" +
                                  "</Name></Item></Root>\n",
                              {{"1", "Д&\xE2\x82\xAC\xF0\x9F\x98\x80", "(absent)"}});
}

TEST(CutDocument, IsAnErrorAtEveryByteWithoutDeclaration)
{
    expect_error_at_every_cut("<Root><Item ID='1'><Value>1</Value></Item></Root>", {{"1", "(absent)", "1"}});
}

// The parser gets 64 kB at a time; `padding` moves the boundaries through the characters.
void expect_large_document(const std::string &declaration, const std::string &name_in_document, const std::string &name)
{
    for (std::size_t padding = 0; padding < 24; ++padding) {
        std::string bytes = declaration + "<!--" + std::string(padding, 'x') + "--><Root>";
        std::vector<Item> expected;
        for (int i = 0; bytes.size() < 3 * 65536; ++i) {
            bytes += "<Item ID='" + std::to_string(i) + "'><Name>" + name_in_document + "</Name><Value>" +
                     std::to_string(i * 7) + "</Value></Item>";
            expected.push_back({std::to_string(i), name, std::to_string(i * 7)});
        }
        ASSERT_EQ(items_of(bytes + "</Root>"), expected) << "with padding " << padding;
    }
}

TEST(LargeDocument, IsReadWholeInUtf8)
{
    const std::string name = "Доллар\xE2\x82\xAC\xF0\x9F\x98\x80Евро\xE2\x82\xAC\xF0\x9F\x98\x80";
    expect_large_document(declared_utf8, name, name);
    expect_large_document("", name, name);
}

TEST(LargeDocument, IsReadWholeInWindows1251) { expect_large_document(declared_1251, dollar_1251, dollar_utf8); }

TEST(LargeDocument, IsReadWholeWithCharacterReferences)
{
    expect_large_document(declared_1251, "&#x20AC;&amp;&#1044;", "\xE2\x82\xAC&Д");
}

TEST(LargeDocument, MayBeOneLongComment)
{
    EXPECT_EQ(only_name("<!--" + std::string(300000, 'x') + "-->" + named("a")), "a");
}

// --- names of sources

TEST(GivenDocument, IsDescribedBySizeAndBeginning)
{
    EXPECT_EQ(described(""), "0 bytes");
    EXPECT_EQ(described("<a>\n"), "4 bytes that begin with \"<a> \"");
    EXPECT_EQ(described("\xFF\xFE"), "2 bytes that begin with \"\\xFF\\xFE\"");
    EXPECT_EQ(given_document("").name, "document");
    EXPECT_EQ(given_document("<a/>").detail, "4 bytes that begin with \"<a/>\".");
    EXPECT_FALSE(given_document("").hint.empty());
}

TEST(FailDocument, JoinsTheDetails)
{
    const auto fail = [](const DocumentSource &of, const std::string &detail) {
        return error_of([&] { fail_document(of, ErrorKind::document, "no good", detail, "Hint."); });
    };
    EXPECT_EQ(fail(source, "").detail, "It is made up.");
    EXPECT_EQ(fail(source, "One.").detail, "One. It is made up.");
    EXPECT_EQ(fail({"x", "", ""}, "One.").detail, "One.");
    EXPECT_EQ(fail({"x", "", ""}, "").message, "invalid x: no good");
}

TEST(FailDocument, PrefersTheHintOfTheProblemToThatOfTheSource)
{
    EXPECT_EQ(error_of([] { fail_document(source, ErrorKind::document, "no good", "", "Hint."); }).hint, "Hint.");
    EXPECT_EQ(error_of([] { fail_document(source, ErrorKind::document, "no good"); }).hint, "Make up another.");
}

TEST(Libxml2Version, IsThreeNumbers)
{
    const std::string version = libxml2_version();
    EXPECT_EQ(std::count(version.begin(), version.end(), '.'), 2) << version;
    EXPECT_TRUE(is_digit(version.front()));
    EXPECT_TRUE(is_digit(version.back()));
}

} // namespace
} // namespace cbr
