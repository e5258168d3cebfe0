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
    return {snapshot->xmin,
            snapshot->xmax,
            snapshot->xcnt,
            snapshot->subxcnt,
            snapshot->curcid,
            own_local_transaction_id(),
            GetCurrentSubTransactionId()};
}

// ------------------------------------------------------------------------------------------------------ what is kept

struct Code {
    static constexpr std::size_t max_length = 16;
    char text[max_length]; // upper case, padded with zeros

    bool operator==(const Code &other) const { return std::memcmp(text, other.text, max_length) == 0; }
};

// The price of a day, small enough for four to share a cache line: a query that visits days at random waits for memory
// more than for arithmetic. A numeric is kept without its header, or by a pointer where it is longer than any rate is.
struct KeptPrice {
    static constexpr unsigned char by_pointer = 255;
    std::int32_t nominal;
    unsigned char size; // bytes of `numeric`; 0: no row
    char numeric[RoublePrice::longest_short_numeric];

    void keep(Numeric value, std::int32_t units);
    void give(RoublePrice &price) const;
};
static_assert(sizeof(KeptPrice) == 16);

void KeptPrice::keep(Numeric value, std::int32_t units)
{
    nominal = units;
    const Size length = VARSIZE_ANY_EXHDR(value);
    if (length <= sizeof(numeric)) {
        size = static_cast<unsigned char>(length);
        std::memcpy(numeric, VARDATA_ANY(value), length);
    } else {
        size = by_pointer;
        Numeric copy = DatumGetNumericCopy(NumericGetDatum(value));
        std::memcpy(numeric, &copy, sizeof(void *)); // the pointer itself
    }
}

void KeptPrice::give(RoublePrice &price) const
{
    price.nominal = nominal;
    if (size == by_pointer) {
        std::memcpy(&price.value, numeric, sizeof(void *));
        return;
    }
    SET_VARSIZE(price.room, VARHDRSZ + size);
    std::memcpy(price.room + VARHDRSZ, numeric, sizeof(numeric));
    price.value = reinterpret_cast<Numeric>(price.room);
}

struct Series {
    Code code;
    int lookups = 0;
    DateADT first_day = 0;
    int32 days = 0;              // of `prices`
    KeptPrice *prices = nullptr; // by day from first_day on; null: not read
};

// A code as callers spell it, and the number of its series. Short ones alone, which all ISO codes and the Bank's IDs
// are.
struct Spelling {
    uint64 text; // padded with zeros; 0: none
    int currency;
};

// Kept in fn_extra of the calling function.
struct Cache {
    static constexpr int spelling_bits = 8;
    MemoryContext context;
    SnapshotIdentity snapshot;
    Series *series;
    int count;
    int capacity;
    Spelling spellings[1 << spelling_bits]; // by a hash of the text; the newest where two meet
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
        cache->count = cache->capacity = 0;
        std::memset(cache->spellings, 0, sizeof(cache->spellings));
    }
    cache->snapshot = now;
    return *cache;
}

// The number of the code's series, which is begun where there is none.
int series_of(Cache &cache, const Code &code)
{
    for (int i = 0; i < cache.count; ++i)
        if (cache.series[i].code == code)
            return i;
    if (cache.count == cache.capacity) {
        cache.capacity = cache.capacity ? cache.capacity * 2 : 8;
        const Size size = sizeof(Series) * static_cast<Size>(cache.capacity);
        cache.series = static_cast<Series *>(cache.series ? repalloc(cache.series, size)
                                                          : MemoryContextAlloc(cache.context, size));
    }
    new (&cache.series[cache.count]) Series{code, 0, 0, 0, nullptr};
    return cache.count++;
}

// --------------------------------------------------------------------------------------------------------- reading

bool is_bank_id_code(const Code &code) { return !is_iso_code(code.text); }

// Statements are prepared once in a session and schema: by ISO code and by ID, one day and the whole series.
struct Plans {
    Oid schema = InvalidOid;
    SPIPlanPtr day[2] = {};
    SPIPlanPtr all[2] = {};
};

constexpr const char *day_sql = "SELECT t.value, t.nominal FROM {t_currency} t"
                                " WHERE t.%s OPERATOR(pg_catalog.=) $1 AND t.date OPERATOR(pg_catalog.=) $2"
                                " ORDER BY t.cbr_id IS NULL, t.id DESC LIMIT 1";

// In no order, since that would be a sort in each query that converts; rank tells which of a day's rows counts.
constexpr const char *all_sql =
    "SELECT t.date, t.value, t.nominal, t.cbr_id IS NOT NULL AS from_bank, t.id FROM {t_currency} t"
    " WHERE t.%s OPERATOR(pg_catalog.=) $1"
    " AND t.date OPERATOR(pg_catalog.>=) '1900-01-01' AND t.date OPERATOR(pg_catalog.<) '2200-01-01'";

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
        plans.day[i] = store.prepare_for_good(psprintf(day_sql, by[i]), 2, types);
        plans.all[i] = store.prepare_for_good(psprintf(all_sql, by[i]), 1, types);
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

bool read_day(Oid schema, const Code &code, DateADT day, RoublePrice &price)
{
    MemoryContext caller = CurrentMemoryContext;
    SPI_connect();
    Datum values[] = {CStringGetTextDatum(code.text), TimestampGetDatum(static_cast<Timestamp>(day) * USECS_PER_DAY)};
    run(plans_for(schema).day[is_bank_id_code(code)], values);
    const bool found = SPI_processed > 0;
    if (found) {
        const Datum value = column(0, 1);
        price.nominal = DatumGetInt32(column(0, 2));
        MemoryContext spi = MemoryContextSwitchTo(caller);
        price.value = DatumGetNumericCopy(value);
        MemoryContextSwitchTo(spi);
    }
    SPI_finish();
    return found;
}

