// The one exception of the core. It carries what a user is to read (message, detail, hint, all in UTF-8) and the
// kind of failure, from which the PostgreSQL side derives the SQLSTATE.
#pragma once
#include "core/fence.h"

#include <exception>
#include <string>
#include <utility>

namespace cbr {

enum class ErrorKind {
    parameter,     // an argument or a setting that cannot be meant
    date_range,    // a date outside the Bank's archive
    connection,    // no connection: name, network, TLS, or no answer in time
    protocol,      // an HTTP status other than 200, or no HTTP at all
    transfer,      // the transfer was cut off
    too_large,     // the answer exceeds the limit
    document,      // not the XML document that was asked for
    number,        // a number or date of the document is malformed or cannot be
    not_published, // the date's rates do not exist yet
    not_quoted,    // the publication has none of the currencies
    interrupted,   // should_stop() said so; the caller knows why
};

class Error : public std::exception {
public:
    Error(ErrorKind error_kind, std::string message_text, std::string detail_text = {}, std::string hint_text = {})
        : kind(error_kind), message(std::move(message_text)), detail(std::move(detail_text)), hint(std::move(hint_text))
    {
    }

    const char *what() const noexcept override { return message.c_str(); }

    ErrorKind kind;
    std::string message; // lower case, no full stop
    std::string detail;  // sentences; may be empty
    std::string hint;    // sentences; may be empty
};

} // namespace cbr
