"""Sessions for the end-to-end tests: what a test does with a connection, in words of its own.

psycopg2 waits in Python here, so the watchdog's signal ends a wait for the server, too.
"""
import json
import os
import pathlib
import socket
import threading

import psycopg2
import psycopg2.extensions
import psycopg2.extras

from cluster import eventually

psycopg2.extensions.set_wait_callback(psycopg2.extras.wait_select)
psycopg2.extras.register_default_jsonb(globally=True, loads=lambda text: json.loads(text, parse_float=str))

DAY = "2002-03-02"  # the stand-in has 17 rates of it, three of them in the default of cbr.currencies
SYN_SENT = "02"


class Call(threading.Thread):
    """A statement under way in a thread of its own."""

    def __init__(self, session, sql, parameters):
        super().__init__(daemon=True)
        self._work = (session, sql, parameters)
        self._rows = None
        self._error = None
        self.start()

    def run(self):
        session, sql, parameters = self._work
        try:
            self._rows = session.rows(sql, *parameters)
        except psycopg2.Error as error:
            self._error = error

    def rows(self):
        """Wait for the statement's rows; its error is raised here."""
        self.join()
        if self._error:
            raise self._error
        return self._rows

    def value(self):
        return self.rows()[0][0]

    def error(self):
        """Wait for the error, which there must be."""
        self.join()
        assert self._error, f"no error, but {self._rows}"
        return self._error


class Session:
    """A connection, and the URL of the stand-in that it talks to."""

    def __init__(self, cluster, bank_url, **parameters):
        self.cluster = cluster
        self.connection = cluster.connect(**parameters)
        self.pid = self.connection.get_backend_pid()
        self.bank_url = bank_url

    def use(self, path="", **settings):
        """Ask the stand-in under this path from now on (or another URL), with these settings of cbr."""
        self.set("base_url", path if "://" in path else self.bank_url + path)
        for name, value in settings.items():
            self.set(name, value)
        return self

    def set(self, name, value):
        self.rows(f"SET cbr.{name} = %s", str(value))

    def rows(self, sql, *parameters):
        """The rows of a statement; an empty list where it has none."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, *parameters):
        return self.rows(sql, *parameters)[0][0]

    def error(self, sql, *parameters):
        """The error of a statement that must fail."""
        try:
            rows = self.rows(sql, *parameters)
        except psycopg2.Error as error:
            return error
        raise AssertionError(f"no error, but {rows}: {sql}")

    def start(self, sql, *parameters):
        """Begin a statement and come back at once."""
        return Call(self, sql, parameters)

    def fetch(self, day=DAY):
        return self.value("SELECT cbr_fetch(%s)", day)

    def fetch_error(self, day=DAY):
        return self.error("SELECT cbr_fetch(%s)", day)

    def start_fetch(self, day=DAY):
        return self.start("SELECT cbr_fetch(%s)", day)

    def stored(self):
        """How many rates and how many lines of the log there are."""
        return self.rows("SELECT (SELECT count(*) FROM t_currency), (SELECT count(*) FROM cbr_fetch_log)")[0]

    def version(self):
        return self.connection.server_version // 10000

    def close(self):
        self.connection.close()


def words(error):
    """All that a user reads of an error."""
    parts = [error.diag.message_primary, error.diag.message_detail, error.diag.message_hint, error.diag.context]
    return "\n".join(part for part in [str(error), *parts] if part)


def tcp_sockets(pid):
    """The backend's TCP sockets as (state, remote port, bytes not yet read)."""
    inodes = set()
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            inodes.add(os.readlink(entry))
        except OSError:
            pass
    found = []
    for table in ("tcp", "tcp6"):
        for line in pathlib.Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if f"socket:[{fields[9]}]" in inodes:
                remote_port = int(fields[2].rpartition(":")[2], 16)
                found.append((fields[3], remote_port, int(fields[4].partition(":")[2], 16)))
    return found


def resident_bytes(pid):
    """A process's own memory. Shared pages count as resident once it has touched them: the server's buffers."""
    _, resident, shared = pathlib.Path(f"/proc/{pid}/statm").read_text().split()[:3]
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE")


def alive(pid):
    """Whether the process is there; one that has ended and waits for its parent is not."""
    try:
        return process_state(pid) not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def process_state(pid):
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def has_sent_something(bank):
    """Whether a byte of an answer has arrived at a client of the stand-in (tcpi_bytes_acked of Linux's TCP_INFO)."""
    return any(bytes_acked(connection) for connection in list(bank._server.connections))


def bytes_acked(connection):
    try:
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    except OSError:
        return 0
    return int.from_bytes(info[120:128], "little")


def wait_until_requested(bank, count=1):
    """Wait until the stand-in has seen so many requests."""
    eventually(lambda: len(bank.recorded()) >= count, f"{count} requests")


def wait_until_active_and_asleep(observer, session):
    """Wait until the session's backend executes a statement and sleeps in it."""
    sql = "SELECT state FROM pg_stat_activity WHERE pid = %s"
    eventually(lambda: observer.value(sql, session.pid) == "active" and process_state(session.pid) == "S", "sleep")


def wait_until_blocked(observer, session):
    """Wait until the session's backend waits for another's lock."""
    sql = "SELECT cardinality(pg_blocking_pids(%s)) > 0"
    eventually(lambda: observer.value(sql, session.pid), "a lock's wait")
