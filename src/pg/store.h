// Writes rates into t_currency, and a line about it into cbr_fetch_log.
#pragma once
#include "pg/postgres_headers.h"

// Operators in SQL, which search_path cannot replace. IS DISTINCT FROM and IN have none such, and are not used.
#define EQUALS "OPERATOR(pg_catalog.=)"
#define AT_LEAST "OPERATOR(pg_catalog.>=)"
#define AT_MOST "OPERATOR(pg_catalog.<=)"

namespace cbr::pg {

// One row of t_currency to be: on `date`, this rate was in force. What it points at lives elsewhere.
struct DatedRate {
    const Currency *currency;
    Date date;
    Date effective_date;
    std::int32_t nominal;
    const std::string *value;
};

// What storing did.
struct Stored {
    int rates = 0;
    int inserted = 0;
    int changed = 0;
    Datum corrections = 0; // jsonb, an array with old and new of each row changed; 0 where there is none
};

// What the log tells of a document's origin. Empty fields are stored as NULL.
struct Origin {
    std::string url;                    // empty for a document that was not fetched
    std::string cbr_id;                 // where the document is of one currency
    std::optional<Date> requested_date; // of a range: the first day
    std::optional<Date> last_date;      // of a range
    std::optional<Date> effective_date;
    std::optional<int> http_status;
    std::optional<int> duration_ms;
    std::int64_t bytes = 0;
};

// Raises an error where this transaction cannot write: read-only, or on a standby. `call` names the function.
void ensure_may_store(const char *call);

// The way into the tables of one schema, for as long as SPI stays connected: its statements are prepared once.
class Store {
public:
    explicit Store(Oid schema);

    // Stores the rates, which are in ascending order of ID and date. Rows already there stay as they are, or are
    // corrected where they say something else. Adds to `stored`, whose corrections are made in the current context.
    void put(const DatedRate *rates, int count, Stored &stored);

    void log(const Origin &origin, const Stored &stored);

    // Prepares `sql`, in which {t_currency} and {cbr_fetch_log} stand for the tables. The statement lives as long as
    // SPI stays connected; and it is made anew where an owner has changed a table since, also between two transactions.
    SPIPlanPtr prepare(const char *sql, int parameter_count, Oid *types) const;

    // The same, for the caller to free.
    SPIPlanPtr prepare_for_good(const char *sql, int parameter_count, Oid *types) const;

private:
    bool has_none_of(const DatedRate *rates, int count);
    std::optional<int> insert_plainly(Datum *rates);

    MemoryContext context_ = CurrentMemoryContext; // SPI's own
    const char *t_currency_;
    const char *cbr_fetch_log_;
    SPIPlanPtr any_ = nullptr;
    SPIPlanPtr insert_plainly_ = nullptr;
    SPIPlanPtr insert_missing_ = nullptr;
    SPIPlanPtr correct_ = nullptr;
    SPIPlanPtr log_ = nullptr;
};

// Runs a prepared statement; raises an error unless SPI answers with `expected`. `nulls` may be null.
void execute(SPIPlanPtr plan, Datum *values, const char *nulls, int expected);

} // namespace cbr::pg
