"""Many sessions store at once: no duplicate, no deadlock, a true log, and no lock while the network is waited for."""
import threading

import pytest

from session import DAY, wait_until_blocked, wait_until_requested

SESSIONS = 20
ROUNDS = 5
ALL = "SELECT cbr_fetch(%s, '{*}')"
USD_CORRECTIONS = """
    SELECT c->'old'->>'value', c->'new'->>'value'
      FROM cbr_fetch_log l, jsonb_array_elements(l.corrections) c WHERE c->>'cbr_id' = 'R01235' ORDER BY l.id"""


def usd(session):
    return session.value("SELECT value::text FROM t_currency WHERE char_code = 'USD' AND date = %s", DAY)


def corrections(session):
    return session.rows(USD_CORRECTIONS)


def test_sessions_that_fetch_the_same_date_store_it_once(connect, observer):
    sessions = [connect("/fault/latency-300") for _ in range(SESSIONS)]
    calls = [session.start(ALL, DAY) for session in sessions]
    assert [call.value() for call in calls] == [17] * SESSIONS
    assert observer.stored() == (17, SESSIONS)
    assert observer.value("SELECT count(DISTINCT cbr_id) FROM t_currency") == 17
    assert observer.rows("SELECT sum(inserted), sum(changed), min(rates), max(rates) FROM cbr_fetch_log") == [
        (17, 0, 17, 17)]


def fetch_in_rounds(session, errors):
    """What one of many sessions does; the errors of all are gathered."""
    try:
        for _ in range(ROUNDS):
            session.value(ALL, DAY)
    except Exception as error:  # told to the main thread, whatever it is
        errors.append(error)


def test_corrections_to_and_fro_make_no_deadlock_and_a_true_log(connect, observer):
    sessions = [connect("/fault/corrected" if number % 2 else "") for number in range(SESSIONS)]
    errors = []
    threads = [threading.Thread(target=fetch_in_rounds, args=(session, errors), daemon=True) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert observer.stored() == (17, SESSIONS * ROUNDS)
    assert observer.value("SELECT count(*) FROM cbr_fetch_log WHERE changed <> jsonb_array_length(corrections)") == 0
    assert observer.value("SELECT sum(inserted) FROM cbr_fetch_log") == 17
    assert_to_and_fro(corrections(observer), usd(observer))


def assert_to_and_fro(steps, last):
    """Each step leads from one of the two values to the other, and all of them together to the last one."""
    up, down = steps.count(("30.9436", "31.0000")), steps.count(("31.0000", "30.9436"))
    assert up + down == len(steps)
    assert up - down in ((0, 1) if last == "31.0000" else (0, -1))


def test_second_correction_of_a_row_knows_the_first(connect, session, observer):
    session.fetch()
    other = connect("/fault/corrected-nominal")
    session.use("/fault/corrected").rows("BEGIN")
    session.fetch()
    call = other.start_fetch()
    wait_until_blocked(observer, other)
    session.rows("COMMIT")
    assert call.value() == 3
    assert corrections(observer) == [("30.9436", "31.0000"), ("31.0000", "309.4360")]
    assert usd(observer) == "309.4360"


def test_same_correction_of_two_sessions_is_logged_once(connect, session, observer):
    session.fetch()
    other = connect("/fault/corrected")
    session.use("/fault/corrected").rows("BEGIN")
    session.fetch()
    call = other.start_fetch()
    wait_until_blocked(observer, other)
    session.rows("COMMIT")
    assert call.value() == 3
    assert corrections(observer) == [("30.9436", "31.0000")]
    assert observer.rows("SELECT inserted, changed FROM cbr_fetch_log ORDER BY id") == [(3, 0), (0, 1), (0, 0)]


def test_correction_of_a_row_that_another_session_is_inserting(connect, session, observer):
    other = connect("/fault/corrected")
    session.rows("BEGIN")
    session.fetch()
    call = other.start_fetch()
    wait_until_blocked(observer, other)
    session.rows("COMMIT")
    assert call.value() == 3
    assert observer.stored() == (3, 2)
    assert corrections(observer) == [("30.9436", "31.0000")]


def test_insert_after_another_sessions_rollback(connect, session, observer):
    other = connect("/fault/corrected")
    session.rows("BEGIN")
    session.fetch()
    call = other.start_fetch()
    wait_until_blocked(observer, other)
    session.rows("ROLLBACK")
    assert call.value() == 3
    assert observer.rows("SELECT inserted, changed FROM cbr_fetch_log") == [(3, 0)]
    assert usd(observer) == "31.0000"


def test_row_corrected_since_a_repeatable_read_began_is_40001(connect, session, observer):
    session.fetch()
    session.rows("BEGIN ISOLATION LEVEL REPEATABLE READ")
    session.stored()
    connect("/fault/corrected").fetch()
    session.use("/fault/corrected-nominal")
    assert session.fetch_error().pgcode == "40001"
    session.rows("ROLLBACK")
    assert usd(observer) == "31.0000"


def test_rollback_stores_nothing(session, observer):
    session.rows("BEGIN")
    assert session.fetch() == 3
    assert observer.stored() == (0, 0)
    session.rows("ROLLBACK")
    assert observer.stored() == (0, 0)


def test_rollback_of_a_correction_leaves_the_old_value(session, observer):
    session.fetch()
    session.use("/fault/corrected").rows("BEGIN")
    session.fetch()
    session.rows("ROLLBACK")
    assert usd(observer) == "30.9436"
    assert observer.stored() == (3, 1)


def test_rollback_to_a_savepoint_keeps_what_was_before(session, observer):
    session.rows("BEGIN")
    session.fetch()
    session.rows("SAVEPOINT before")
    session.fetch("2023-11-02")
    session.use("/fault/wrong-root")
    session.fetch_error()
    session.rows("ROLLBACK TO before")
    session.rows("COMMIT")
    assert observer.stored() == (3, 1)
    assert observer.value("SELECT max(date)::date::text FROM t_currency") == DAY


@pytest.mark.parametrize("lock", [
    "LOCK TABLE t_currency, cbr_fetch_log IN ACCESS EXCLUSIVE MODE",
    "SELECT FROM t_currency FOR UPDATE",
])
def test_lock_of_a_writer_does_not_hold_up_the_request(connect, session, bank, lock):
    session.fetch()
    writer = connect()
    bank.forget()
    writer.rows("BEGIN")
    writer.rows(lock)
    session.use("/fault/corrected/fault/latency-500")
    call = session.start_fetch()
    wait_until_requested(bank)
    writer.rows("COMMIT")
    assert call.value() == 3
    assert usd(session) == "31.0000"


def test_call_that_waits_for_the_network_locks_no_table(session, observer, bank):
    session.fetch()
    bank.forget()
    session.use("/fault/hang", timeout="10min")
    call = session.start_fetch()
    wait_until_requested(bank)
    held = "SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = %s AND relation >= 16384"
    assert observer.rows(held, session.pid) == []
    observer.rows("BEGIN")
    observer.rows("LOCK TABLE t_currency, cbr_fetch_log IN ACCESS EXCLUSIVE MODE NOWAIT")
    observer.rows("ROLLBACK")
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"
