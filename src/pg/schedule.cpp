// cbr_schedule() and cbr_unschedule(): a pg_cron job that runs cbr_fetch() in this database.
//
// pg_cron keeps its jobs in one database of the cluster, cron.database_name. Where that is another one, a background
// worker goes there for a moment, as the calling role.
#include "pg/postgres_headers.h"

extern "C" {
#include "postmaster/bgworker.h"
#include "storage/dsm.h"
}

namespace cbr::pg {
namespace {

constexpr Size max_text = 1024;

// What is to be done in pg_cron's database, and what came of it. It travels in shared memory.
struct CronTask {
    enum class Kind { schedule, unschedule } kind;
    char cron_database[NAMEDATALEN];
    char role[NAMEDATALEN];
    char database[NAMEDATALEN]; // where the job is to run
    char job_name[max_text];
    char schedule[max_text];
    char command[max_text];

    enum class Outcome { none, done, failed } outcome;
    int64 job_id; // of the job; 0 where there was none to unschedule
    int sqlstate;
    char message[max_text];
    char detail[max_text];
    char hint[max_text];
};

void copy_text(char *to, Size size, const char *from, const char *what)
{
    if (strlen(from) >= size)
        ereport(ERROR, (errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION), errmsg("%s is too long", what)));
    strlcpy(to, from, size);
}

// ---------------------------------------------------------------------------------- in pg_cron's database, over SPI

bool exists(const char *sql)
{
    if (SPI_execute(sql, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "cbr: %s", sql);
    return SPI_processed > 0;
}

void ensure_pg_cron_installed()
{
    if (!exists("SELECT FROM pg_catalog.pg_extension WHERE extname OPERATOR(pg_catalog.=) 'pg_cron'"))
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                        errmsg("pg_cron is not installed in database \"%s\"", get_database_name(MyDatabaseId)),
                        errdetail("That is the database which cron.database_name tells pg_cron to keep its jobs in."),
                        errhint("Run CREATE EXTENSION pg_cron there, as a superuser.")));
}

int64 first_number(const char *sql, int count, Oid *types, Datum *values)
{
    const int code = SPI_execute_with_args(sql, count, types, values, nullptr, false, 1);
    if (code != SPI_OK_SELECT)
        elog(ERROR, "cbr: %s: %s", SPI_result_code_string(code), sql);
    if (SPI_processed == 0)
        return 0;
    bool is_null;
    return DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null));
}

int64 schedule_job(const CronTask &task)
{
    Oid types[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID};
    Datum values[] = {CStringGetTextDatum(task.job_name), CStringGetTextDatum(task.schedule),
                      CStringGetTextDatum(task.command), CStringGetTextDatum(task.database)};
    if (strcmp(task.database, get_database_name(MyDatabaseId)) == 0)
        return first_number("SELECT cron.schedule($1, $2, $3)", 3, types, values);
    if (!exists("SELECT FROM pg_catalog.pg_proc WHERE proname OPERATOR(pg_catalog.=) 'schedule_in_database'"
                " AND pronamespace OPERATOR(pg_catalog.=) 'cron'::pg_catalog.regnamespace::pg_catalog.oid"))
        ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
                        errmsg("this pg_cron cannot run jobs in another database than its own"),
                        errhint("pg_cron 1.4 and newer can; or install cbr in database \"%s\".",
                                get_database_name(MyDatabaseId))));
    return first_number("SELECT cron.schedule_in_database($1, $2, $3, $4)", 4, types, values);
}

int64 unschedule_job(const CronTask &task)
{
    Oid types[] = {TEXTOID, TEXTOID};
    Datum values[] = {CStringGetTextDatum(task.job_name), CStringGetTextDatum(task.database)};
    // Two statements: in one, the planner may call cron.unschedule() before it has filtered the jobs.
    const int64 job = first_number("SELECT jobid FROM cron.job WHERE jobname OPERATOR(pg_catalog.=) $1"
                                   " AND database OPERATOR(pg_catalog.=) $2"
                                   " AND username OPERATOR(pg_catalog.=) current_user",
                                   2, types, values);
    if (job != 0) {
        Oid type = INT8OID;
        Datum value = Int64GetDatum(job);
        if (SPI_execute_with_args("SELECT cron.unschedule($1)", 1, &type, &value, nullptr, false, 1) != SPI_OK_SELECT)
            elog(ERROR, "cbr: could not unschedule job");
    }
    return job;
}

void carry_out(CronTask &task)
{
    SPI_connect();
    ensure_pg_cron_installed();
    task.job_id = task.kind == CronTask::Kind::schedule ? schedule_job(task) : unschedule_job(task);
    SPI_finish();
    task.outcome = CronTask::Outcome::done;
}

// ------------------------------------------------------------------------------------------ from another database

