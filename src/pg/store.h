// Writes a publication's rates into t_currency, and the line about it into cbr_fetch_log.
#pragma once

#include <optional>
#include <string>

#include "pg/postgres_headers.h"

namespace cbr::pg {

// What the log tells of a document's origin. Empty fields are stored as NULL.
struct Origin {
    std::string url; // empty for a document that was not fetched
    std::optional<Date> requested_date;
    std::optional<int> http_status;
    std::optional<int> duration_ms;
    std::int64_t bytes = 0;
};

// Raises an error where this transaction cannot write: read-only, or on a standby. `call` names the function.
void ensure_may_store(const char *call);

// Stores each rate as in force on `date`, in the tables of schema `schema`. Rows already there stay as they are, or
// are corrected where the publication says something else; the old value is kept in the log. Returns the number of
// rates.
int store(const Publication &publication, Date date, const Origin &origin, Oid schema);

} // namespace cbr::pg
