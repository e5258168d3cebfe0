// SQL alone, so that triggers, row security and replication see what is written. Tables are qualified by the schema
// of the calling function, and all else by pg_catalog, operators too: search_path plays no part, and stays the caller's
// for his triggers.
#include <cstring>

#include "pg/store.h"

#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/rows.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

// The rates as rows, from the parameters that RateParameters builds.
#define PUBLISHED \
    "(SELECT u.* FROM ROWS FROM (pg_catalog.unnest($1), pg_catalog.unnest($2), pg_catalog.unnest($3)," \
    "                            pg_catalog.unnest($4), pg_catalog.unnest($5), pg_catalog.unnest($6)," \
    "                            pg_catalog.unnest($7), pg_catalog.unnest($8))" \
    "       AS u(cbr_id, num_code, char_code, name, nominal, value, date, effective_date))"

#define INSERT_RATES \
    "INSERT INTO {t_currency} AS t (name, char_code, value, date, nominal, num_code, cbr_id, effective_date)" \
    " SELECT p.name, p.char_code, p.value, p.date, p.nominal, p.num_code, p.cbr_id, p.effective_date" \
    "   FROM " PUBLISHED " p"

// Where no row can be in the way: half the cost of the statement after it, which a long history notices.
constexpr const char *insert_plainly_sql = INSERT_RATES;

// Without the anti-join each repeated fetch would use up numbers of the sequence. Ordered, so that two sessions that
// store the same publication meet at its first row, and never in a deadlock.
constexpr const char *insert_missing_sql = INSERT_RATES
    "  WHERE NOT EXISTS (SELECT FROM {t_currency} s WHERE s.cbr_id " EQUALS " p.cbr_id AND s.date " EQUALS " p.date)"
    " ORDER BY p.cbr_id, p.date"
    " ON CONFLICT (cbr_id, date) DO NOTHING";

constexpr const char *any_sql = "SELECT FROM {t_currency} t WHERE t.cbr_id " EQUALS " $1"
                                " AND t.date " AT_LEAST " $2 AND t.date " AT_MOST " $3 LIMIT 1";

// The rows are locked before their old values are read: what the log says was replaced was replaced. A name or code
// that differs is none of the Bank's corrections, since the wording of names varies; what was unknown is filled in.
constexpr const char *correct_sql =
    "WITH old AS ("
    "   SELECT t.id, t.cbr_id, t.date, t.name, t.char_code, t.value, t.nominal, t.num_code, t.effective_date"
    "     FROM {t_currency} t JOIN " PUBLISHED " p ON t.cbr_id " EQUALS " p.cbr_id AND t.date " EQUALS " p.date"
    "    WHERE (t.value " EQUALS " p.value AND t.nominal " EQUALS " p.nominal"
    "           AND t.effective_date " EQUALS " p.effective_date) IS NOT TRUE"
    "       OR (t.name " EQUALS " '' AND NOT p.name " EQUALS " '')"
    "       OR (t.char_code " EQUALS " '' AND NOT p.char_code " EQUALS " '')"
    "       OR (t.num_code IS NULL AND p.num_code IS NOT NULL)"
    "    ORDER BY t.cbr_id, t.date"
    "      FOR UPDATE OF t),"
    " corrected AS ("
    "   UPDATE {t_currency} t"
    "      SET name = p.name, char_code = p.char_code, value = p.value, nominal = p.nominal, num_code = p.num_code,"
    "          effective_date = p.effective_date, fetched_at = pg_catalog.now()"
    "     FROM old JOIN " PUBLISHED " p ON old.cbr_id " EQUALS " p.cbr_id AND old.date " EQUALS " p.date"
    "    WHERE t.id " EQUALS " old.id"
    "   RETURNING t.cbr_id, t.date, pg_catalog.jsonb_build_object("
    "       'cbr_id', t.cbr_id, 'date', t.date::pg_catalog.date,"
    "       'old', pg_catalog.to_jsonb(old) OPERATOR(pg_catalog.-) '{id,cbr_id,date}'::pg_catalog.text[],"
    "       'new', pg_catalog.jsonb_build_object('name', t.name, 'char_code', t.char_code, 'value', t.value,"
    "              'nominal', t.nominal, 'num_code', t.num_code, 'effective_date', t.effective_date)) AS correction)"
    " SELECT pg_catalog.jsonb_agg(correction ORDER BY cbr_id, date), pg_catalog.count(*)::pg_catalog.int4"
    "   FROM corrected";

