#include "pg/lookup.h"

#include <cstring>

#include "pg/guard.h"
#include "pg/store.h"
#include "pg/text.h"

namespace cbr::pg {
namespace {

constexpr int lookups_by_index = 3;

// A series is kept from 1900 to 2199, so that a row of an absurd day costs no memory; other days go to the index.
constexpr DateADT first_kept_day = -36524;
constexpr DateADT last_kept_day = 73048;

// ------------------------------------------------------------------------------------------------ which snapshot

// What identifies a snapshot within a backend. For one xmax the set of transactions in progress only shrinks, so its
// size tells it; the backend's own changes are told by the command counter and the subtransaction.
struct SnapshotIdentity {
    TransactionId xmin, xmax;
    uint32 in_progress;
    int32 subtransactions_in_progress;
    CommandId command;
    LocalTransactionId transaction;
    SubTransactionId subtransaction;

    bool operator==(const SnapshotIdentity &other) const
    {
        return xmin == other.xmin && xmax == other.xmax && in_progress == other.in_progress &&
               subtransactions_in_progress == other.subtransactions_in_progress && command == other.command &&
               transaction == other.transaction && subtransaction == other.subtransaction;
    }
};

SnapshotIdentity active_snapshot()
{
    const Snapshot snapshot = GetActiveSnapshot();
    return {snapshot->xmin,   snapshot->xmax,        snapshot->xcnt,
            snapshot->subxcnt, snapshot->curcid,     own_local_transaction_id(),
            GetCurrentSubTransactionId()};
}

// ------------------------------------------------------------------------------------------------------ what is kept

struct Code {
    static constexpr std::size_t max_length = 16;
    char text[max_length]; // upper case, padded with zeros

