"""Cancel, timeout, termination, shutdown and a killed postmaster end a fetch in each of its phases; what is none of
these does not disturb it.

The settings' own limits are hours away, so nothing but the interrupt can end a call; a call that misses it is ended
by the watchdog.
"""
import os
import signal
import subprocess

import pytest

from bank import Bank
from cluster import TEMPLATE, bindir, eventually
from session import (DAY, SYN_SENT, Session, alive, has_sent_something, tcp_sockets, wait_until_active_and_asleep,
                     wait_until_requested)

NEVER = {"timeout": "10min", "connect_timeout": "10min", "retries": 20}
PHASES = {}


def phase(begin):
    """Enter a function into the table of phases: it prepares the session, and returns what waits for the phase."""
    PHASES[begin.__name__] = begin
    return begin


@phase
def connecting(session, bank):
    session.use(bank.hung_url, **NEVER)
    return lambda: any(state == SYN_SENT for state, _, _ in tcp_sockets(session.pid))


@phase
def waiting(session, bank):
    session.use("/fault/hang", **NEVER)
    return lambda: bank.recorded()


@phase
def reading_nothing_after_the_headers(session, bank):
    session.use("/fault/hang-headers", **NEVER)
    return lambda: is_reading(session, bank)


@phase
def reading_half_a_body(session, bank):
    session.use("/fault/hang-body", **NEVER)
    return lambda: is_reading(session, bank)


@phase
def reading_drops(session, bank):
    session.use("/fault/drip", **NEVER)
    return lambda: is_reading(session, bank)


@phase
def pausing_before_a_retry(session, bank):
    session.use("/fault/status-503", **NEVER)
    return lambda: len(bank.recorded()) >= 2


@phase
def pausing_as_retry_after_says(session, bank):
    session.use("/fault/retry-after-long", timeout="2h", connect_timeout="10min", retries=20)
    return lambda: bank.recorded()


@phase
def pausing_for_the_request_interval(session, bank):
    session.use("", request_interval="10min", **NEVER)
    session.rows("SELECT count(*) FROM cbr_daily(%s)", DAY)
    bank.forget()
    return lambda: True


def is_reading(session, bank):
    """An answer has begun, and the backend has taken from the kernel what there was of it."""
    return has_sent_something(bank) and all(unread == 0 for _, _, unread in tcp_sockets(session.pid))


def start_in_phase(name, session, observer, bank):
    """A fetch that is in the phase."""
    reached = PHASES[name](session, bank)
    call = session.start_fetch()
    wait_until_active_and_asleep(observer, session)
    eventually(reached, name)
    return call


def assert_connection_lost(call):
    """Older client libraries lose the connection before they have read why; the log then tells."""
    text = str(call.error())
    assert "terminating connection due to administrator command" in text or "server closed the connection" in text


def assert_log_has_fatal(server, pid, sqlstate):
    eventually(lambda: f"[{pid}] {sqlstate} FATAL" in server.log_text(), sqlstate)


def assert_goes_on(session):
    session.rows("SET statement_timeout = '30s'")  # only so that a call that hangs here fails before the watchdog
    session.use("", request_interval=0, timeout="60s", connect_timeout="60s")
    assert session.fetch() == 3
    assert session.stored() == (3, 1)


@pytest.fixture(params=PHASES)
def phase_name(request):
    return request.param


