"""cbr_backfill: the whole of history against recorded facts, and what an interrupted run leaves behind."""
import bisect
import csv
import os
import pathlib
import signal
from decimal import Decimal

import psycopg2
import pytest

from bank import Bank
from cluster import eventually
from session import Session, words

CORPUS = os.environ.get("CBR_CORPUS")
FOUR = "{USD, EUR, GBP, CNY}"
MARCH = ("2026-03-03", "2026-03-14", FOUR)
TABLE = "SELECT cbr_id, date, value, nominal, effective_date FROM t_currency ORDER BY cbr_id, date"


def backfill(session, first, last, currencies):
    session.connection.notices.clear()
    session.rows("CALL cbr_backfill(%s, %s, %s)", first, last, currencies)
    return [notice for notice in session.connection.notices if notice.startswith("INFO")]


def backfill_error(session, first, last, currencies):
    return session.error("CALL cbr_backfill(%s, %s, %s)", first, last, currencies)


def series_requests(bank):
    return [request["target"] for request in bank.recorded() if "XML_dynamic" in request["target"]]


@pytest.fixture
def whole_march(session):
    """What an undisturbed run stores."""
    backfill(session, *MARCH)
    rows = session.rows(TABLE)
    session.rows("TRUNCATE t_currency, cbr_fetch_log")
    return rows


# ---------------------------------------------------------------------------------------------- recorded facts


