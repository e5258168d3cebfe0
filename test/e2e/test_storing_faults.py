"""Faults while rates are being stored: in each phase, each end. There is no half document and no duplicate after it, and
the next call does all that is left to do.
"""
import os
import pathlib
import signal
import threading

import psycopg2
import pytest

from cluster import TEMPLATE, Cluster, eventually
from session import DAY, Session, wait_until_blocked

FETCH = f"SELECT cbr_fetch('{DAY}', '{{USD, EUR, GBP}}')"
BACKFILL = "CALL cbr_backfill('2002-03-01', '2002-03-04', '{EUR, USD}')"
TABLE = ("SELECT cbr_id, to_char(date, 'YYYY-MM-DD'), value::text, nominal, effective_date::text"
         "  FROM t_currency ORDER BY cbr_id, date")
DEFERRED = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock(4711); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT OR UPDATE ON t_currency
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.cbr_id = 'R01235') EXECUTE FUNCTION wait()"""
# What the dollar's row is held by, so that the call stops there -> what stood in the table before, and who holds.
PHASES = {
    "inserting": ("", "INSERT INTO t_currency (char_code, cbr_id, value, date) VALUES ('USD', 'R01235', 77, '2002-03-02')"),
    "correcting": ("INSERT INTO t_currency (char_code, cbr_id, value, date) VALUES ('USD', 'R01235', 77, '2002-03-02')",
                   "SELECT FROM t_currency WHERE cbr_id = 'R01235' FOR UPDATE"),
    "writing the log": ("", "LOCK TABLE cbr_fetch_log IN SHARE MODE"),
    "committing": (DEFERRED, "SELECT pg_advisory_xact_lock(4711)"),
}
CALLS = {"cbr_fetch": FETCH, "cbr_backfill": BACKFILL}


@pytest.fixture(params=PHASES)
def phase(request):
    return request.param


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


@pytest.fixture(scope="module")
def expected(cluster):
    """What an undisturbed call stores, with the dollar's odd row before it and without: the same."""
    found = {}

    def of(call, bank):
        if call not in found:
            session = Session(cluster, bank.url, database=TEMPLATE).use()
            session.rows(call)
            found[call] = session.rows(TABLE)
            session.rows("TRUNCATE t_currency, cbr_fetch_log")
            session.close()
        return found[call]
    return of


def start_held(session, holder, phase, call):
    """The call, waiting in the phase for what the holder has locked."""
    before, hold = PHASES[phase]
    if before:
        session.rows(before)
    holder.rows("BEGIN")
    holder.rows(hold)
    running = session.start(call)
    wait_until_blocked(holder, session)
    return running


def documents(session):
    """How many rows of each currency, or of the one day, are there: the odd one does not count."""
    column = "cbr_id" if session.value("SELECT count(DISTINCT date) > 1 FROM t_currency WHERE value <> 77") else "date"
    return session.rows(f"SELECT {column}, count(*) FROM t_currency WHERE value <> 77 GROUP BY 1")


def assert_no_half(session, call):
    """All of a document or nothing, and a line of the log for each that is there; nothing twice."""
    whole = 3 if call == FETCH else 4
    found = documents(session)
    assert all(count == whole for _, count in found), found
    assert session.value("SELECT count(*) FROM cbr_fetch_log") == len(found)
    assert session.value("SELECT count(*) - count(DISTINCT (cbr_id, date)) FROM t_currency") == 0
    assert session.value("SELECT count(*) FROM pg_prepared_xacts") == 0
    assert session.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def assert_next_call_completes(session, call, rows):
    session.rows(call)
    assert session.rows(TABLE) == rows
    log = session.rows("SELECT sum(inserted), sum(jsonb_array_length(corrections)), sum(changed) FROM cbr_fetch_log")[0]
    assert log[0] + log[1] == len(rows) and log[1] == log[2]


# --------------------------------------------------------------------------------- the statement's or the session's end


# PostgreSQL ends a statement's time before it commits; the commits of a backfill lie within the statement.
TIMEOUTS = [(phase, name, timeout, sqlstate) for phase in PHASES for name in CALLS
            for timeout, sqlstate in (("statement_timeout", "57014"), ("lock_timeout", "55P03"))
            if (phase, name, timeout) != ("committing", "cbr_fetch", "statement_timeout")]