def test_cancel_ends_the_call_and_the_session_goes_on(session, observer, bank, phase_name):
    call = start_in_phase(phase_name, session, observer, bank)
    assert observer.value("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"
    assert session.stored() == (0, 0)
    assert len(tcp_sockets(session.pid)) <= 1
    if phase_name.endswith("interval"):
        assert bank.recorded() == []
    assert_goes_on(session)


def test_cancel_ends_cbr_daily_too(session, observer, bank):
    session.use("/fault/hang", **NEVER)
    call = session.start("SELECT * FROM cbr_daily(%s)", DAY)
    wait_until_requested(bank)
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"
    assert_goes_on(session)


def test_cancel_inside_a_transaction_leaves_it_to_the_savepoint(session, observer, bank):
    session.rows("BEGIN")
    assert session.fetch() == 3
    session.rows("SAVEPOINT before")
    session.use("/fault/hang", **NEVER)
    call = session.start_fetch("2023-11-02")
    wait_until_requested(bank, 2)
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"
    session.rows("ROLLBACK TO before")
    session.rows("COMMIT")
    assert session.stored() == (3, 1)


def test_statement_timeout_ends_the_call_and_the_session_goes_on(session, bank, phase_name):
    PHASES[phase_name](session, bank)
    session.rows("SET statement_timeout = '1s'")
    error = session.fetch_error()
    assert error.pgcode == "57014"
    assert "statement timeout" in error.diag.message_primary
    session.rows("RESET statement_timeout")
    assert session.stored() == (0, 0)
    assert_goes_on(session)


def test_terminate_ends_the_session_and_nothing_is_stored(session, observer, bank, cluster, phase_name):
    call = start_in_phase(phase_name, session, observer, bank)
    assert observer.value("SELECT pg_terminate_backend(%s)", session.pid)
    assert_connection_lost(call)
    eventually(lambda: not alive(session.pid), "the end of the backend")
    assert_log_has_fatal(cluster, session.pid, "57P01")
    assert observer.stored() == (0, 0)


def test_client_that_was_killed_ends_the_call(session, observer, bank, cluster, database):
    if session.version() < 14:
        pytest.skip("the server cannot look for its client before PostgreSQL 14")
    commands = ["SET client_connection_check_interval = '100ms'", "SET cbr.timeout = '10min'",
                f"SET cbr.base_url = '{bank.url}/fault/hang'", "SELECT cbr_fetch('2002-03-02')"]
    arguments = [part for command in commands for part in ("-c", command)]
    client = subprocess.Popen([bindir() / "psql", "-X", "-q", "-h", cluster.root, "-U", "postgres", *arguments, database],
                              stdout=subprocess.DEVNULL)
    wait_until_requested(bank)
    pid = observer.value("SELECT pid FROM pg_stat_activity WHERE application_name = 'psql'")
    client.kill()
    client.wait()
    eventually(lambda: not alive(pid), "the end of the backend")
    assert observer.stored() == (0, 0)


# Shutdown and a killed postmaster: on a server of their own, which is started again for each test.


@pytest.fixture(scope="module")
def spare_server(make_cluster):
    server = make_cluster()
    server.start()
    server.make_template()
    return server


@pytest.fixture
def spare(spare_server):
    if not spare_server.running():
        spare_server.start()
    return spare_server


def spare_session(server, bank):
    return Session(server, bank.url, database=TEMPLATE).use()


def assert_nothing_stored_after_restart(server, bank):
    server.start()
    session = spare_session(server, bank)
    assert session.stored() == (0, 0)
    session.close()


def test_fast_shutdown_does_not_wait_for_the_call(spare, bank, phase_name):
    session, observer = spare_session(spare, bank), spare_session(spare, bank)
    call = start_in_phase(phase_name, session, observer, bank)
    spare.stop("fast")
    assert_connection_lost(call)
    assert_log_has_fatal(spare, session.pid, "57P01")
    assert_nothing_stored_after_restart(spare, bank)


def test_backend_whose_postmaster_was_killed_goes_away(spare, bank, phase_name):
    session, observer = spare_session(spare, bank), spare_session(spare, bank)
    call = start_in_phase(phase_name, session, observer, bank)
    observer.close()
    os.kill(spare.postmaster_pid(), signal.SIGKILL)
    call.error()
    eventually(lambda: not alive(session.pid), "the end of the backend")
    assert_log_has_fatal(spare, session.pid, "57P01")
    spare.forget_killed_postmaster()
    assert_nothing_stored_after_restart(spare, bank)


# Interrupts that end nothing.


@pytest.fixture
def other_database(cluster, observer):
    """The name of a database that does not exist; what a test makes under it is gone at the end."""
    name = f"other_{observer.pid}"
    yield name
    cluster.drop_database(name)


def test_drop_database_elsewhere_does_not_wait_for_the_call(session, observer, bank, other_database):
    """Since 15 it waits until every backend has taken note of it. This call waits for ever."""
    session.use("/fault/hang", **NEVER)
    call = session.start_fetch()
    wait_until_requested(bank)
    observer.rows(f"CREATE DATABASE {other_database}")
    observer.rows(f"DROP DATABASE {other_database}")
    assert call.is_alive()
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"


def test_memory_contexts_are_logged_while_the_call_waits(session, observer, bank, cluster):
    if session.version() < 14:
        pytest.skip("pg_log_backend_memory_contexts() came with PostgreSQL 14")
    session.use("/fault/hang", **NEVER)
    call = session.start_fetch()
    wait_until_requested(bank)
    observer.rows("SELECT pg_log_backend_memory_contexts(%s)", session.pid)
    eventually(lambda: f"logging memory contexts of PID {session.pid}" in cluster.log_text(), "the log")
    assert call.is_alive()
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"


def disturb(observer, pid, name):
    """All interrupts that a backend gets in everyday life and is to survive."""
    if observer.version() >= 14:
        observer.rows("SELECT pg_log_backend_memory_contexts(%s)", pid)
    observer.rows("SELECT pg_reload_conf()")
    observer.rows("NOTIFY news, 'while it waits'")
    observer.rows("CREATE TABLE unrelated AS SELECT 1 AS one")  # resets of the catalogue's caches
    observer.rows("DROP TABLE unrelated")
    observer.rows(f"CREATE DATABASE {name}")
    observer.rows(f"DROP DATABASE {name}")


@pytest.mark.parametrize("path", ["/fault/latency-3000", "/fault/gzip/fault/latency-3000"])
def test_harmless_interrupts_do_not_disturb_the_call(session, observer, bank, other_database, path):
    session.rows("LISTEN news")
    session.use(path)
    call = session.start_fetch()
    wait_until_requested(bank)
    disturb(observer, session.pid, other_database)
    assert call.value() == 3
    assert session.stored() == (3, 1)
    assert len(bank.recorded()) == 1
    session.rows("SELECT 1")
    assert [notice.payload for notice in session.connection.notifies] == ["while it waits"]


def test_harmless_interrupts_do_not_disturb_a_retry(session, observer, bank, key, other_database):
    session.use(f"/fault/busy-once/{key}", retries=1)
    call = session.start_fetch()
    wait_until_requested(bank)
    disturb(observer, session.pid, other_database)
    assert call.value() == 3
    assert len(bank.recorded()) == 2


def test_stand_in_of_another_session_goes_on_after_a_cancel(session, observer, bank):
    """What one session's cancel ends is that session's call alone."""
    with Bank() as other:
        session.use(other.url + "/fault/hang", **NEVER)
        observer.use("/fault/latency-500")
        hanging, good = session.start_fetch(), observer.start_fetch()
        wait_until_requested(other)
        wait_until_requested(bank)
        third = Session(session.cluster, bank.url, database=session.connection.info.dbname)
        third.rows("SELECT pg_cancel_backend(%s)", session.pid)
        third.close()
        assert hanging.error().pgcode == "57014"
        assert good.value() == 3
