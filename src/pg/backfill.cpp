// CALL cbr_backfill(): the rates of a range of days, one request a currency. It commits after each currency, so what
// was loaded stays, and a second call asks for the rest. While one currency is stored the next answers are on their way.
#include <algorithm>
#include <ctime>
#include <memory>

#include "pg/arguments.h"
#include "pg/guard.h"
#include "pg/network.h"
#include "pg/rows.h"
#include "pg/settings.h"
#include "pg/store.h"

namespace cbr::pg {
namespace {

constexpr int days_in_a_batch = 1000;

// One currency and the days that are to be loaded of it: from the first that is missing to the last.
struct Task {
    Currency currency;
    DateRange missing;
    DateRange asked;
};

// The state of a call. A memory context owns it that outlives the commits.
struct Backfill {
    CurrencyArgument currencies; // as the caller named them
    DateRange range;
    Date today;
    bool atomic = true; // inside a transaction block: nothing is committed here

    std::vector<Currency> selected;
    std::vector<Task> tasks;
    bool calendar_is_first_task = false;
    std::vector<Date> publications;

    std::unique_ptr<HttpQueue> queue;
    std::size_t queued = 0; // tasks whose requests were added to the queue

    std::size_t current = 0; // the task under way
    std::optional<HttpAnswer> answer;
    std::vector<SeriesRecord> records;
    std::vector<Validity> validity;

    std::int64_t days_done = 0;
    TimestampTz started = 0;
};

Date plus_days(Date date, int days) { return Date(date.days_since_1970() + days); }

// ------------------------------------------------------------------------------------------ one backfill at a time

LOCKTAG backfill_lock(Oid schema)
{
    LOCKTAG tag;
    SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, static_cast<uint32>(get_relname_relid("t_currency", schema)), 0, 2);
    return tag;
}

// Until the end of the transaction, or of the session where the call commits on its way.
void take_lock(const LOCKTAG &tag, bool for_session)
{
    if (LockAcquire(&tag, ExclusiveLock, for_session, true) == LOCKACQUIRE_NOT_AVAIL)
        ereport(ERROR, (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("another cbr_backfill is running in this database"),
                        errdetail("It would ask the Bank for the same rates again."),
                        errhint("Wait for it to end; pg_stat_activity shows it.")));
}

// ----------------------------------------------------------------------------------------------- what is missing

// The first and the last day of $2 to $3 on which currency $1 has no row, and which no complete earlier backfill has
// covered: a currency that was not quoted on a day has no row, and that is not to be asked for again.
constexpr const char *missing_sql =
    "WITH covered AS MATERIALIZED ("
    "   SELECT l.requested_date, l.last_date FROM {cbr_fetch_log} l"
    "    WHERE l.cbr_id = $1 AND l.last_date >= $2 AND l.requested_date <= $3"
    "      AND l.rates <= (SELECT pg_catalog.count(*) FROM {t_currency} c"
    "                       WHERE c.cbr_id = $1 AND c.date >= l.requested_date AND c.date <= l.last_date))"
    " SELECT pg_catalog.min(d.day)::pg_catalog.date, pg_catalog.max(d.day)::pg_catalog.date"
    "   FROM pg_catalog.generate_series($2::pg_catalog.timestamp, $3::pg_catalog.timestamp, '1 day') AS d(day)"
    "  WHERE NOT EXISTS (SELECT FROM covered WHERE d.day >= requested_date AND d.day <= last_date)"
    "    AND NOT EXISTS (SELECT FROM {t_currency} c WHERE c.cbr_id = $1 AND c.date = d.day)";

Date to_date(Datum datum) { return from_date_adt(DatumGetDateADT(datum)); }

void plan_tasks(const Store &store, Backfill &backfill)
{
    Oid types[] = {TEXTOID, DATEOID, DATEOID};
    SPIPlanPtr plan = store.prepare(missing_sql, lengthof(types), types);
    for (const Currency &currency : backfill.selected) {
        Datum values[] = {CStringGetTextDatum(currency.cbr_id.c_str()), date_datum(backfill.range.first),
                          date_datum(backfill.range.last)};
        execute(plan, values, nullptr, SPI_OK_SELECT);
        bool is_null;
        const Datum first = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
        if (!is_null) {
            const DateRange missing{to_date(first), to_date(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc,
                                                                         2, &is_null))};
            run_core([&] { backfill.tasks.push_back({currency, missing, range_to_ask(missing, backfill.today)}); });
        }
        SPI_freetuptable(SPI_tuptable);
    }
}

// ------------------------------------------------------------------------------------------------------ the network

