// SQL alone, so that triggers, row security and replication see what is written. Tables are qualified by the schema
// of the calling function: search_path plays no part.
#include "pg/store.h"

#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

// The publication as rows, from the parameters that RateParameters builds. Ordered, so that two sessions that store
// the same publication meet at its first row, and never in a deadlock.
#define PUBLISHED \
    "(SELECT u.cbr_id, u.num_code, u.char_code, u.nominal, u.name, u.value::pg_catalog.numeric AS value," \
    "        $7::pg_catalog.timestamp AS date, $8::pg_catalog.date AS effective_date" \
    "   FROM ROWS FROM (pg_catalog.unnest($1::pg_catalog.text[]), pg_catalog.unnest($2::pg_catalog.text[])," \
    "                   pg_catalog.unnest($3::pg_catalog.text[]), pg_catalog.unnest($4::pg_catalog.int4[])," \
    "                   pg_catalog.unnest($5::pg_catalog.text[]), pg_catalog.unnest($6::pg_catalog.text[]))" \
    "        AS u(cbr_id, num_code, char_code, nominal, name, value)" \
    "  ORDER BY u.cbr_id)"

// %s is the table. Without the anti-join each repeated fetch would use up numbers of the sequence.
constexpr const char *insert_sql =
    "INSERT INTO %s AS t (name, char_code, value, date, nominal, num_code, cbr_id, effective_date)"
    " SELECT p.name, p.char_code, p.value, p.date, p.nominal, p.num_code, p.cbr_id, p.effective_date"
    "   FROM " PUBLISHED " p"
    "  WHERE NOT EXISTS (SELECT FROM %s s WHERE s.cbr_id = p.cbr_id AND s.date = p.date)"
    " ORDER BY p.cbr_id"
    " ON CONFLICT (cbr_id, date) DO NOTHING";

// %s is the table. The rows are locked before their old values are read: what the log says was replaced was replaced.
constexpr const char *correct_sql =
    "WITH old AS ("
    "   SELECT t.id, t.cbr_id, t.name, t.char_code, t.value, t.nominal, t.num_code, t.effective_date"
    "     FROM %s t JOIN " PUBLISHED " p ON t.cbr_id = p.cbr_id AND t.date = p.date"
    "    WHERE (t.name, t.char_code, t.value, t.nominal, t.num_code, t.effective_date)"
    "          IS DISTINCT FROM (p.name, p.char_code, p.value, p.nominal, p.num_code, p.effective_date)"
    "    ORDER BY t.cbr_id"
    "      FOR UPDATE OF t),"
    " corrected AS ("
    "   UPDATE %s t"
    "      SET name = p.name, char_code = p.char_code, value = p.value, nominal = p.nominal, num_code = p.num_code,"
    "          effective_date = p.effective_date, fetched_at = pg_catalog.now()"
    "     FROM old JOIN " PUBLISHED " p ON old.cbr_id = p.cbr_id"
    "    WHERE t.id = old.id"
    "   RETURNING t.cbr_id, pg_catalog.jsonb_build_object("
    "       'cbr_id', t.cbr_id,"
    "       'old', pg_catalog.to_jsonb(old) - 'id' - 'cbr_id',"
    "       'new', pg_catalog.jsonb_build_object('name', t.name, 'char_code', t.char_code, 'value', t.value,"
    "              'nominal', t.nominal, 'num_code', t.num_code, 'effective_date', t.effective_date)) AS correction)"
    " SELECT pg_catalog.jsonb_agg(correction ORDER BY cbr_id), pg_catalog.count(*)::pg_catalog.int4 FROM corrected";

constexpr const char *log_sql =
    "INSERT INTO %s (url, requested_date, effective_date, http_status, bytes, duration_ms, rates, inserted, changed,"
    "                corrections)"
    " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

struct Tables {
    const char *t_currency;
    const char *cbr_fetch_log;
};

struct Corrections {
    int count = 0;
    Datum list = 0; // jsonb, where the count is not zero
};

Tables tables_in(Oid schema)
{
    const char *name = get_namespace_name(schema);
    return {quote_qualified_identifier(name, "t_currency"), quote_qualified_identifier(name, "cbr_fetch_log")};
}

void name_currency_in_context(void *rate_pointer)
{
    const Rate &rate = *static_cast<const Rate *>(rate_pointer);
    errcontext("name of currency %s (%s)", rate.char_code.c_str(), rate.cbr_id.c_str());
}

// A currency's name is the one text that the database's encoding may not be able to hold.
Datum name_datum(const Rate &rate)
{
    ErrorContextCallback context;
    context.callback = name_currency_in_context;
    context.arg = const_cast<Rate *>(&rate);
    context.previous = error_context_stack;
    error_context_stack = &context;
    const Datum name = PointerGetDatum(cstring_to_text(to_server_encoding(rate.name)));
    error_context_stack = context.previous;
    return name;
}

