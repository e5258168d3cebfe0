"""Every fault of the stand-in has its SQLSTATE, leaves nothing behind, and the session goes on working.

A fault that the stand-in lists and the tables here do not know fails the run.
"""
import re
import socket

import pytest
from faults import FAULTS, find_fault

from session import DAY, tcp_sockets, words

SMALL = {"max_response_size": "1MB"}
SHORT = {"timeout": "300ms"}

# path after /fault/ -> SQLSTATE, what the error's words hold, settings
REFUSED = {
    "latency-600000": ("08001", "timed out while waiting for the answer", SHORT),
    "hang": ("08001", "timed out while waiting for the answer", SHORT),
    "hang-headers": ("08001", "timed out while reading the answer", SHORT),
    "hang-body": ("08001", "timed out while reading the answer", SHORT),
    "drip": ("08001", "timed out while reading the answer", SHORT),
    "closed": ("08006", "cut off", {}),
    "reset-once/{key}": ("08006", "cut off", {}),
    "empty": ("2200M", "it is empty", {}),
    "cut": ("08006", "cut off", {}),
    "cut-chunked": ("08006", "cut off", {}),
    "gzip-bomb": ("54000", "larger than 1048576 bytes", SMALL),
    "endless": ("54000", "larger than 1048576 bytes", SMALL),
    "redirect": ("08P01", "https://elsewhere.example/scripts/XML_daily.asp", {}),
    "status-204": ("08P01", "HTTP status 204", {}),
    "status-400": ("08P01", "HTTP status 400", {}),
    "status-403": ("08P01", "HTTP status 403", {}),
    "status-404": ("08P01", "HTTP status 404", {}),
    "status-429": ("08P01", "HTTP status 429", {}),
    "status-500": ("08P01", "HTTP status 500", {}),
    "status-503": ("08P01", "HTTP status 503", {}),
    "retry-after-long": ("08P01", "HTTP status 429", {}),
    "unavailable-once/{key}": ("08P01", "HTTP status 503", {}),
    "busy-once/{key}": ("08P01", "HTTP status 429", {}),
    "html": ("2200M", "HTML page", {}),
    "html-403": ("08P01", "HTTP status 403", {}),
    "dtd": ("2200M", "DOCTYPE", {}),
    "entity-bomb": ("2200M", "DOCTYPE", {}),
    "external-entity": ("2200M", "DOCTYPE", {}),
    "external-dtd": ("2200M", "DOCTYPE", {}),
    "wrong-root": ("2200M", "root element is \"Rates\"", {}),
    "truncated-xml": ("2200M", "not well-formed", {}),
    "mislabelled": ("2200M", "written in UTF-8", {}),
    "leading-space": ("2200M", "white space stands before", {}),
    "error-in-parameters": ("22008", "Error in parameters", {}),
    "no-date": ("2200M", "\"Date\" is missing", {}),
    "bad-date": ("22P02", "31.02.2002", {}),
    "shift-date/1": ("2200M", "2002-03-03", {}),
    "stale": ("2200M", "2002-01-21", {}),
    "no-valutes": ("2200M", "quotes no currency", {}),
    "duplicate-id": ("2200M", "appears twice", {}),
    "bad-number": ("22P02", "30,94x6", {}),
    "zero-value": ("22P02", "0,0000", {}),
    "negative-value": ("22P02", "-30,9436", {}),
    "bad-nominal": ("22P02", "1,5", {}),
    "zero-nominal": ("22P02", "\"0\"", {}),
    "missing-value": ("2200M", "\"Value\" is missing", {}),
    "missing-char-code": ("2200M", "\"CharCode\" is missing", {}),
    "missing-id": ("2200M", "\"ID\" is missing", {}),
}
# path after /fault/ -> a column of the dollar's row, and what is stored in it
TAKEN = {
    "latency-50": ("value", "30.9436"),
    "gzip": ("value", "30.9436"),
    "own-date": ("effective_date", DAY),
    "missing-num-code": ("num_code", None),
    "hostile-name": ("name", "O'Brien \"); DROP TABLE t_currency; -- \\ <b>"),
    "unencodable-name": ("name", "Доллар США中"),
    "corrected": ("value", "31.0000"),
    "corrected-nominal": ("nominal", "10"),
}
# path after /fault/ -> what cbr_dynamic makes of it: SQLSTATE, or the number of records
SERIES = {
    "fail-for-ID/R01235": "08P01",
    "hang-for-ID/R01235": "08001",
    "fail-for-ID/R01239": 3,
    "wrong-echo-id": "2200M",
    "wrong-echo-range": "2200M",
    "record-outside": "2200M",
    "duplicate-record": "2200M",
    "foreign-id": 3,
    "shuffled": 3,
    "empty-series": 0,
}


def names():
    """The faults' names in the tables above."""
    return {path.partition("/")[0] for path in [*REFUSED, *TAKEN, *SERIES]}


