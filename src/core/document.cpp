#include "core/document.h"

#include "core/text.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>

#include <iconv.h>
#include <libxml/parser.h>
#include <libxml/xmlerror.h>

namespace cbr {
namespace {

constexpr std::size_t max_field_bytes = 4096;
constexpr std::string_view error_in_parameters = "Error in parameters"; // all that is in the root of that answer,
constexpr const char *error_root = "ValCurs";                           // whichever document was asked for
constexpr const char *too_long = "an element or attribute has more than 4096 bytes";
constexpr std::size_t parse_chunk_bytes = 64UL * 1024;

// libxml2 2.12 made the error that it hands to callbacks const.
#if LIBXML_VERSION >= 21200
using XmlErrorPointer = const xmlError *;
#else
using XmlErrorPointer = xmlErrorPtr;
#endif

struct ParserDeleter {
    void operator()(xmlParserCtxt *parser) const { xmlFreeParserCtxt(parser); }
};

const char *as_chars(const xmlChar *text) { return reinterpret_cast<const char *>(text); }

const char *find_name(const std::vector<const char *> &names, const xmlChar *name)
{
    for (const char *known : names)
        if (std::strcmp(known, as_chars(name)) == 0)
            return known;
    return nullptr;
}

// What goes on between two SAX events. An exception may not cross libxml2's frames, so the first one is kept and
// thrown once the parser has returned.
class Reading {
public:
    Reading(const DocumentSource &source, const DocumentShape &shape,
            const std::function<void(const Element &)> &on_record)
        : source_(source), shape_(shape), on_record_(on_record), root_(source, shape.root, 1)
    {
    }

    Element run(std::string_view utf8);

    void start_element(const xmlChar *name, int attribute_count, const xmlChar **attributes);
    void end_element();
    void characters(const char *text, std::size_t length);
    void doctype();
    void parser_error(XmlErrorPointer error);

    // The body of each SAX callback.
    template <class Step> void guarded(Step step) noexcept
    {
        if (failure_)
            return;
        try {
            step();
        } catch (...) {
            failure_ = std::current_exception();
            xmlStopParser(parser_.get());
        }
    }

private:
    void start_root(const xmlChar *name, int attribute_count, const xmlChar **attributes);
    void end_root();
    [[noreturn]] void fail_root(const std::string &name) const;
    static void take_attributes(Element &element, const std::vector<const char *> &known, int count,
                                const xmlChar **attributes);
    long line() const { return xmlSAX2GetLineNumber(parser_.get()); }

    const DocumentSource &source_;
    const DocumentShape &shape_;
    const std::function<void(const Element &)> &on_record_;
    std::unique_ptr<xmlParserCtxt, ParserDeleter> parser_;
    std::exception_ptr failure_;