void carry_out_in_worker(CronTask &task)
{
    dsm_segment *segment = dsm_create(sizeof(CronTask), 0);
    auto *shared = static_cast<CronTask *>(dsm_segment_address(segment));
    *shared = task;

    BackgroundWorker worker;
    memset(&worker, 0, sizeof worker);
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
    worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
    worker.bgw_restart_time = BGW_NEVER_RESTART;
    strlcpy(worker.bgw_name, "cbr schedule", BGW_MAXLEN);
    strlcpy(worker.bgw_type, "cbr schedule", BGW_MAXLEN);
    strlcpy(worker.bgw_library_name, "cbr", sizeof worker.bgw_library_name);
    strlcpy(worker.bgw_function_name, "cbr_schedule_worker", BGW_MAXLEN);
    worker.bgw_main_arg = UInt32GetDatum(dsm_segment_handle(segment));
    worker.bgw_notify_pid = MyProcPid;
    BackgroundWorkerHandle *handle;
    if (!RegisterDynamicBackgroundWorker(&worker, &handle))
        ereport(ERROR, (errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
                        errmsg("no background worker is free to reach pg_cron's database"),
                        errhint("Raise max_worker_processes.")));
    WaitForBackgroundWorkerShutdown(handle);
    task = *shared;
    dsm_detach(segment);
}

void raise_failure(const CronTask &task)
{
    if (task.outcome == CronTask::Outcome::failed)
        ereport(ERROR, (errcode(task.sqlstate), errmsg("%s", task.message),
                        *task.detail ? errdetail("%s", task.detail) : 0, *task.hint ? errhint("%s", task.hint) : 0));
    ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("could not reach pg_cron's database \"%s\"", task.cron_database),
                    errdetail("A background worker that was to go there as role \"%s\" ended.", task.role),
                    errhint("The server's log tells why.")));
}

// ------------------------------------------------------------------------------------------------------ the caller

CronTask task_for(FunctionCallInfo fcinfo, CronTask::Kind kind, const char *schedule, const char *job_name)
{
    const char *cron_database = GetConfigOption("cron.database_name", true, false);
    if (!cron_database)
        ereport(ERROR,
                (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("pg_cron is not loaded"),
                 errdetail("The server has no setting cron.database_name."),
                 errhint("Install pg_cron, add it to shared_preload_libraries and restart the server; or let any "
                         "other scheduler run SELECT cbr_fetch().")));
    CronTask task;
    memset(&task, 0, sizeof task);
    task.kind = kind;
    copy_text(task.cron_database, NAMEDATALEN, cron_database, "cron.database_name");
    copy_text(task.role, NAMEDATALEN, GetUserNameFromId(GetUserId(), false), "role name");
    copy_text(task.database, NAMEDATALEN, get_database_name(MyDatabaseId), "database name");
    copy_text(task.job_name, max_text, job_name, "job name");
    copy_text(task.schedule, max_text, schedule, "schedule");
    copy_text(task.command, max_text,
              // With its arguments: whoever may create functions in this schema could make a call without ambiguous.
              psprintf("SELECT %s(NULL::pg_catalog.date, NULL::pg_catalog.text[])",
                       quote_qualified_identifier(get_namespace_name(get_func_namespace(fcinfo->flinfo->fn_oid)),
                                                  "cbr_fetch")),
              "command");
    return task;
}

int64 done_in_cron_database(CronTask &task)
{
    if (strcmp(task.cron_database, task.database) == 0)
        carry_out(task);
    else
        carry_out_in_worker(task);
    if (task.outcome != CronTask::Outcome::done)
        raise_failure(task);
    return task.job_id;
}

} // namespace

extern "C" {

PG_FUNCTION_INFO_V1(cbr_schedule);
Datum cbr_schedule(PG_FUNCTION_ARGS)
{
    CronTask task = task_for(fcinfo, CronTask::Kind::schedule, text_to_cstring(PG_GETARG_TEXT_PP(0)),
                             text_to_cstring(PG_GETARG_TEXT_PP(1)));
    PG_RETURN_INT64(done_in_cron_database(task));
}

PG_FUNCTION_INFO_V1(cbr_unschedule);
Datum cbr_unschedule(PG_FUNCTION_ARGS)
{
    CronTask task = task_for(fcinfo, CronTask::Kind::unschedule, "", text_to_cstring(PG_GETARG_TEXT_PP(0)));
    PG_RETURN_BOOL(done_in_cron_database(task) != 0);
}

// The background worker: its argument is the shared memory with the task.
PGDLLEXPORT void cbr_schedule_worker(Datum argument);
void cbr_schedule_worker(Datum argument)
{
    BackgroundWorkerUnblockSignals();
    dsm_segment *segment = dsm_attach(DatumGetUInt32(argument));
    if (!segment)
        return; // the caller has gone
    auto *task = static_cast<CronTask *>(dsm_segment_address(segment));
    BackgroundWorkerInitializeConnection(task->cron_database, task->role, 0);
    StartTransactionCommand();
    PushActiveSnapshot(GetTransactionSnapshot());
    MemoryContext context = CurrentMemoryContext;
    PG_TRY();
    {
        carry_out(*task);
        task->outcome = CronTask::Outcome::none; // not before the commit
        PopActiveSnapshot();
        CommitTransactionCommand();
        task->outcome = CronTask::Outcome::done;
    }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData *error = CopyErrorData();
        task->sqlstate = error->sqlerrcode;
        strlcpy(task->message, error->message ? error->message : "", max_text);
        strlcpy(task->detail, error->detail ? error->detail : "", max_text);
        strlcpy(task->hint, error->hint ? error->hint : "", max_text);
        task->outcome = CronTask::Outcome::failed;
        FlushErrorState();
        AbortCurrentTransaction();
    }
    PG_END_TRY();
}

} // extern "C"

} // namespace cbr::pg