@pytest.mark.parametrize("entry", FAULTS, ids=lambda entry: entry.spec)
def test_every_fault_of_the_stand_in_has_a_row_here(entry):
    assert any(entry.pattern.fullmatch(name) for name in names())


@pytest.mark.parametrize("name", sorted(names()))
def test_every_row_here_is_a_fault_of_the_stand_in(name):
    assert find_fault(name)[0]


def assert_nothing_left(session):
    """No row; no more than the one connection that is kept for the next request."""
    assert session.stored() == (0, 0)
    assert len(tcp_sockets(session.pid)) <= 1


def assert_goes_on(session):
    """A good fetch follows in the same session."""
    session.use("", timeout="60s", connect_timeout="60s", max_response_size="16MB")
    assert session.fetch() == 3
    assert session.stored() == (3, 1)
    assert len(tcp_sockets(session.pid)) <= 1


@pytest.mark.parametrize("path", REFUSED)
def test_fault_is_refused_and_leaves_nothing(session, bank, key, path):
    sqlstate, text, settings = REFUSED[path]
    session.use("/fault/" + path.format(key=key), **settings)
    error = session.fetch_error()
    assert error.pgcode == sqlstate
    assert text in words(error)
    assert re.search(r"127\.0\.0\.1", error.diag.message_primary), "the message names the host"
    assert len(bank.recorded()) == 1
    assert_nothing_left(session)
    assert_goes_on(session)


@pytest.mark.parametrize("path", TAKEN)
def test_fault_that_is_none_is_stored(session, path):
    column, expected = TAKEN[path]
    session.use("/fault/" + path)
    assert session.fetch() == 3
    assert session.stored() == (3, 1)
    assert session.value(f"SELECT {column}::text FROM t_currency WHERE char_code = 'USD'") == expected


def test_repeated_faults_leave_no_connections(session):
    for _ in range(5):
        for path in ("closed", "cut", "hang-body", "endless", "redirect", "wrong-root"):
            session.use("/fault/" + path, timeout="100ms", **SMALL)
            session.fetch_error()
    assert_nothing_left(session)
    assert_goes_on(session)


def test_connect_that_hangs_is_refused_and_leaves_nothing(session, bank):
    session.use(bank.hung_url, connect_timeout="300ms")
    error = session.fetch_error()
    assert error.pgcode == "08001"
    assert "timed out while connecting" in error.diag.message_primary
    assert_nothing_left(session)
    assert_goes_on(session)


def test_refused_connection_is_08001_and_leaves_nothing(session):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # taken, but nobody listens
        session.use(f"http://127.0.0.1:{taken.getsockname()[1]}")
        error = session.fetch_error()
    assert error.pgcode == "08001"
    assert "could not connect" in error.diag.message_primary
    assert_nothing_left(session)
    assert_goes_on(session)


def test_server_that_speaks_no_http_is_an_error_and_leaves_nothing(session):
    with socket.create_server(("127.0.0.1", 0)) as server:
        session.use(f"http://127.0.0.1:{server.getsockname()[1]}")
        call = session.start_fetch()
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"SSH-2.0-something\r\n")
            connection.shutdown(socket.SHUT_WR)
            assert call.error().pgcode in ("08P01", "08006")
    assert_nothing_left(session)
    assert_goes_on(session)


def test_currencies_that_are_not_quoted_are_p0002_and_leave_nothing(session):
    assert session.error("SELECT cbr_fetch(%s, '{ZZZ}')", DAY).pgcode == "P0002"
    assert_nothing_left(session)
    assert_goes_on(session)


@pytest.mark.parametrize("sql, sqlstate", [
    ("SELECT cbr_fetch('1992-06-30')", "22008"),
    ("SELECT cbr_fetch('infinity')", "22008"),
    ("SELECT cbr_fetch('2002-03-02', '{dollar}')", "22023"),
])
def test_what_cannot_be_meant_is_refused_before_any_request(session, bank, sql, sqlstate):
    assert session.error(sql).pgcode == sqlstate
    assert bank.recorded() == []
    assert_nothing_left(session)
    assert_goes_on(session)


def test_date_that_is_not_published_is_55000_and_leaves_nothing(session):
    assert session.fetch_error("9999-12-31").pgcode == "55000"
    assert_nothing_left(session)
    assert_goes_on(session)


@pytest.mark.parametrize("path", SERIES)
def test_fault_of_a_series(session, path):
    session.use("/fault/" + path, timeout="300ms")
    sql = "SELECT effective_date, cbr_id FROM cbr_dynamic('R01235', '2002-03-01', '2002-03-05')"
    if isinstance(SERIES[path], str):
        assert session.error(sql).pgcode == SERIES[path]
    else:
        rows = session.rows(sql)
        assert len(rows) == SERIES[path]
        assert rows == sorted(rows)
        assert all((cbr_id == "R01235") != (path == "foreign-id") for _, cbr_id in rows)