constexpr const char *log_sql =
    "INSERT INTO {cbr_fetch_log} (url, cbr_id, requested_date, last_date, effective_date, http_status, bytes, duration_ms, rates,"
    "                  inserted, changed, corrections)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, coalesce($12, '[]'))";

void name_currency_in_context(void *currency_pointer)
{
    const Currency &currency = *static_cast<const Currency *>(currency_pointer);
    errcontext("name of currency %s (%s)", currency.char_code.c_str(), currency.cbr_id.c_str());
}

// A currency's name is the one text that the database's encoding may not be able to hold.
Datum name_datum(const Currency &currency)
{
    ErrorContextCallback context;
    context.callback = name_currency_in_context;
    context.arg = const_cast<Currency *>(&currency);
    context.previous = error_context_stack;
    error_context_stack = &context;
    const Datum name = text_datum(currency.name);
    error_context_stack = context.previous;
    return name;
}

Datum ascii_datum(const std::string &text) { return CStringGetTextDatum(text.c_str()); }

Datum timestamp_datum(Date date)
{
    return TimestampGetDatum(static_cast<Timestamp>(to_date_adt(date)) * USECS_PER_DAY);
}

// One array of `count` elements as a parameter, filled by `element(i, is_null)`.
template <class Element> Datum array_of(Oid type, int count, Element element)
{
    auto *values = static_cast<Datum *>(palloc(sizeof(Datum) * static_cast<Size>(count)));
    auto *nulls = static_cast<bool *>(palloc0(sizeof(bool) * static_cast<Size>(count)));
    for (int i = 0; i < count; ++i)
        values[i] = element(i, nulls[i]);
    int16 length;
    bool by_value;
    char alignment;
    get_typlenbyvalalign(type, &length, &by_value, &alignment);
    int dimensions[] = {count};
    int lower_bounds[] = {1};
    return PointerGetDatum(
        construct_md_array(values, nulls, 1, dimensions, lower_bounds, type, length, by_value, alignment));
}

// The parameters $1 to $8 of PUBLISHED. Rows of one currency share its texts.
struct RateParameters {
    static constexpr int count = 8;
    static Oid types[count];
    Datum values[count];

    RateParameters(const DatedRate *rates, int n)
    {
        values[0] = currency_array(rates, n, [](const Currency &c, bool &) { return ascii_datum(c.cbr_id); });
        values[1] = currency_array(rates, n, [](const Currency &c, bool &is_null) {
            is_null = c.num_code.empty();
            return ascii_datum(c.num_code);
        });
        values[2] = currency_array(rates, n, [](const Currency &c, bool &) { return ascii_datum(c.char_code); });
        values[3] = currency_array(rates, n, [](const Currency &c, bool &) { return name_datum(c); });
        values[4] = array_of(INT4OID, n, [&](int i, bool &) { return Int32GetDatum(rates[i].nominal); });
        Datum value = 0;
        values[5] = array_of(NUMERICOID, n, [&](int i, bool &) {
            if (i == 0 || rates[i].value != rates[i - 1].value)
                value = numeric_datum(*rates[i].value);
            return value;
        });
        values[6] = array_of(TIMESTAMPOID, n, [&](int i, bool &) { return timestamp_datum(rates[i].date); });
        values[7] = array_of(DATEOID, n, [&](int i, bool &) { return date_datum(rates[i].effective_date); });
    }

private:
    template <class Field> static Datum currency_array(const DatedRate *rates, int n, Field field)
    {
        Datum datum = 0;
        bool null = false;
        return array_of(TEXTOID, n, [&](int i, bool &is_null) {
            if (i == 0 || rates[i].currency != rates[i - 1].currency) {
                null = false;
                datum = field(*rates[i].currency, null);
            }
            is_null = null;
            return datum;
        });
    }
};