    bool operator==(const Code &other) const { return std::memcmp(text, other.text, max_length) == 0; }
};

struct Series {
    Code code;
    int lookups = 0;
    RoublePrice found; // by index
    DateADT first_day = 0;
    int32 days = 0;                // of `prices`
    RoublePrice *prices = nullptr; // by day from first_day on; without a value where there is no row; null: not read
};

// Kept in fn_extra of the calling function.
struct Cache {
    MemoryContext context;
    SnapshotIdentity snapshot;
    Series *series;
    int count;
    int capacity;
    int last; // used last
};

Cache &cache_of(FunctionCallInfo fcinfo)
{
    FmgrInfo *function = fcinfo->flinfo;
    auto *cache = static_cast<Cache *>(function->fn_extra);
    const SnapshotIdentity now = active_snapshot();
    if (!cache) {
        cache = static_cast<Cache *>(MemoryContextAllocZero(function->fn_mcxt, sizeof(Cache)));
        cache->context = AllocSetContextCreate(function->fn_mcxt, "cbr rates", ALLOCSET_DEFAULT_SIZES);
        function->fn_extra = cache;
    } else if (cache->snapshot == now) {
        return *cache;
    } else if (cache->count > 0) {
        MemoryContextReset(cache->context);
        cache->series = nullptr;
        cache->count = cache->capacity = cache->last = 0;
    }
    cache->snapshot = now;
    return *cache;
}

Series &series_of(Cache &cache, const Code &code)
{
    if (cache.count > 0 && cache.series[cache.last].code == code)
        return cache.series[cache.last];
    for (int i = 0; i < cache.count; ++i)
        if (cache.series[i].code == code)
            return cache.series[cache.last = i];
    if (cache.count == cache.capacity) {
        cache.capacity = cache.capacity ? cache.capacity * 2 : 8;
        const Size size = sizeof(Series) * static_cast<Size>(cache.capacity);
        cache.series = static_cast<Series *>(cache.series ? repalloc(cache.series, size)
                                                          : MemoryContextAlloc(cache.context, size));
    }
    cache.last = cache.count++;
    return *new (&cache.series[cache.last]) Series{code, 0, {}, 0, 0, nullptr};
}

// --------------------------------------------------------------------------------------------------------- reading

bool is_bank_id_code(const Code &code) { return !is_iso_code(code.text); }

// Statements are prepared once in a session and schema: by ISO code and by ID, one day and the whole series.
struct Plans {
    Oid schema = InvalidOid;
    SPIPlanPtr day[2] = {};
    SPIPlanPtr all[2] = {};
};

SPIPlanPtr prepare_kept(const Store &store, const char *sql, int count, Oid *types)
{
    SPIPlanPtr plan = store.prepare(sql, count, types);
    SPI_keepplan(plan);
    return plan;
}

// SPI must be connected.
const Plans &plans_for(Oid schema)
{
    static Plans plans;
    if (plans.schema == schema)
        return plans;
    for (SPIPlanPtr *plan : {&plans.day[0], &plans.day[1], &plans.all[0], &plans.all[1]})
        if (*plan) {
            SPI_freeplan(*plan);
            *plan = nullptr;
        }
    plans.schema = InvalidOid;
    const Store store(schema);
    Oid types[] = {TEXTOID, TIMESTAMPOID};
    const char *const by[] = {"char_code", "cbr_id"};
    for (int i = 0; i < 2; ++i) {
        plans.day[i] = prepare_kept(store,
                                    psprintf("SELECT t.value, t.nominal FROM {t_currency} t WHERE t.%s "
                                             "OPERATOR(pg_catalog.=) $1 AND t.date OPERATOR(pg_catalog.=) $2 ORDER BY t.cbr_id IS NULL, t.id DESC LIMIT 1",
                                             by[i]),
                                    2, types);
        plans.all[i] = prepare_kept(store,
                                    psprintf("SELECT t.date, t.value, t.nominal FROM {t_currency} t WHERE t.%s "
                                             "OPERATOR(pg_catalog.=) $1 AND t.date OPERATOR(pg_catalog.>=) '1900-01-01' "
                                             "AND t.date OPERATOR(pg_catalog.<) '2200-01-01' ORDER BY t.date, t.cbr_id IS NOT NULL, t.id",
                                             by[i]),
                                    1, types);
    }
    plans.schema = schema;
    return plans;
}

Datum column(uint64 row, int number)
{
    bool is_null;
    return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, &is_null);
}

void run(SPIPlanPtr plan, Datum *values)
{
    const int code = SPI_execute_plan(plan, values, nullptr, true, 0);
    if (code != SPI_OK_SELECT)
        elog(ERROR, "cbr: %s", SPI_result_code_string(code));
}

Numeric kept_numeric(Datum datum, MemoryContext context)
{
    MemoryContext caller = MemoryContextSwitchTo(context);
    Numeric copy = DatumGetNumericCopy(datum);
    MemoryContextSwitchTo(caller);
    return copy;
}

const RoublePrice *read_day(Oid schema, Series &series, DateADT day)
{
    MemoryContext caller = CurrentMemoryContext;
    SPI_connect();
    Datum values[] = {CStringGetTextDatum(series.code.text),
                      TimestampGetDatum(static_cast<Timestamp>(day) * USECS_PER_DAY)};
    run(plans_for(schema).day[is_bank_id_code(series.code)], values);
    const bool found = SPI_processed > 0;
    if (found)
        series.found = {kept_numeric(column(0, 1), caller), DatumGetInt32(column(0, 2))};
    SPI_finish();
    return found ? &series.found : nullptr;
}

// Later rows of a day overwrite earlier ones: the order of the statement decides.
void read_all(Oid schema, Series &series, MemoryContext context)
{
    SPI_connect();
    Datum values[] = {CStringGetTextDatum(series.code.text)};
    run(plans_for(schema).all[is_bank_id_code(series.code)], values);
    const uint64 rows = SPI_processed;
    const auto day_of = [](uint64 row) {
        return static_cast<DateADT>(DatumGetTimestamp(column(row, 1)) / USECS_PER_DAY);
    };
    if (rows > 0) {
        series.first_day = day_of(0);
        series.days = day_of(rows - 1) - series.first_day + 1;
    }
    auto *prices = static_cast<RoublePrice *>(MemoryContextAllocExtended(
        context, sizeof(RoublePrice) * static_cast<Size>(Max(series.days, 1)), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO));
    MemoryContext caller = MemoryContextSwitchTo(context);
    for (uint64 row = 0; row < rows; ++row) {
        if (DatumGetTimestamp(column(row, 1)) % USECS_PER_DAY == 0)
            prices[day_of(row) - series.first_day] = {DatumGetNumericCopy(column(row, 2)), DatumGetInt32(column(row, 3))};
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(caller);
    SPI_finish();
    series.prices = prices;
}

Code code_of(const text *given)
{
    Code code{};
    const char *characters = VARDATA_ANY(given);
    const Size length = VARSIZE_ANY_EXHDR(given);
    bool well_formed = length >= 3 && length < Code::max_length;
    for (Size i = 0; well_formed && i < length; ++i)
        code.text[i] = static_cast<char>(pg_ascii_toupper(static_cast<unsigned char>(characters[i])));
    if (!well_formed || !(is_iso_code(code.text) || is_bank_id(code.text)))
        ereport(ERROR,
                (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                 errmsg("malformed currency code: \"%s\"", text_to_cstring(given)),
                 errhint("A currency is an ISO code like USD or an ID of the Bank of Russia like R01235.")));
    return code;
}

} // namespace

const RoublePrice *look_up_rouble()
{
    static RoublePrice one{};
    if (!one.value) {
        MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
        one.value = DatumGetNumeric(DirectFunctionCall1(int4_numeric, Int32GetDatum(1)));
        one.nominal = 1;
        MemoryContextSwitchTo(caller);
    }
    return &one;
}

const RoublePrice *look_up(FunctionCallInfo fcinfo, const text *given, DateADT day)
{
    const Code code = code_of(given);
    if (std::strcmp(code.text, "RUB") == 0 || std::strcmp(code.text, "RUR") == 0)
        return look_up_rouble();
    Cache &cache = cache_of(fcinfo);
    Series &series = series_of(cache, code);
    if (day < DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE || day >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
        return nullptr; // no timestamp, infinite days included
    if (day < first_kept_day || day > last_kept_day)
        return read_day(get_func_namespace(fcinfo->flinfo->fn_oid), series, day);
    if (!series.prices) {
        const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
        if (series.lookups < lookups_by_index) {
            ++series.lookups;
            return read_day(schema, series, day);
        }
        read_all(schema, series, cache.context);
    }
    const int64 index = static_cast<int64>(day) - series.first_day;
    if (index < 0 || index >= series.days || !series.prices[index].value)
        return nullptr;
    return &series.prices[index];
}

} // namespace cbr::pg