// All publications that any task needs: the days on which the US dollar has a record. If the dollar is to be loaded
// itself, it comes first, and its answer serves for both.
void order_calendar(Backfill &backfill)
{
    std::vector<Task> &tasks = backfill.tasks;
    DateRange asked = tasks[0].asked;
    for (const Task &task : tasks)
        asked = {std::min(asked.first, task.asked.first), std::max(asked.last, task.asked.last)};
    const auto dollar = std::find_if(tasks.begin(), tasks.end(),
                                     [](const Task &task) { return task.currency.cbr_id == calendar_currency; });
    backfill.calendar_is_first_task = dollar != tasks.end();
    if (backfill.calendar_is_first_task) {
        std::rotate(tasks.begin(), dollar, dollar + 1);
        tasks[0].asked = asked;
    }
    const Service service = bank();
    backfill.queue = std::make_unique<HttpQueue>(service.session, service.options, max_connections());
    if (!backfill.calendar_is_first_task)
        backfill.queue->add(dynamic_request(service.base_url, calendar_currency, asked));
    backfill.publications.clear();
    if (!backfill.calendar_is_first_task) {
        const HttpAnswer answer = backfill.queue->next(should_stop);
        for (const SeriesRecord &record : read_dynamic_answer(answer, calendar_currency, asked))
            backfill.publications.push_back(record.effective_date);
    }
}

// Keeps as many requests under way as there may be connections, beside that of task `next`.
void fill_queue(Backfill &backfill, std::size_t next)
{
    const std::size_t ahead = static_cast<std::size_t>(max_connections()) + 1;
    while (backfill.queued < std::min(backfill.tasks.size(), next + ahead)) {
        const Task &task = backfill.tasks[backfill.queued++];
        backfill.queue->add(dynamic_request(base_url(), task.currency.cbr_id, task.asked));
    }
}

// The current task's answer, read, and spread over the days on which its records are in force.
void receive(Backfill &backfill)
{
    const Task &task = backfill.tasks[backfill.current];
    fill_queue(backfill, backfill.current);
    backfill.answer = backfill.queue->next(should_stop);
    backfill.records = read_dynamic_answer(*backfill.answer, task.currency.cbr_id, task.asked);
    if (backfill.current == 0 && backfill.calendar_is_first_task)
        for (const SeriesRecord &record : backfill.records)
            backfill.publications.push_back(record.effective_date);
    backfill.validity = days_in_force(backfill.records, backfill.publications, task.missing, backfill.today);
    fill_queue(backfill, backfill.current + 1); // before this answer is stored
}

// ---------------------------------------------------------------------------------------------------------- storing

void store_days(Store &store, const Backfill &backfill, Stored &stored)
{
    const Task &task = backfill.tasks[backfill.current];
    auto *batch = static_cast<DatedRate *>(palloc(sizeof(DatedRate) * days_in_a_batch));
    int count = 0;
    for (const Validity &valid : backfill.validity) {
        const SeriesRecord &record = backfill.records[valid.record];
        for (Date day = valid.first; day <= valid.last; day = plus_days(day, 1)) {
            batch[count++] = {&task.currency, day, record.effective_date, record.nominal, &record.value};
            if (count == days_in_a_batch) {
                store.put(batch, count, stored);
                count = 0;
            }
        }
    }
    if (count > 0)
        store.put(batch, count, stored);
    pfree(batch);
}

// Until which day it is now known what was in force.
Date known_until(const Backfill &backfill)
{
    const Date last = backfill.validity.empty() ? backfill.today : backfill.validity.back().last;
    return std::min(backfill.tasks[backfill.current].missing.last, std::max(backfill.today, last));
}

void describe_origin(const Backfill &backfill, Origin &origin)
{
    const Task &task = backfill.tasks[backfill.current];
    origin.url = backfill.answer->url;
    origin.cbr_id = task.currency.cbr_id;
    origin.requested_date = task.missing.first;
    origin.last_date = known_until(backfill);
    if (!backfill.validity.empty())
        origin.effective_date = backfill.records[backfill.validity.back().record].effective_date;
    origin.http_status = static_cast<int>(backfill.answer->status);
    origin.duration_ms = static_cast<int>(backfill.answer->duration.count());
    origin.bytes = static_cast<std::int64_t>(backfill.answer->body.size());
}