Datum ascii_datum(const std::string &text) { return CStringGetTextDatum(text.c_str()); }

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

// The parameters $1 to $8 of PUBLISHED.
struct RateParameters {
    static constexpr int count = 8;
    Oid types[count] = {TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, INT4ARRAYOID,
                        TEXTARRAYOID, TEXTARRAYOID, DATEOID,      DATEOID};
    Datum values[count];

    RateParameters(const Publication &publication, Date date)
    {
        const std::vector<Rate> &rates = publication.rates;
        const int n = static_cast<int>(rates.size());
        values[0] = array_of(TEXTOID, n, [&](int i, bool &) { return ascii_datum(rates[i].cbr_id); });
        values[1] = array_of(TEXTOID, n, [&](int i, bool &is_null) {
            is_null = rates[i].num_code.empty();
            return ascii_datum(rates[i].num_code);
        });
        values[2] = array_of(TEXTOID, n, [&](int i, bool &) { return ascii_datum(rates[i].char_code); });
        values[3] = array_of(INT4OID, n, [&](int i, bool &) { return Int32GetDatum(rates[i].nominal); });
        values[4] = array_of(TEXTOID, n, [&](int i, bool &) { return name_datum(rates[i]); });
        values[5] = array_of(TEXTOID, n, [&](int i, bool &) { return ascii_datum(rates[i].value); });
        values[6] = DateADTGetDatum(to_date_adt(date));
        values[7] = DateADTGetDatum(to_date_adt(publication.effective_date));
    }
};

void execute(const char *sql, int count, Oid *types, Datum *values, const char *nulls, int expected)
{
    const int code = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
    if (code != expected)
        elog(ERROR, "cbr: %s: %s", SPI_result_code_string(code), sql);
}

int insert_missing(const Tables &tables, RateParameters &rates)
{
    execute(psprintf(insert_sql, tables.t_currency, tables.t_currency), RateParameters::count, rates.types,
            rates.values, nullptr, SPI_OK_INSERT);
    return static_cast<int>(SPI_processed);
}

Corrections correct_differing(const Tables &tables, RateParameters &rates)
{
    execute(psprintf(correct_sql, tables.t_currency, tables.t_currency), RateParameters::count, rates.types,
            rates.values, nullptr, SPI_OK_SELECT);
    Corrections corrections;
    HeapTuple row = SPI_tuptable->vals[0];
    bool is_null;
    corrections.list = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null);
    corrections.count = DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null));
    return corrections;
}

void write_log(const Tables &tables, const Publication &publication, const Origin &origin, int inserted,
               const Corrections &corrections)
{
    Oid types[] = {TEXTOID, DATEOID, DATEOID, INT4OID, INT8OID, INT4OID, INT4OID, INT4OID, INT4OID, JSONBOID};
    Datum values[] = {
        CStringGetTextDatum(origin.url.c_str()),
        origin.requested_date ? DateADTGetDatum(to_date_adt(*origin.requested_date)) : Datum(0),
        DateADTGetDatum(to_date_adt(publication.effective_date)),
        Int32GetDatum(origin.http_status.value_or(0)),
        Int64GetDatum(origin.bytes),
        Int32GetDatum(origin.duration_ms.value_or(0)),
        Int32GetDatum(static_cast<int32>(publication.rates.size())),
        Int32GetDatum(inserted),
        Int32GetDatum(corrections.count),
        corrections.count > 0 ? corrections.list : DirectFunctionCall1(jsonb_in, CStringGetDatum("[]")),
    };
    char nulls[lengthof(values) + 1] = "          ";
    static_assert(sizeof nulls == sizeof "          ");
    nulls[0] = origin.url.empty() ? 'n' : ' ';
    nulls[1] = origin.requested_date ? ' ' : 'n';
    nulls[3] = origin.http_status ? ' ' : 'n';
    nulls[5] = origin.duration_ms ? ' ' : 'n';
    execute(psprintf(log_sql, tables.cbr_fetch_log), lengthof(values), types, values, nulls, SPI_OK_INSERT);
}

} // namespace

void ensure_may_store(const char *call)
{
    PreventCommandDuringRecovery(call);
    PreventCommandIfReadOnly(call);
}

int store(const Publication &publication, Date date, const Origin &origin, Oid schema)
{
    const Tables tables = tables_in(schema);
    RateParameters rates(publication, date);
    const int count = static_cast<int>(publication.rates.size());
    SPI_connect();
    const int inserted = insert_missing(tables, rates);
    Corrections corrections;
    if (inserted < count)
        corrections = correct_differing(tables, rates);
    write_log(tables, publication, origin, inserted, corrections);
    SPI_finish();
    return count;
}

} // namespace cbr::pg