@pytest.mark.parametrize("phase, name, timeout, sqlstate", TIMEOUTS)
def test_timeout_leaves_nothing_half(session, connect, bank, expected, phase, name, timeout, sqlstate):
    call = CALLS[name]
    holder = connect()
    rows = expected(call, bank)
    before, hold = PHASES[phase]
    if before:
        session.rows(before)
    holder.rows("BEGIN")
    holder.rows(hold)
    session.rows(f"SET {timeout} = '1s'")
    assert session.error(call).pgcode == sqlstate
    holder.rows("ROLLBACK")
    session.rows(f"RESET {timeout}")
    assert_no_half(session, call)
    assert_next_call_completes(session, call, rows)


@pytest.mark.parametrize("end", ["pg_cancel_backend", "pg_terminate_backend"])
def test_cancel_or_termination_leaves_nothing_half(session, connect, bank, expected, phase, call, end):
    holder = connect()
    rows = expected(call, bank)
    running = start_held(session, holder, phase, call)
    holder.rows(f"SELECT {end}(%s)", session.pid)
    running.error()
    holder.rows("ROLLBACK")
    again = connect()
    eventually(lambda: again.value("SELECT count(*) FROM pg_locks WHERE pid = %s", session.pid) == 0
               or end == "pg_cancel_backend", "the end of the backend")
    assert_no_half(again, call)
    assert_next_call_completes(again, call, rows)


# --------------------------------------------------------------------------------------------------- the server's end


@pytest.fixture(scope="module")
def crashing_server(make_cluster):
    server = make_cluster()
    server.start()
    server.make_template()
    return server


def session_of(server, bank):
    """A session, as soon as the server takes one."""
    def attempt():
        try:
            return Session(server, bank.url, database=TEMPLATE)
        except psycopg2.OperationalError:
            return None
    return eventually(attempt, "the end of recovery").use()


@pytest.fixture
def crashing(crashing_server, bank):
    """A server that a test may bring down, with empty tables."""
    if not crashing_server.running():
        crashing_server.start()
    session = session_of(crashing_server, bank)
    session.rows("TRUNCATE t_currency, cbr_fetch_log")
    session.rows("DROP FUNCTION IF EXISTS wait() CASCADE")
    session.close()
    return crashing_server


def kill_backend(server, session):
    crashes = server.log_text().count("all server processes terminated")
    server.expect_killed(session.pid)
    os.kill(session.pid, signal.SIGKILL)
    eventually(lambda: server.log_text().count("all server processes terminated") > crashes, "the crash")


def stop_immediately(server, _session):
    server.stop("immediate")
    server.start()


def kill_postmaster(server, _session):
    os.kill(server.postmaster_pid(), signal.SIGKILL)
    server.forget_killed_postmaster()
    server.start()


@pytest.mark.parametrize("end", [kill_backend, stop_immediately, kill_postmaster])
def test_crash_leaves_nothing_half(crashing, bank, expected, phase, call, end):
    rows = expected(call, bank)
    session, holder = session_of(crashing, bank), session_of(crashing, bank)
    running = start_held(session, holder, phase, call)
    end(crashing, session)
    assert isinstance(running.error(), psycopg2.OperationalError)
    again = session_of(crashing, bank)
    assert_no_half(again, call)
    assert_next_call_completes(again, call, rows)
    again.close()


def test_what_a_call_has_returned_outlives_a_crash(crashing, bank):
    session = session_of(crashing, bank)
    session.rows(FETCH)
    rows = session.rows(TABLE)
    stop_immediately(crashing, session)
    again = session_of(crashing, bank)
    assert again.rows(TABLE) == rows and len(rows) == 3
    assert again.stored() == (3, 1)
    again.close()


# ------------------------------------------------------------------------------------------------------- a full disk


def file_of(session, relation):
    data = pathlib.Path(session.value("SHOW data_directory"))
    return data / session.value("SELECT pg_relation_filepath(%s)", relation)


@pytest.mark.parametrize("relation", ["t_currency", "cbr_fetch_log"])
def test_table_that_cannot_grow_leaves_nothing_half(crashing, bank, expected, call, relation):
    """Its file leads to /dev/full, which says "no space left on device" to each writer."""
    rows = expected(call, bank)
    setup = session_of(crashing, bank)
    file = file_of(setup, relation)
    kept = file.with_name(file.name + ".kept")
    setup.close()
    crashing.stop()  # nobody has the file open
    file.rename(kept)
    file.symlink_to("/dev/full")
    crashing.start()
    session = session_of(crashing, bank)
    assert session.error(call).pgcode == "53100"
    assert session.stored() == (0, 0)
    session.close()
    crashing.stop("immediate")
    file.unlink()
    kept.rename(file)
    crashing.start()
    again = session_of(crashing, bank)
    assert again.stored() == (0, 0)
    assert_next_call_completes(again, call, rows)
    again.close()


