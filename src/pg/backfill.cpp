// CALL cbr_backfill(): the rates of a range of days, one request a currency. It commits after each currency, so what
// was loaded stays, and a second call asks for the rest. While one currency is stored the next answers are on their
// way.
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

    CurrencySelection selection;
    std::vector<Currency> selected;
    std::vector<Task> tasks;

    std::unique_ptr<HttpQueue> queue;
    std::size_t queued = 0;                    // tasks whose requests were added to the queue
    std::optional<DateRange> calendar;         // of the US dollar, once its request was added
    std::optional<HttpAnswer> calendar_answer; // where it was taken from the queue before its turn
    bool calendar_is_first_task = false;       // the dollar is to be loaded itself: its answer serves for both
    std::vector<Date> publications;

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
    "    WHERE l.cbr_id " EQUALS " $1 AND l.last_date " AT_LEAST " $2 AND l.requested_date " AT_MOST " $3"
    "      AND l.rates " AT_MOST " (SELECT pg_catalog.count(*) FROM {t_currency} c"
    "                     WHERE c.cbr_id " EQUALS " $1 AND c.date " AT_LEAST " l.requested_date"
    "                       AND c.date " AT_MOST " l.last_date))"
    " SELECT pg_catalog.min(d.day)::pg_catalog.date, pg_catalog.max(d.day)::pg_catalog.date"
    "   FROM pg_catalog.generate_series($2::pg_catalog.timestamp, $3::pg_catalog.timestamp, '1 day') AS d(day)"
    "  WHERE NOT EXISTS (SELECT FROM covered WHERE d.day " AT_LEAST " requested_date AND d.day " AT_MOST " last_date)"
    "    AND NOT EXISTS (SELECT FROM {t_currency} c WHERE c.cbr_id " EQUALS " $1 AND c.date " EQUALS " d.day)";

Date to_date(Datum datum) { return from_date_adt(DatumGetDateADT(datum)); }

// What stores locks t_currency before cbr_fetch_log; so must what reads both, or an owner's TRUNCATE of the two meets a
// deadlock.
void lock_rates_first(Oid schema)
{
    const Oid rates = get_relname_relid("t_currency", schema);
    if (OidIsValid(rates)) // else it was dropped meanwhile, which the next statement tells
        LockRelationOid(rates, AccessShareLock);
}

class MissingDays {
public:
    explicit MissingDays(const Store &store) : plan_(store.prepare(missing_sql, lengthof(types_), types_)) {}

    std::optional<DateRange> of(const char *cbr_id, DateRange range) const
    {
        Datum values[] = {CStringGetTextDatum(cbr_id), date_datum(range.first), date_datum(range.last)};
        execute(plan_, values, nullptr, SPI_OK_SELECT);
        HeapTuple row = SPI_tuptable->vals[0];
        bool is_null;
        const Datum first = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &is_null);
        std::optional<DateRange> missing;
        if (!is_null)
            missing = {to_date(first), to_date(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &is_null))};
        SPI_freetuptable(SPI_tuptable);
        return missing;
    }

private:
    static inline Oid types_[] = {TEXTOID, DATEOID, DATEOID};
    SPIPlanPtr plan_;
};

void plan_tasks(const MissingDays &missing_days, Backfill &backfill)
{
    for (const Currency &currency : backfill.selected)
        if (const std::optional<DateRange> missing = missing_days.of(currency.cbr_id.c_str(), backfill.range))
            run_core([&] { backfill.tasks.push_back({currency, *missing, range_to_ask(*missing, backfill.today)}); });
}

// ------------------------------------------------------------------------------------------------------ the network

bool names_dollar(const CurrencySelection &selection)
{
    const auto named = [&](const char *code) {
        return std::find(selection.codes.begin(), selection.codes.end(), code) != selection.codes.end();
    };
    return selection.all || named("USD") || named(calendar_currency);
}

void ask_calendar(Backfill &backfill, DateRange range)
{
    backfill.queue->add(dynamic_request(base_url(), calendar_currency, range));
    backfill.calendar = range;
}

// What the codes mean: told by the newest publication, and where that does not do by the catalogue. Where it is certain
// already that each of the dollar's days is to be loaded, its request goes out beside those.
void find_currencies(Backfill &backfill, bool dollar_is_missing)
{
    const Service service = bank();
    backfill.queue = std::make_unique<HttpQueue>(service.session, service.options, max_connections());
    HttpQueue &queue = *backfill.queue;
    const std::vector<HttpRequest> catalogues = catalogue_requests(service.base_url);
    queue.add(daily_request(service.base_url, std::nullopt));
    if (backfill.selection.all)
        for (const HttpRequest &request : catalogues)
            queue.add(request);
    if (dollar_is_missing)
        ask_calendar(backfill, range_to_ask(backfill.range, backfill.today));

    CurrencyDirectory directory(read_daily_answer(queue.next(should_stop), std::nullopt).publication);
    if (directory.lacks_any(backfill.selection)) {
        if (!backfill.selection.all) {
            if (backfill.calendar)
                backfill.calendar_answer = queue.next(should_stop);
            for (const HttpRequest &request : catalogues)
                queue.add(request);
        }
        for (std::size_t i = 0; i < catalogues.size(); ++i)
            directory.add(read_catalogue_answer(queue.next(should_stop)));
    }
    backfill.selected = directory.select(backfill.selection);
}