@pytest.fixture(scope="module")
def facts():
    if not CORPUS:
        pytest.skip("CBR_CORPUS does not name a directory of real answers")
    rows = {}
    with open(pathlib.Path(CORPUS) / "rates.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["cbr_id"], []).append((row["effective_date"], int(row["nominal"]), Decimal(row["value"])))
    return {cbr_id: sorted(records) for cbr_id, records in rows.items()}


@pytest.fixture
def recorded_bank(facts):
    with Bank(series=[str(pathlib.Path(CORPUS) / "rates.csv")]) as running:
        yield running


def record_in_force(records, day):
    return records[bisect.bisect_right([date for date, _, _ in records], day) - 1]


def test_dollar_since_1992_equals_the_facts_in_four_requests(cluster, database, recorded_bank, facts):
    session = Session(cluster, recorded_bank.url, database=database).use()
    backfill(session, "1992-07-01", "2025-06-09", "{USD}")
    assert len(recorded_bank.recorded()) <= 4
    rows = session.rows("SELECT to_char(date, 'YYYY-MM-DD'), effective_date::text, nominal, value FROM t_currency")
    assert len(rows) == 12032
    for day, effective_date, nominal, value in rows:
        assert (effective_date, nominal, value) == record_in_force(facts["R01235"], day)
    session.close()


def test_currency_set_monthly_has_no_hole(cluster, database, recorded_bank, facts):
    session = Session(cluster, recorded_bank.url, database=database).use()
    backfill(session, "2005-01-01", "2022-12-31", "{AMD}")
    assert session.value("SELECT count(*) FROM t_currency") == 6574
    for day, effective_date, value in session.rows(
            "SELECT to_char(date, 'YYYY-MM-DD'), effective_date::text, value FROM t_currency"):
        date, _, expected = record_in_force(facts["R01060"], day)
        assert (effective_date, value) == (date, expected)
    session.close()


def test_currency_that_left_the_list_has_no_row_after_the_next_publication(cluster, database, recorded_bank):
    session = Session(cluster, recorded_bank.url, database=database).use()
    backfill(session, "2015-10-10", "2015-11-30", "{R01090}")  # of which the facts hold one record
    assert session.rows("SELECT date::date::text, effective_date::text FROM t_currency") == [("2015-10-15",) * 2]
    session.close()


# ------------------------------------------------------------------------------------------- what is asked for


def test_complete_range_is_not_asked_for_again(session, bank):
    assert len(backfill(session, *MARCH)) == 4
    bank.forget()
    assert "nothing is missing" in backfill(session, *MARCH)[0]
    assert series_requests(bank) == []


def test_currency_that_was_not_quoted_is_not_asked_for_again(session, bank):
    backfill(session, "2001-12-28", "2002-01-10", "{R09999}")
    assert session.value("SELECT count(*) FROM t_currency") == 0
    bank.forget()
    backfill(session, "2001-12-28", "2002-01-10", "{R09999}")
    assert series_requests(bank) == []


def test_dollar_is_asked_for_once_for_the_calendar_too(session, bank):
    backfill(session, "2001-12-28", "2002-01-10", "{EUR, USD}")
    assert len([target for target in series_requests(bank) if "R01235" in target]) == 1


def test_row_of_a_script_is_completed_and_not_doubled(session):
    session.rows("INSERT INTO t_currency (name, char_code, value, date, cbr_id) VALUES ('x', 'USD', 30.9436, '2002-03-02', 'R01235')")
    backfill(session, "2002-03-01", "2002-03-04", "{USD}")
    assert session.value("SELECT count(*) FROM t_currency") == 4
    assert session.value("SELECT effective_date::text FROM t_currency WHERE date = '2002-03-02'") == "2002-03-02"


@pytest.mark.parametrize("fault", ["wrong-echo-id", "wrong-echo-range", "record-outside", "duplicate-record"])
def test_answer_about_something_else_is_refused(session, fault):
    session.use(f"/fault/{fault}")
    error = backfill_error(session, *MARCH)
    assert error.pgcode == "2200M"
    assert session.stored() == (0, 0)


# -------------------------------------------------------------------------------------------------- interrupted


def assert_first_is_kept_and_the_rest_comes(session, bank, whole_march):
    assert session.rows("SELECT DISTINCT char_code FROM t_currency") == [("USD",)]
    session.use("")
    bank.forget()
    backfill(session, *MARCH)
    assert len([target for target in series_requests(bank) if "R01235" in target]) == 1  # the calendar
    assert session.rows(TABLE) == whole_march


def test_failure_keeps_what_was_stored_and_says_where_it_stopped(session, bank, whole_march):
    session.use("/fault/fail-for-ID/R01239")
    error = backfill_error(session, *MARCH)
    assert error.pgcode == "08P01"
    assert "cbr_backfill at EUR (R01239), currency 2 of 4; the ones before it are stored" in words(error)
    assert_first_is_kept_and_the_rest_comes(session, bank, whole_march)


def start_hanging_at_the_second(session):
    session.use("/fault/hang-for-ID/R01239", timeout="10min")
    return session.start("CALL cbr_backfill(%s, %s, %s)", *MARCH)


def test_cancel_keeps_what_was_stored(session, observer, bank, whole_march):
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    waiting = observer.rows("SELECT wait_event_type, query LIKE 'CALL cbr_backfill%%' FROM pg_stat_activity WHERE pid = %s",
                            session.pid)
    assert waiting == [("Extension", True)]
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    error = call.error()
    assert error.pgcode == "57014"
    assert "currency 2 of 4" in words(error)
    assert_first_is_kept_and_the_rest_comes(session, bank, whole_march)


def test_terminated_backend_leaves_what_was_stored_and_no_lock(session, observer, connect, bank, whole_march):
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    observer.rows("SELECT pg_terminate_backend(%s)", session.pid)
    assert isinstance(call.error(), psycopg2.OperationalError)
    assert_first_is_kept_and_the_rest_comes(connect(), bank, whole_march)


def test_server_crash_leaves_what_was_stored(make_cluster, bank, whole_march):
    server = make_cluster()
    server.start()
    server.execute("CREATE EXTENSION cbr")
    session, observer = (Session(server, bank.url, database="postgres").use() for _ in range(2))
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    os.kill(session.pid, signal.SIGKILL)
    assert isinstance(call.error(), psycopg2.OperationalError)
    observer.close()
    server.stop("fast")
    server.log.write_text(server.log_text().replace(f"(PID {session.pid}) was terminated by signal 9", "was killed by the test"))
    server.start()
    again = Session(server, bank.url, database="postgres").use()
    assert_first_is_kept_and_the_rest_comes(again, bank, whole_march)
    again.close()


def test_lost_service_leaves_what_was_stored(cluster, database, observer, whole_march):
    with Bank() as lost:
        session = Session(cluster, lost.url, database=database)
        call = start_hanging_at_the_second(session)
        eventually(lambda: observer.stored()[1] == 1, "the first currency")
    assert call.error().pgcode in ("08006", "08001")
    with Bank() as back:
        session.bank_url = back.url
        assert_first_is_kept_and_the_rest_comes(session, back, whole_march)
    session.close()


def test_second_backfill_at_the_same_time_is_refused(session, observer, connect):
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    error = backfill_error(observer, *MARCH)
    assert error.pgcode == "55P03"
    assert "another cbr_backfill is running" in error.diag.message_primary
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    call.error()
    assert backfill(observer, *MARCH)


def test_rollback_of_a_transaction_block_leaves_nothing(session):
    session.rows("BEGIN")
    backfill(session, *MARCH)
    assert session.stored() == (48, 4)
    session.rows("ROLLBACK")
    assert session.stored() == (0, 0)


def test_commits_inside_a_procedure(session, whole_march):
    session.rows("""CREATE PROCEDURE load() LANGUAGE plpgsql AS $$
        BEGIN CALL cbr_backfill('2026-03-03', '2026-03-14', '{USD, EUR, GBP, CNY}'); ROLLBACK; END $$""")
    session.rows("CALL load()")
    assert session.rows(TABLE) == whole_march


def test_memory_does_not_grow_with_history(cluster, database):
    with Bank(synthetic=True) as synthetic:
        session = Session(cluster, synthetic.url, database=database).use()
        session.rows("SELECT cbr_version()")
        before = resident_bytes(session.pid)
        backfill(session, "1992-07-01", "2026-04-25", "{USD, EUR, GBP, CNY, JPY, CHF, SEK, NOK}")
        assert session.value("SELECT count(*) FROM t_currency") > 90000
        assert resident_bytes(session.pid) - before < 32 << 20
        session.close()


def resident_bytes(pid):
    """What is the process's own: without the server's shared memory."""
    _, resident, shared = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[:3]
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")