# --------------------------------------------------------------------------------------- isolation and deadlocks


def until_it_succeeds(session, statements, allowed, seen):
    """Run the statements as a transaction, again after each error that says so."""
    while True:
        try:
            for statement in statements:
                session.rows(statement)
            return
        except psycopg2.Error as error:
            seen.append(error.pgcode)
            if error.pgcode not in allowed:
                raise
            if len(statements) > 1:
                session.rows("ROLLBACK")


def together(sessions, work, allowed):
    """Each session does its work in a thread of its own; the SQLSTATEs that were met on the way."""
    seen, problems = [], []

    def run(session, statements):
        try:
            for transaction in statements:
                until_it_succeeds(session, transaction, allowed, seen)
        except Exception as problem:  # told to the main thread, whatever it is
            problems.append(problem)

    threads = [threading.Thread(target=run, args=each, daemon=True) for each in zip(sessions, work)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    return seen


def fetches(*days):
    return [f"SELECT cbr_fetch('{day}', '{{*}}')" for day in days]


DAYS = ["2002-03-02", "2002-03-03", "2002-03-04"]


@pytest.fixture
def three_days(session):
    """What is stored once all of the days are."""
    for statement in fetches(*DAYS):
        session.rows(statement)
    rows = session.rows(TABLE)
    session.rows("TRUNCATE t_currency, cbr_fetch_log")
    return rows


def assert_stored_once(session, rows):
    assert session.rows(TABLE) == rows
    assert session.value("SELECT sum(inserted) FROM cbr_fetch_log") == len(rows)
    assert session.value("SELECT sum(changed) FROM cbr_fetch_log") == 0


def test_days_in_opposite_orders_in_two_transactions_deadlock_and_lose_nothing(session, connect, three_days):
    """Whoever stores several documents in one transaction chooses the order; PostgreSQL ends one of the two."""
    first, second = connect(), connect()
    for each, day in ((first, DAYS[0]), (second, DAYS[1])):
        each.rows("BEGIN")
        each.rows("SET LOCAL deadlock_timeout = '100ms'")
        each.rows(*fetches(day))
    waiting = first.start(*fetches(DAYS[1]))
    wait_until_blocked(session, first)
    closing = second.start(*fetches(DAYS[0]))
    codes = []
    for call in (waiting, closing):
        call.join()
    for each, call in ((first, waiting), (second, closing)):
        try:
            call.rows()
            each.rows("COMMIT")
        except psycopg2.Error as error:
            codes.append(error.pgcode)
            each.rows("ROLLBACK")
    assert codes == ["40P01"]
    together([first, second], [[[statement] for statement in fetches(*DAYS)]] * 2, [])
    assert_stored_once(session, three_days)


def test_fetches_of_overlapping_days_in_any_order_lose_nothing(session, connect, three_days):
    sessions = [connect() for _ in range(8)]
    work = []
    for number in range(len(sessions)):
        days = DAYS[number % 3:] + DAYS[:number % 3]
        days = days if number % 2 else days[::-1]
        work.append([["BEGIN", *fetches(*days[:2]), "COMMIT"], ["BEGIN", *fetches(*days[2:]), "COMMIT"]])
    together(sessions, work, ["40P01"])
    assert_stored_once(session, three_days)


def test_fetches_of_single_days_never_deadlock(session, connect, three_days):
    sessions = [connect() for _ in range(8)]
    together(sessions, [[[statement] for statement in fetches(*DAYS, *DAYS[::-1])]] * 8, [])
    assert_stored_once(session, three_days)


def test_backfill_beside_fetches_of_its_days_never_deadlocks(session, connect):
    """It commits after each currency, whose days it stores in order; so it waits, and is waited for, in one direction."""
    def once(sessions):
        backfill = [["CALL cbr_backfill('2002-03-02', '2002-03-04', '{USD, GBP, EUR, JPY, CHF}')"]]
        one_by_one = [[statement] for statement in fetches(*DAYS, *DAYS[::-1])]
        return together(sessions, [backfill, one_by_one, one_by_one], [])

    for _ in range(5):
        session.rows("TRUNCATE t_currency, cbr_fetch_log")
        assert once([connect(), connect(), connect()]) == []
        assert session.value("SELECT sum(inserted) FROM cbr_fetch_log") == session.value("SELECT count(*) FROM t_currency")
        assert session.value("SELECT sum(changed) FROM cbr_fetch_log") == 0


def test_backfill_in_a_block_beside_fetches_loses_nothing(session, connect):
    """In the block it keeps all its currencies' rows, in the caller's order: it may deadlock, and is to be repeated."""
    backfill = "CALL cbr_backfill('2002-03-02', '2002-03-04', '{USD, JPY, GBP, EUR}')"
    for _ in range(5):
        session.rows("TRUNCATE t_currency, cbr_fetch_log")
        one_by_one = [[statement] for statement in fetches(*DAYS, *DAYS[::-1])]
        together([connect(), connect()], [[["BEGIN", backfill, "COMMIT"]], one_by_one], ["40P01"])
        assert session.value("SELECT sum(inserted) FROM cbr_fetch_log") == session.value("SELECT count(*) FROM t_currency")
        assert session.value("SELECT count(*) FROM t_currency WHERE char_code = 'JPY'") == len(DAYS)


def test_write_skew_of_serializable_transactions_is_40001_and_stores_one(session, connect, three_days):
    first, second = connect(), connect()
    for each, day in ((first, DAYS[0]), (second, DAYS[1])):
        each.rows("BEGIN ISOLATION LEVEL SERIALIZABLE")
        assert each.stored() == (0, 0)
    first.rows(*fetches(DAYS[0]))
    second_failed = False
    try:
        second.rows(*fetches(DAYS[1]))
        first.rows("COMMIT")
        second.rows("COMMIT")
    except psycopg2.Error as error:
        assert error.pgcode == "40001"
        second_failed = True
        second.rows("ROLLBACK")
    assert second_failed
    assert session.rows("SELECT DISTINCT date::date::text FROM t_currency") == [(DAYS[0],)]
    together([first, second], [[[statement] for statement in fetches(*DAYS)]] * 2, [])
    assert_stored_once(session, three_days)


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_sessions_of_a_stricter_isolation_lose_nothing(session, connect, three_days, isolation):
    sessions = [connect() for _ in range(6)]
    for each in sessions:
        each.rows(f"SET default_transaction_isolation = '{isolation}'")
    work = [[[statement] for statement in fetches(*(DAYS if number % 2 else DAYS[::-1]))] for number in range(6)]
    work[0] = [["CALL cbr_backfill('2002-03-02', '2002-03-04', '{USD, EUR}')"]]
    together(sessions, work, ["40001"])
    together(sessions[:1], [[[statement] for statement in fetches(*DAYS)]], [])
    assert_stored_once(session, three_days)


# --------------------------------------------------------------------------------------------- a standby is promoted


def test_standby_that_is_promoted_midway_goes_on_from_what_it_has(make_cluster, bank):
    """The primary is lost in the middle of a backfill; a session that stood on the standby fetches as soon as it may."""
    primary = make_cluster()
    primary.start()
    primary.execute("CREATE EXTENSION cbr")
    standby = make_cluster(initialize=lambda server: Cluster.copy_of(server, primary))
    standby.start()
    loading, watching = (Session(server, bank.url, database="postgres").use() for server in (primary, standby))
    loading.use("/fault/hang-for-ID/R01239", timeout="10min", max_connections=1)
    running = loading.start("CALL cbr_backfill('2002-03-01', '2002-03-04', '{USD, EUR}')")
    eventually(lambda: watching.stored() == (4, 1), "the first currency on the standby")
    waiting = Session(standby, bank.url, database="postgres").use("/fault/latency-1000")
    reading = waiting.start("SELECT count(*) FROM cbr_daily(%s)", DAY)
    assert watching.fetch_error().pgcode == "25006"
    standby.program("pg_ctl", "promote", "-w", "-s", "-D", standby.data)
    assert reading.value() == 17
    primary.stop("immediate")
    running.error()
    assert watching.stored() == (4, 1)
    assert watching.fetch() == 3
    watching.rows(BACKFILL)
    assert watching.value("SELECT count(*) - count(DISTINCT (cbr_id, date)) FROM t_currency") == 0
    assert watching.rows("SELECT cbr_id, count(*) FROM t_currency GROUP BY 1 ORDER BY 1") == [
        ("R01035", 1), ("R01235", 4), ("R01239", 4)]
    for each in (watching, waiting, loading):
        each.close()