HttpAnswer take_calendar(Backfill &backfill)
{
    if (!backfill.calendar_answer)
        return backfill.queue->next(should_stop);
    return *std::exchange(backfill.calendar_answer, std::nullopt);
}

// All publications that any task needs: the days on which the US dollar has a record. If the dollar is to be loaded
// itself, it comes first, and its answer serves for both.
void order_calendar(Backfill &backfill)
{
    std::vector<Task> &tasks = backfill.tasks;
    if (!backfill.calendar) {
        DateRange asked = tasks[0].asked;
        for (const Task &task : tasks)
            asked = {std::min(asked.first, task.asked.first), std::max(asked.last, task.asked.last)};
        ask_calendar(backfill, asked);
    }
    const auto dollar = std::find_if(tasks.begin(), tasks.end(),
                                     [](const Task &task) { return task.currency.cbr_id == calendar_currency; });
    backfill.calendar_is_first_task = dollar != tasks.end();
    if (backfill.calendar_is_first_task) {
        std::rotate(tasks.begin(), dollar, dollar + 1);
        tasks[0].asked = *backfill.calendar;
        backfill.queued = 1;
        return;
    }
    const HttpAnswer answer = take_calendar(backfill);
    for (const SeriesRecord &record : read_dynamic_answer(answer, calendar_currency, *backfill.calendar))
        backfill.publications.push_back(record.effective_date);
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
    const bool is_calendar = backfill.current == 0 && backfill.calendar_is_first_task;
    fill_queue(backfill, backfill.current);
    backfill.answer = is_calendar ? take_calendar(backfill) : backfill.queue->next(should_stop);
    fill_queue(backfill, backfill.current + 1);
    backfill.queue->progress();
    backfill.records = read_dynamic_answer(*backfill.answer, task.currency.cbr_id, task.asked);
    if (is_calendar)
        for (const SeriesRecord &record : backfill.records)
            backfill.publications.push_back(record.effective_date);
    backfill.validity = days_in_force(backfill.records, backfill.publications, task.missing, backfill.today);
}

// ---------------------------------------------------------------------------------------------------------- storing

void put_batch(Store &store, Backfill &backfill, const DatedRate *batch, int count, Stored &stored)
{
    store.put(batch, count, stored);
    run_core([&] { backfill.queue->progress(); });
}

void store_days(Store &store, Backfill &backfill, Stored &stored)
{
    const Task &task = backfill.tasks[backfill.current];
    auto *batch = static_cast<DatedRate *>(palloc(sizeof(DatedRate) * days_in_a_batch));
    int count = 0;
    for (const Validity &valid : backfill.validity) {
        const SeriesRecord &record = backfill.records[valid.record];
        for (Date day = valid.first; day <= valid.last; day = plus_days(day, 1)) {
            batch[count++] = {&task.currency, day, record.effective_date, record.nominal, &record.value};
            if (count == days_in_a_batch) {
                put_batch(store, backfill, batch, count, stored);
                count = 0;
            }
        }
    }
    if (count > 0)
        put_batch(store, backfill, batch, count, stored);
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
    const double seconds = static_cast<double>(std::max<int64>(1, GetCurrentTimestamp() - backfill.started)) / 1e6;
    const Currency &currency = backfill.tasks[backfill.current].currency;
    ereport(INFO,
            (errmsg("%s (%s): %d days from %zu publications, %d new, %d changed; currency %zu of %zu, %.0f days/s",
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
                   currency.char_code.empty() ? "unnamed" : currency.char_code.c_str(), currency.cbr_id.c_str(),
                   backfill.current + 1, backfill.tasks.size(),
                   backfill.atomic ? "nothing is kept" : "the ones before it are stored");
    }
}

// Ends the transaction, whose locks nobody shall wait for while the network is waited for.
void commit_if_allowed(const Backfill &backfill)
{
    if (backfill.atomic)
        return;
    SPI_commit();
    SPI_start_transaction();
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
        commit_if_allowed(backfill);
    }
    error_context_stack = where.previous;
}

void run_backfill(Backfill &backfill, Oid schema)
{
    run_core([&] {
        ensure_range(backfill.range);
        backfill.selection = selection_of(backfill.currencies);
    });
    SPI_connect_ext(backfill.atomic ? 0 : SPI_OPT_NONATOMIC);
    Store store(schema);
    lock_rates_first(schema);
    const MissingDays missing_days(store);
    const std::optional<DateRange> dollar =
        names_dollar(backfill.selection) ? missing_days.of(calendar_currency, backfill.range) : std::nullopt;
    commit_if_allowed(backfill);
    run_network([&] { find_currencies(backfill, dollar == backfill.range); });
    backfill.started = GetCurrentTimestamp();
    lock_rates_first(schema);
    plan_tasks(missing_days, backfill);
    commit_if_allowed(backfill);
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