    Element root_;
    bool is_error_root_ = false;    // the root is not the one looked for, but that of "Error in parameters"
    bool has_children_ = false;     // of the root
    std::string root_text_;         // its beginning
    std::optional<Element> record_; // the open record
    std::string *field_ = nullptr;  // the open field's text
    bool complete_ = false;         // the root has ended
    int depth_ = 0;                 // of open elements: the root is 1
};

Reading &reading(void *context) { return *static_cast<Reading *>(context); }

void on_start_element(void *context, const xmlChar *name, const xmlChar *, const xmlChar *, int, const xmlChar **,
                      int attribute_count, int, const xmlChar **attributes) noexcept
{
    reading(context).guarded([&] { reading(context).start_element(name, attribute_count, attributes); });
}

void on_end_element(void *context, const xmlChar *, const xmlChar *, const xmlChar *) noexcept
{
    reading(context).guarded([&] { reading(context).end_element(); });
}

void on_characters(void *context, const xmlChar *text, int length) noexcept
{
    reading(context).guarded([&] { reading(context).characters(as_chars(text), static_cast<std::size_t>(length)); });
}

void on_doctype(void *context, const xmlChar *, const xmlChar *, const xmlChar *) noexcept
{
    reading(context).guarded([&] { reading(context).doctype(); });
}

void on_parser_error(void *context, XmlErrorPointer error) noexcept
{
    reading(context).guarded([&] { reading(context).parser_error(error); });
}

xmlSAXHandler sax_handler()
{
    xmlSAXHandler handler;
    std::memset(&handler, 0, sizeof handler);
    handler.initialized = XML_SAX2_MAGIC;
    handler.startElementNs = on_start_element;
    handler.endElementNs = on_end_element;
    handler.characters = on_characters;
    handler.cdataBlock = on_characters;
    handler.internalSubset = on_doctype;
    handler.serror = on_parser_error; // this parser's own; the process-wide handlers belong to the server
    return handler;
}

Element Reading::run(std::string_view utf8)
{
    xmlSAXHandler handler = sax_handler();
    parser_.reset(xmlCreatePushParserCtxt(&handler, this, nullptr, 0, nullptr));
    if (!parser_)
        throw std::bad_alloc();
    xmlCtxtUseOptions(parser_.get(), XML_PARSE_NONET | XML_PARSE_IGNORE_ENC); // the declaration was heeded before
    while (!failure_ && !utf8.empty()) {
        const std::string_view chunk = utf8.substr(0, parse_chunk_bytes);
        xmlParseChunk(parser_.get(), chunk.data(), static_cast<int>(chunk.size()), 0);
        utf8.remove_prefix(chunk.size());
    }
    if (!failure_)
        xmlParseChunk(parser_.get(), nullptr, 0, 1);
    if (failure_)
        std::rethrow_exception(failure_);
    if (!complete_)
        fail_document(source_, ErrorKind::document, "it is not well-formed XML", "The root element does not end.");
    return std::move(root_);
}

void Reading::start_element(const xmlChar *name, int attribute_count, const xmlChar **attributes)
{
    ++depth_;
    if (depth_ == 1) {
        start_root(name, attribute_count, attributes);
        return;
    }
    has_children_ = true;
    if (is_error_root_)
        fail_root(error_root);
    if (depth_ == shape_.record_depth) {
        if (std::strcmp(as_chars(name), shape_.record) == 0) {
            record_.emplace(source_, shape_.record, line());
            take_attributes(*record_, shape_.record_attributes, attribute_count, attributes);
        }
    } else if (depth_ == shape_.record_depth + 1 && record_) {
        if (const char *known = find_name(shape_.fields, name)) {
            if (record_->find(known))
                record_->fail(ErrorKind::document, std::string("element \"") + known + "\" appears twice");
            field_ = &record_->fields.emplace_back(known, std::string()).second;
        }
    }
}

void Reading::start_root(const xmlChar *name, int attribute_count, const xmlChar **attributes)
{
    if (std::strcmp(as_chars(name), shape_.root) != 0) {
        is_error_root_ = std::strcmp(as_chars(name), error_root) == 0;
        if (!is_error_root_)
            fail_root(as_chars(name));
    }
    take_attributes(root_, shape_.root_attributes, attribute_count, attributes);
}

void Reading::end_root()
{
    if (!has_children_ && root_.attributes.empty() && starts_with(trimmed(root_text_), error_in_parameters))
        fail_document(source_, ErrorKind::date_range, "the service says \"Error in parameters\"",
                      "That is its answer to a date or a currency that it has no rates for.",
                      "Its archive begins on 1992-07-01; ask for a later date.");
    if (is_error_root_)
        fail_root(error_root);
    complete_ = true;
}

void Reading::fail_root(const std::string &name) const
{
    fail_document(source_, ErrorKind::document,
                  "the root element is " + quoted_excerpt(name) + ", not \"" + shape_.root + "\"");
}

void Reading::end_element()
{
    if (depth_ == shape_.record_depth + 1 && field_) {
        *field_ = std::string(trimmed(*field_));
        field_ = nullptr;
    } else if (depth_ == shape_.record_depth && record_) {
        on_record_(*record_);
        record_.reset();
    } else if (depth_ == 1) {
        end_root();
    }
    --depth_;
}

void Reading::characters(const char *text, std::size_t length)
{
    if (depth_ == shape_.record_depth + 1 && field_) {
        if (field_->size() + length > max_field_bytes)
            record_->fail(ErrorKind::document, too_long);
        field_->append(text, length);
    } else if (depth_ == 1) {
        root_text_.append(text, std::min(length, max_field_bytes - root_text_.size()));
    }
}

void Reading::doctype()
{
    fail_document(source_, ErrorKind::document, "it contains a DOCTYPE",
                  "The Bank's documents have none, and declarations of entities are not accepted.");
}

void Reading::parser_error(XmlErrorPointer error)
{
    if (error->level != XML_ERR_FATAL)
        return;
    // The message may quote the document, and end that amid a character.
    const std::string message = printable(trimmed(error->message ? error->message : "unknown error"));
    fail_document(source_, ErrorKind::document, "it is not well-formed XML",
                  "Line " + std::to_string(error->line) + ": " + message + ".");
}

// libxml2 hands over five pointers an attribute: local name, prefix, namespace, begin and end of the value.
void Reading::take_attributes(Element &element, const std::vector<const char *> &known, int count,
                              const xmlChar **attributes)
{
    for (int i = 0; i < count; ++i, attributes += 5) {
        const char *name = find_name(known, attributes[0]);
        if (!name || attributes[1]) // with a prefix it is another one
            continue;
        const std::string_view value(as_chars(attributes[3]), static_cast<std::size_t>(attributes[4] - attributes[3]));
        if (value.size() > max_field_bytes)
            element.fail(ErrorKind::document, too_long);
        element.attributes.emplace_back(name, std::string(trimmed(value)));
    }
}

std::string_view without_byte_order_mark(std::string_view bytes)
{
    if (starts_with(bytes, utf8_byte_order_mark))
        bytes.remove_prefix(utf8_byte_order_mark.size());
    return bytes;
}

void ensure_markup(std::string_view bytes, const DocumentSource &source)
{
    const std::string_view visible = trimmed(without_byte_order_mark(bytes));
    if (visible.empty())
        fail_document(source, ErrorKind::document, "it is empty");
    if (starts_with_any_case(visible, "<!doctype html") || starts_with_any_case(visible, "<html"))
        fail_document(source, ErrorKind::document, "it is an HTML page, not XML", {},
                      "A page instead of rates usually comes from a protection or a proxy between here and the "
                      "service. Ask less often, or set cbr.base_url to a mirror.");
    if (starts_with(visible, "<?xml") && visible.data() != without_byte_order_mark(bytes).data())
        fail_document(source, ErrorKind::document, "white space stands before its XML declaration");
    if (visible[0] != '<')
        fail_document(source, ErrorKind::document, "it is not XML");
}

// The encoding that the XML declaration names, in upper case; UTF-8 where it names none.
std::string declared_encoding(std::string_view text)
{
    const std::string declaration = in_upper_case(starts_with(text, "<?xml") ? text.substr(0, text.find("?>")) : "");
    std::size_t begin = declaration.find("ENCODING");
    begin = begin == std::string::npos ? begin : declaration.find_first_of("\"'", begin);
    if (begin == std::string::npos)
        return "UTF-8";
    return declaration.substr(begin + 1, declaration.find(declaration[begin], begin + 1) - begin - 1);
}

std::string converted_to_utf8(std::string_view bytes, const std::string &encoding, const DocumentSource &source)
{
    const iconv_t converter = iconv_open("UTF-8", encoding.c_str());
    if (converter == reinterpret_cast<iconv_t>(-1))
        fail_document(source, ErrorKind::document, "it declares an unknown encoding, " + quoted_excerpt(encoding));
    std::string utf8(bytes.size() * 3, '\0'); // a character of a code page takes three bytes at the most
    char *from = const_cast<char *>(bytes.data());
    char *to = utf8.data();
    std::size_t from_left = bytes.size();
    std::size_t to_left = utf8.size();
    const bool converted = iconv(converter, &from, &from_left, &to, &to_left) != static_cast<std::size_t>(-1);
    iconv_close(converter);
    if (!converted)
        fail_document(source, ErrorKind::document, "it is not written in " + printable(encoding) + ", as it declares",
                      "The conversion fails at byte " + std::to_string(bytes.size() - from_left + 1) + ".");
    utf8.resize(utf8.size() - to_left);
    return utf8;
}

// The document in UTF-8, without its byte order mark. It is converted here and not by libxml2, of which some versions
// end a document without an error at a byte that the code page lacks, and write to the server's log instead.
// A document that was saved in UTF-8 but still declares windows-1251 would give garbled names. Russian text in
// windows-1251 is never well-formed UTF-8, so the two can be told apart.
std::string in_utf8(std::string_view bytes, const DocumentSource &source)
{
    const std::string_view text = without_byte_order_mark(bytes);
    const std::string encoding = declared_encoding(text);
    if (text.size() < bytes.size() || encoding == "UTF-8" || encoding == "US-ASCII") {
        if (!is_utf8(text))
            fail_document(source, ErrorKind::document, "it is not written in UTF-8, and declares nothing else");
        return std::string(text);
    }
    if (!is_ascii(text) && is_utf8(text))
        fail_document(source, ErrorKind::document, "it declares " + printable(encoding) + " but is written in UTF-8",
                      "It was converted after the Bank had sent it.",
                      "Declare encoding=\"utf-8\" in its first line, or take the original.");
    return converted_to_utf8(text, encoding, source);
}

} // namespace

DocumentSource given_document(std::string_view bytes)
{
    return {"document", described(bytes) + ".", "Pass the document's bytes as the Bank of Russia sent them."};
}

std::string described(std::string_view bytes)
{
    return std::to_string(bytes.size()) + " bytes" + (bytes.empty() ? "" : " that begin with " + quoted_excerpt(bytes));
}

std::optional<std::string_view> Element::find(std::string_view attribute_or_field) const
{
    for (const auto *values : {&attributes, &fields})
        for (const auto &[name, value] : *values)
            if (name == attribute_or_field)
                return value;
    return std::nullopt;
}

std::string_view Element::required(std::string_view attribute_or_field) const
{
    const std::optional<std::string_view> value = find(attribute_or_field);
    if (!value || value->empty())
        fail(ErrorKind::document, "\"" + std::string(attribute_or_field) + "\" is missing");
    return *value;
}

void Element::fail(ErrorKind kind, const std::string &problem, const std::string &hint) const
{
    std::string place = "Element \"" + std::string(name_) + "\"";
    if (!attributes.empty())
        place += " with " + std::string(attributes[0].first) + " " + quoted_excerpt(attributes[0].second);
    fail_document(*source_, kind, problem, place + " in line " + std::to_string(line_) + ".", hint);
}

Element read_document(std::string_view bytes, const DocumentSource &source, const DocumentShape &shape,
                      const std::function<void(const Element &)> &on_record)
{
    ensure_markup(bytes, source);
    return Reading(source, shape, on_record).run(in_utf8(bytes, source));
}

void fail_document(const DocumentSource &source, ErrorKind kind, const std::string &problem, const std::string &detail,
                   const std::string &hint)
{
    throw Error(kind, "invalid " + source.name + ": " + problem,
                detail + (detail.empty() || source.detail.empty() ? "" : " ") + source.detail,
                hint.empty() ? source.hint : hint);
}

// xmlParserVersion is like "20914", in some builds with a suffix.
std::string libxml2_version()
{
    const long number = std::strtol(xmlParserVersion, nullptr, 10);
    return std::to_string(number / 10000) + "." + std::to_string(number / 100 % 100) + "." +
           std::to_string(number % 100);
}

} // namespace cbr
