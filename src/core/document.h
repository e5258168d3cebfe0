// Reads the Bank's XML documents. They all have one shape: a root with attributes, records somewhere below it with
// attributes, fields with text right below those. What to look for is told by a DocumentShape; everything else is
// passed over.
//
// A document is hostile until read: a DOCTYPE is an error (so there are no entities to expand), nothing is ever
// loaded from outside, fields are bounded, and bytes that the declared encoding does not have are an error.
#pragma once
#include "core/error.h"
#include "core/fence.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cbr {

// How messages speak of the document.
struct DocumentSource {
    std::string name;   // completes "invalid ...: what is wrong"
    std::string detail; // sentences: where it came from, how it begins
    std::string hint;   // what to do where the problem itself suggests nothing
};

// A document that the caller has. Its messages say how long it is and how it begins.
DocumentSource given_document(std::string_view bytes);

// "3153 bytes that begin with ..."
std::string described(std::string_view bytes);

struct DocumentShape {
    const char *root;
    std::vector<const char *> root_attributes;
    const char *record;
    std::vector<const char *> record_attributes;
    std::vector<const char *> fields;
    int record_depth = 2; // below how many elements a record stands, itself included
};

// The root (no fields) or a record. Values are in UTF-8, trimmed of ASCII white space at both ends.
class Element {
public:
    Element(const DocumentSource &source, const char *name, long line) : source_(&source), name_(name), line_(line) {}

    // The value, nothing where it is absent.
    std::optional<std::string_view> find(std::string_view attribute_or_field) const;

    // The value. Throws Error(document) where it is absent or empty.
    std::string_view required(std::string_view attribute_or_field) const;

    // Throws an error that says where in the document it arose.
    [[noreturn]] void fail(ErrorKind kind, const std::string &problem, const std::string &hint = {}) const;

    std::vector<std::pair<std::string_view, std::string>> attributes;
    std::vector<std::pair<std::string_view, std::string>> fields;

private:
    const DocumentSource *source_;
    const char *name_;
    long line_;
};

// Calls `on_record` for each record in order, then returns the root. Throws Error(document); Error(date_range) where
// the service says "Error in parameters", its answer to what it does not have; and whatever `on_record` throws.
Element read_document(std::string_view bytes, const DocumentSource &source, const DocumentShape &shape,
                      const std::function<void(const Element &)> &on_record);

[[noreturn]] void fail_document(const DocumentSource &source, ErrorKind kind, const std::string &problem,
                                const std::string &detail = {}, const std::string &hint = {});

// "2.9.14": the library that runs, not the one compiled against.
std::string libxml2_version();

} // namespace cbr