Oid RateParameters::types[] = {TEXTARRAYOID, TEXTARRAYOID,    TEXTARRAYOID,      TEXTARRAYOID,
                               INT4ARRAYOID, NUMERICARRAYOID, TIMESTAMPARRAYOID, DATEARRAYOID};

void add_corrections(Stored &stored)
{
    HeapTuple row = SPI_tuptable->vals[0];
    bool is_null;
    const Datum list = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null);
    if (is_null)
        return;
    stored.changed += DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null));
    stored.corrections =
        stored.corrections ? DirectFunctionCall2(jsonb_concat, stored.corrections, list) : datumCopy(list, false, -1);
}

bool append_instead(StringInfo statement, const char **position, const char *placeholder, const char *name)
{
    if (std::strncmp(*position, placeholder, std::strlen(placeholder)) != 0)
        return false;
    appendStringInfoString(statement, name);
    *position += std::strlen(placeholder);
    return true;
}

} // namespace

void ensure_may_store(const char *call)
{
    PreventCommandDuringRecovery(call);
    PreventCommandIfReadOnly(call);
}

void execute(SPIPlanPtr plan, Datum *values, const char *nulls, int expected)
{
    const int code = SPI_execute_plan(plan, values, nulls, false, 0);
    if (code != expected)
        elog(ERROR, "cbr: %s", SPI_result_code_string(code));
}

Store::Store(Oid schema)
{
    const char *name = OidIsValid(schema) ? get_namespace_name(schema) : nullptr;
    if (!name) // an unqualified name would mean any table in search_path
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("extension cbr was dropped while the call was under way")));
    t_currency_ = quote_qualified_identifier(name, "t_currency");
    cbr_fetch_log_ = quote_qualified_identifier(name, "cbr_fetch_log");
}

SPIPlanPtr Store::prepare_for_good(const char *sql, int parameter_count, Oid *types) const
{
    StringInfoData statement;
    initStringInfo(&statement);
    for (const char *c = sql; *c;) {
        if (append_instead(&statement, &c, "{t_currency}", t_currency_) ||
            append_instead(&statement, &c, "{cbr_fetch_log}", cbr_fetch_log_))
            continue;
        appendStringInfoChar(&statement, *c++);
    }
    SPIPlanPtr plan = SPI_prepare(statement.data, parameter_count, types);
    if (!plan)
        elog(ERROR, "cbr: %s: %s", SPI_result_code_string(SPI_result), statement.data);
    if (SPI_keepplan(plan) != 0)
        elog(ERROR, "cbr: could not keep a statement");
    return plan;
}

// The server tells of changed tables to kept statements alone; hence kept, and freed together with SPI's memory.
SPIPlanPtr Store::prepare(const char *sql, int parameter_count, Oid *types) const
{
    auto *callback =
        static_cast<MemoryContextCallback *>(MemoryContextAllocZero(context_, sizeof(MemoryContextCallback)));
    SPIPlanPtr plan = prepare_for_good(sql, parameter_count, types);
    callback->func = [](void *kept) { SPI_freeplan(static_cast<SPIPlanPtr>(kept)); };
    callback->arg = plan;
    MemoryContextRegisterResetCallback(context_, callback);
    return plan;
}

// Of a batch of one currency: does no row of its days stand in the table? Of others it is not told.
bool Store::has_none_of(const DatedRate *rates, int count)
{
    const DatedRate &first = rates[0];
    const DatedRate &last = rates[count - 1];
    if (first.currency != last.currency)
        return false;
    Oid types[] = {TEXTOID, TIMESTAMPOID, TIMESTAMPOID};
    Datum values[] = {ascii_datum(first.currency->cbr_id), timestamp_datum(first.date), timestamp_datum(last.date)};
    if (!any_)
        any_ = prepare(any_sql, lengthof(types), types);
    execute(any_, values, nullptr, SPI_OK_SELECT);
    const bool none = SPI_processed == 0;
    SPI_freetuptable(SPI_tuptable);
    return none;
}