Timestamp date_of(uint64 row) { return DatumGetTimestamp(column(row, 1)); }

DateADT day_of(uint64 row)
{
    return static_cast<DateADT>(date_of(row) / USECS_PER_DAY - (date_of(row) % USECS_PER_DAY < 0));
}

// Of two rows of one day the Bank's own counts, then the younger.
bool counts_before(uint64 row, uint64 other)
{
    const bool from_bank = DatumGetBool(column(row, 4));
    if (from_bank != DatumGetBool(column(other, 4)))
        return from_bank;
    return DatumGetInt64(column(row, 5)) > DatumGetInt64(column(other, 5));
}

void keep_rows(Series &series, uint64 rows, MemoryContext context)
{
    DateADT last_day = first_kept_day;
    series.first_day = last_kept_day;
    for (uint64 row = 0; row < rows; ++row) {
        const DateADT day = day_of(row);
        series.first_day = Min(series.first_day, day);
        last_day = Max(last_day, day);
    }
    series.days = rows > 0 ? last_day - series.first_day + 1 : 0;
    const Size days = static_cast<Size>(Max(series.days, 1));
    auto *rows_kept = static_cast<uint64 *>(palloc(sizeof(uint64) * days));
    MemoryContext caller = MemoryContextSwitchTo(context);
    auto *prices = static_cast<KeptPrice *>(palloc0(sizeof(KeptPrice) * days));
    for (uint64 row = 0; row < rows; ++row) {
        const DateADT i = day_of(row) - series.first_day;
        if (date_of(row) % USECS_PER_DAY == 0 && (prices[i].size == 0 || counts_before(row, rows_kept[i]))) {
            prices[i].keep(DatumGetNumeric(column(row, 2)), DatumGetInt32(column(row, 3)));
            rows_kept[i] = row;
        }
        CHECK_FOR_INTERRUPTS();
    }
    MemoryContextSwitchTo(caller);
    series.prices = prices;
}

void read_all(Oid schema, Series &series, MemoryContext context)
{
    SPI_connect();
    Datum values[] = {CStringGetTextDatum(series.code.text)};
    run(plans_for(schema).all[is_bank_id_code(series.code)], values);
    keep_rows(series, SPI_processed, context);
    SPI_finish();
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
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("malformed currency code: \"%s\"", text_to_cstring(given)),
                        errhint("A currency is an ISO code like USD or an ID of the Bank of Russia like R01235.")));
    return code;
}

bool is_rouble(const Code &code) { return std::strcmp(code.text, "RUB") == 0 || std::strcmp(code.text, "RUR") == 0; }

// The number of the series that the code means. A row costs a comparison of eight bytes where its spelling was met
// before.
int currency_of(Cache &cache, const text *given)
{
    uint64 text = 0;
    const Size length = VARSIZE_ANY_EXHDR(given);
    if (length > sizeof(text))
        return series_of(cache, code_of(given));
    std::memcpy(&text, VARDATA_ANY(given), length);
    constexpr uint64 golden_ratio = UINT64CONST(0x9E3779B97F4A7C15);
    Spelling &spelling = cache.spellings[text * golden_ratio >> (64 - Cache::spelling_bits)];
    if (text == 0 || spelling.text != text) {
        const Code code = code_of(given);
        spelling = {text, is_rouble(code) ? RoublePrice::rouble : series_of(cache, code)};
    }
    return spelling.currency;
}

} // namespace

Numeric numeric_of(std::int32_t number)
{
    static Numeric powers_of_ten[10];
    std::size_t zeros = 0;
    std::int32_t rest = number;
    for (; rest >= 10 && rest % 10 == 0; rest /= 10)
        ++zeros;
    if (rest != 1)
        return DatumGetNumeric(DirectFunctionCall1(int4_numeric, Int32GetDatum(number)));
    if (!powers_of_ten[zeros]) {
        MemoryContext caller = MemoryContextSwitchTo(TopMemoryContext);
        powers_of_ten[zeros] = DatumGetNumeric(DirectFunctionCall1(int4_numeric, Int32GetDatum(number)));
        MemoryContextSwitchTo(caller);
    }
    return powers_of_ten[zeros];
}

bool look_up(FunctionCallInfo fcinfo, const text *given, DateADT day, RoublePrice &price)
{
    Cache &cache = cache_of(fcinfo);
    price.currency = currency_of(cache, given);
    if (price.currency == RoublePrice::rouble) {
        price.value = numeric_of(1);
        price.nominal = 1;
        return true;
    }
    if (day < DATETIME_MIN_JULIAN - POSTGRES_EPOCH_JDATE || day >= TIMESTAMP_END_JULIAN - POSTGRES_EPOCH_JDATE)
        return false; // no timestamp, infinite days included
    // NOLINTNEXTLINE(clang-analyzer-core.NullDereference): series_of() has made the array
    Series &series = cache.series[price.currency];
    if (!series.prices || day < first_kept_day || day > last_kept_day) {
        const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);
        if (day < first_kept_day || day > last_kept_day || series.lookups++ < lookups_by_index)
            return read_day(schema, series.code, day, price);
        read_all(schema, series, cache.context);
    }
    const int64 index = static_cast<int64>(day) - series.first_day;
    if (index < 0 || index >= series.days || series.prices[index].size == 0)
        return false;
    series.prices[index].give(price);
    return true;
}

} // namespace cbr::pg