void tell_progress(Backfill &backfill, const Stored &stored)
{
    backfill.days_done += stored.rates;
    const double seconds = std::max<int64>(1, GetCurrentTimestamp() - backfill.started) / 1e6;
    const Currency &currency = backfill.tasks[backfill.current].currency;
    ereport(INFO, (errmsg("%s (%s): %d days from %zu publications, %d new, %d changed; currency %zu of %zu, %.0f days/s",
                          currency.char_code.empty() ? "unnamed" : currency.char_code.c_str(), currency.cbr_id.c_str(),
                          stored.rates, backfill.validity.size(), stored.inserted, stored.changed, backfill.current + 1,
                          backfill.tasks.size(), static_cast<double>(backfill.days_done) / seconds)));
}

void tell_where(void *backfill_pointer)
{
    const Backfill &backfill = *static_cast<const Backfill *>(backfill_pointer);
    if (backfill.current < backfill.tasks.size()) {
        const Currency &currency = backfill.tasks[backfill.current].currency;
        errcontext("cbr_backfill at %s (%s), currency %zu of %zu; %s",
                   currency.char_code.empty() ? "unnamed" : currency.char_code.c_str(),
                   currency.cbr_id.c_str(), backfill.current + 1, backfill.tasks.size(),
                   backfill.atomic ? "nothing is kept" : "the ones before it are stored");
    }
}

void run_tasks(Store &store, Backfill &backfill)
{
    ErrorContextCallback where;
    where.callback = tell_where;
    where.arg = &backfill;
    where.previous = error_context_stack;
    error_context_stack = &where;
    run_network([&] { order_calendar(backfill); });
    for (backfill.current = 0; backfill.current < backfill.tasks.size(); ++backfill.current) {
        run_network([&] { receive(backfill); });
        Stored stored;
        store_days(store, backfill, stored);
        auto *origin = make_owned<Origin>();
        run_core([&] { describe_origin(backfill, *origin); });
        store.log(*origin, stored);
        tell_progress(backfill, stored);
        if (!backfill.atomic) {
            SPI_commit();
            SPI_start_transaction();
        }
    }
    error_context_stack = where.previous;
}

void run_backfill(Backfill &backfill, Oid schema)
{
    run_network([&] {
        ensure_range(backfill.range);
        const CurrencySelection selection = selection_of(backfill.currencies);
        const Service service = bank();
        CurrencyDirectory directory(fetch_daily(service, std::nullopt).publication);
        if (directory.lacks_any(selection))
            directory.add(fetch_catalogue(service));
        backfill.selected = directory.select(selection);
    });
    backfill.started = GetCurrentTimestamp();
    SPI_connect_ext(backfill.atomic ? 0 : SPI_OPT_NONATOMIC);
    Store store(schema);
    plan_tasks(store, backfill);
    if (backfill.tasks.empty())
        ereport(INFO, (errmsg("nothing is missing; currencies: %zu", backfill.selected.size())));
    else
        run_tasks(store, backfill);
    SPI_finish();
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(cbr_backfill);
Datum cbr_backfill(PG_FUNCTION_ARGS)
{
    const std::optional<Date> from = date_argument(fcinfo, 0);
    const std::optional<Date> to = date_argument(fcinfo, 1);
    if (!from)
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("from_date must not be NULL")));
    ensure_may_store("cbr_backfill()");
    const Oid schema = get_func_namespace(fcinfo->flinfo->fn_oid);

    MemoryContext context = AllocSetContextCreate(PortalContext ? PortalContext : CurrentMemoryContext, "cbr backfill",
                                                  ALLOCSET_DEFAULT_SIZES);
    MemoryContext caller = MemoryContextSwitchTo(context);
    auto &backfill = *make_owned<Backfill>(context);
    backfill.currencies = currencies_argument(fcinfo, 2);
    backfill.today = today_in_moscow(std::time(nullptr));
    backfill.range = {*from, to.value_or(backfill.today)};
    backfill.atomic = !fcinfo->context || !IsA(fcinfo->context, CallContext) ||
                      reinterpret_cast<CallContext *>(fcinfo->context)->atomic;

    const LOCKTAG lock = backfill_lock(schema); // looked up before anything can have failed
    take_lock(lock, !backfill.atomic);
    PG_TRY();
    {
        run_backfill(backfill, schema);
    }
    PG_CATCH();
    {
        if (!backfill.atomic)
            LockRelease(&lock, ExclusiveLock, true);
        PG_RE_THROW();
    }
    PG_END_TRY();
    if (!backfill.atomic)
        LockRelease(&lock, ExclusiveLock, true);
    MemoryContextSwitchTo(caller);
    MemoryContextDelete(context);
    PG_RETURN_VOID();
}

} // extern "C"

} // namespace cbr::pg
