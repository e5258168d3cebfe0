"""A long session: one connection for many requests, and no memory or handle lost over thousands of calls."""
import itertools

import pytest

from session import DAY, resident_bytes, tcp_sockets

WARM_UP = 500
CALLS = 5000
LEAK_BYTES = 2_000_000  # a leak of 400 bytes a call would show
FAILING = ["status-503", "wrong-root", "bad-number", "closed"]


def connections(bank):
    return {request["connection"] for request in bank.recorded()}


def test_fetches_of_a_session_share_a_connection(session, bank):
    for day in (DAY, "2015-10-15", "2023-11-02"):
        assert session.fetch(day) == 3
    assert len(bank.recorded()) == 3
    assert len(connections(bank)) == 1


def test_connection_outlives_an_error_status_and_a_bad_document(session, bank):
    for path in ("/fault/status-503", "/fault/wrong-root", "/fault/redirect"):
        session.use(path).fetch_error()
    session.use().fetch()
    assert len(connections(bank)) == 1


def test_connection_outlives_a_rollback(session, bank):
    for _ in range(2):
        session.rows("BEGIN")
        session.fetch()
        session.rows("ROLLBACK")
    assert len(connections(bank)) == 1


def test_server_that_closed_the_idle_connection_is_no_error(session, bank):
    assert session.fetch() == 3
    bank._server.drop_connections()
    assert session.fetch("2023-11-02") == 3
    assert len(connections(bank)) == len(bank.recorded()) == 2


def context_bytes(session):
    """What the server's memory contexts hold; 0 where the server cannot tell."""
    if session.version() < 14:
        return 0
    return int(session.value("SELECT sum(total_bytes) FROM pg_backend_memory_contexts"))


def succeed(session, count):
    """Good calls: every other one stores, and every third of these corrects."""
    session.use()
    for number in range(count // 2):
        session.value("SELECT cbr_fetch(%s, '{*}')", DAY)
        session.value("SELECT count(*) FROM cbr_daily(%s)", DAY)
        if number % 250 == 0:
            session.use("/fault/corrected" if number % 500 == 0 else "")


def fail(session, count):
    """Failing calls, of all kinds alike."""
    kinds = itertools.cycle(FAILING)
    for number in range(count):
        if number % 50 == 0:
            session.use("/fault/" + next(kinds))
        if number % 2:
            session.fetch_error()
        else:
            session.error("SELECT * FROM cbr_daily(%s)", DAY)


@pytest.mark.parametrize("work", [succeed, fail])
def test_memory_is_flat_over_thousands_of_calls(session, work):
    work(session, WARM_UP)
    resident, contexts = resident_bytes(session.pid), context_bytes(session)
    work(session, CALLS)
    assert context_bytes(session) - contexts < LEAK_BYTES
    assert resident_bytes(session.pid) - resident < LEAK_BYTES
    assert len(tcp_sockets(session.pid)) <= 1
