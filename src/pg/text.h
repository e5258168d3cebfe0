// Text between the core, which speaks UTF-8, and the database, which speaks its own encoding. Results are palloc'ed.
#pragma once
#include <string>

#include "pg/postgres_headers.h"

namespace cbr::pg {

// As the database stores it. Raises an error (22P05) for a character that its encoding does not have.
char *to_server_encoding(const std::string &utf8);

// For messages: where the database's encoding cannot hold the text, question marks stand for what is not ASCII.
const char *shown_in_server_encoding(const char *utf8);

char *to_utf8(const char *server_text);

} // namespace cbr::pg