// How many rows were inserted; nothing, with nothing done, if another session has stored one of the rates meanwhile.
std::optional<int> Store::insert_plainly(Datum *rates)
{
    if (!insert_plainly_)
        insert_plainly_ = prepare(insert_plainly_sql, RateParameters::count, RateParameters::types);
    MemoryContext context = CurrentMemoryContext;
    ResourceOwner owner = CurrentResourceOwner;
    volatile int inserted = -1;
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context);
    PG_TRY();
    {
        execute(insert_plainly_, rates, nullptr, SPI_OK_INSERT);
        inserted = static_cast<int>(SPI_processed);
        ReleaseCurrentSubTransaction();
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData *error = CopyErrorData();
        FlushErrorState();
        RollbackAndReleaseCurrentSubTransaction();
        if (error->sqlerrcode != ERRCODE_UNIQUE_VIOLATION) {
            CurrentResourceOwner = owner;
            ReThrowError(error);
        }
        FreeErrorData(error);
        inserted = -1;
    }
    PG_END_TRY();
    MemoryContextSwitchTo(context);
    CurrentResourceOwner = owner;
    return inserted < 0 ? std::nullopt : std::optional<int>(inserted);
}

void Store::put(const DatedRate *rates, int count, Stored &stored)
{
    MemoryContext caller = CurrentMemoryContext;
    MemoryContext batch = AllocSetContextCreate(caller, "cbr batch", ALLOCSET_DEFAULT_SIZES);
    MemoryContextSwitchTo(batch);
    RateParameters parameters(rates, count);
    std::optional<int> inserted;
    if (has_none_of(rates, count))
        inserted = insert_plainly(parameters.values);
    if (!inserted) {
        if (!insert_missing_)
            insert_missing_ = prepare(insert_missing_sql, RateParameters::count, RateParameters::types);
        execute(insert_missing_, parameters.values, nullptr, SPI_OK_INSERT);
        inserted = static_cast<int>(SPI_processed);
    }
    if (*inserted < count) {
        if (!correct_)
            correct_ = prepare(correct_sql, RateParameters::count, RateParameters::types);
        execute(correct_, parameters.values, nullptr, SPI_OK_SELECT);
        MemoryContextSwitchTo(caller);
        add_corrections(stored);
        SPI_freetuptable(SPI_tuptable);
    }
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(batch);
    stored.rates += count;
    stored.inserted += *inserted;
}

void Store::log(const Origin &origin, const Stored &stored)
{
    Oid types[] = {TEXTOID, TEXTOID, DATEOID, DATEOID, DATEOID, INT4OID,
                   INT8OID, INT4OID, INT4OID, INT4OID, INT4OID, JSONBOID};
    const auto date_or_null = [](const std::optional<Date> &date) { return date ? date_datum(*date) : Datum(0); };
    Datum values[] = {ascii_datum(origin.url),
                      ascii_datum(origin.cbr_id),
                      date_or_null(origin.requested_date),
                      date_or_null(origin.last_date),
                      date_or_null(origin.effective_date),
                      Int32GetDatum(origin.http_status.value_or(0)),
                      Int64GetDatum(origin.bytes),
                      Int32GetDatum(origin.duration_ms.value_or(0)),
                      Int32GetDatum(stored.rates),
                      Int32GetDatum(stored.inserted),
                      Int32GetDatum(stored.changed),
                      stored.corrections};
    const bool known[] = {!origin.url.empty(),
                          !origin.cbr_id.empty(),
                          origin.requested_date.has_value(),
                          origin.last_date.has_value(),
                          origin.effective_date.has_value(),
                          origin.http_status.has_value(),
                          true,
                          origin.duration_ms.has_value(),
                          true,
                          true,
                          true,
                          stored.corrections != 0};
    char nulls[lengthof(known)];
    for (std::size_t i = 0; i < lengthof(known); ++i)
        nulls[i] = known[i] ? ' ' : 'n';
    if (!log_)
        log_ = prepare(log_sql, lengthof(types), types);
    execute(log_, values, nulls, SPI_OK_INSERT);
}

} // namespace cbr::pg
