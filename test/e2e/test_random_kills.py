"""Sessions fetch and backfill without pause while backends and the whole server are killed at random moments.

What a call has returned must be there after it, what is there must be whole and true, and in the end everything must be
as if nothing had happened. CBR_KILL_SECONDS says how long, 20 by default; CBR_KILL_SEED repeats a schedule as far as the
machine's own chance allows. scripts/random-kills runs this alone.
"""
import os
import random
import signal
import threading
import time

import psycopg2
import pytest

from cluster import TEMPLATE, eventually
from session import Session

SECONDS = float(os.environ.get("CBR_KILL_SECONDS", "20"))
SEED = os.environ.get("CBR_KILL_SEED") or str(random.SystemRandom().randrange(10**9))
WORKERS = 4
DAYS = [f"2002-03-{day:02}" for day in range(2, 5)]
CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF"]
RANGE = ("2002-03-02", "2002-03-04")
TABLE = "SELECT cbr_id, date, value, nominal, effective_date, name <> '' FROM t_currency ORDER BY cbr_id, date"
# Documents that are in the log and not whole in the table: a day's all, or a currency's range.
HALF = """
    SELECT l.* FROM cbr_fetch_log l
     WHERE l.rates <> (SELECT count(*) FROM t_currency c
                        WHERE c.date BETWEEN l.requested_date AND coalesce(l.last_date, l.requested_date)
                          AND (l.cbr_id IS NULL OR c.cbr_id = l.cbr_id))"""
LOGGED = "SELECT coalesce(sum(inserted), 0) = (SELECT count(*) FROM t_currency) FROM cbr_fetch_log"
# A call that was killed has one of these, or none that reached the client; 55P03 is another backfill's lock.
ALLOWED = {None, "57014", "57P01", "57P02", "57P03", "08006", "55P03"}


class Worker(threading.Thread):
    """Calls until it is told to stop, and remembers what was returned to it."""

    def __init__(self, number, connect, stop):
        super().__init__(daemon=True)
        self.chance = random.Random(f"{SEED}/{number}")
        self.connect, self.stop = connect, stop
        self.session = None
        self.returned, self.killed, self.problems = [], 0, []

    def run(self):
        while not self.stop.is_set():
            try:
                self.session = self.session or self.connect()
                self.call()
            except psycopg2.Error as error:
                if error.pgcode not in ALLOWED:
                    self.problems.append(error)
                    return
                self.killed += error.pgcode != "55P03"
                self.tidy()
            except Exception as problem:  # told to the main thread, whatever it is
                self.problems.append(problem)
                return

    def tidy(self):
        """Leave the transaction block that an error may have ended, or the session that is no more."""
        try:
            if self.session:
                self.session.rows("ROLLBACK")
        except psycopg2.Error:
            self.session = None

    def call(self):
        what = self.chance.choice(["fetch", "fetch", "backfill", "block", "empty"])
        if what == "fetch":
            day = self.chance.choice(DAYS)
            assert self.session.value("SELECT cbr_fetch(%s, '{*}')", day) == 17
            self.returned.append(day)
        elif what == "backfill":
            self.session.rows("CALL cbr_backfill(%s, %s, %s)", *RANGE, self.chance.sample(CURRENCIES, 3))
            self.returned.append("range")
        elif what == "block":
            self.session.rows(f"BEGIN; SELECT cbr_fetch('{DAYS[0]}', '{{*}}'); SELECT cbr_fetch('{DAYS[1]}', '{{*}}'); COMMIT")
            self.returned.append("block")
        else:
            self.session.rows("BEGIN; LOCK TABLE t_currency, cbr_fetch_log; TRUNCATE t_currency, cbr_fetch_log; COMMIT")
            self.returned.append("empty")


def backends(session):
    return [pid for pid, in session.rows(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND datname = %s"
        " AND pid <> pg_backend_pid()", TEMPLATE)]


class Killer:
    """One kill after another; after each, what is stored is looked at under one snapshot."""

    def __init__(self, server, connect):
        self.chance = random.Random(SEED)
        self.server, self.connect = server, connect
        self.kills = {}

    def strike(self):
        watching = self.connect()
        pids = backends(watching)
        how = self.chance.choice(["cancel", "cancel", "terminate", "terminate", "kill -9 a backend", "immediate stop"])
        self.kills[how] = self.kills.get(how, 0) + 1
        pid = self.chance.choice(pids) if pids else None
        if how in ("cancel", "terminate"):
            watching.rows(f"SELECT pg_{how}_backend(%s)", pid)
        elif how == "immediate stop":
            self.server.stop("immediate")
            self.server.start()
        elif pid:
            self.server.expect_killed(pid)
            os.kill(pid, signal.SIGKILL)
        try:
            watching.close()
        except psycopg2.Error:
            pass

    def inspect(self):
        session = self.connect()
        try:
            session.rows("BEGIN ISOLATION LEVEL REPEATABLE READ")
            session.rows("LOCK TABLE t_currency IN ACCESS SHARE MODE")  # in the order of all else: before the log
            assert session.rows(HALF) == []
            assert session.value(LOGGED)
            rows = session.rows(TABLE)
            session.rows("ROLLBACK")
            return rows
        finally:
            session.close()


@pytest.fixture
def server(make_cluster):
    server = make_cluster()
    server.start()
    server.make_template()
    return server


@pytest.fixture
def undisturbed(session):
    """What is stored when nobody kills."""
    for day in DAYS:
        session.value("SELECT cbr_fetch(%s, '{*}')", day)
    session.rows("CALL cbr_backfill(%s, %s, %s)", *RANGE, CURRENCIES)
    return session.rows(TABLE)


def test_random_kills_leave_no_half_and_no_lie(server, bank, undisturbed):
    print(f"CBR_KILL_SEED={SEED}")

    def connect():
        def attempt():
            try:
                return Session(server, bank.url, database=TEMPLATE).use("/fault/latency-20")
            except psycopg2.Error:
                return None
        return eventually(attempt, "a server that takes sessions")

    stop = threading.Event()
    workers = [Worker(number, connect, stop) for number in range(WORKERS)]
    for worker in workers:
        worker.start()
    killer = Killer(server, connect)
    inspections = 0
    end = time.monotonic() + SECONDS
    while time.monotonic() < end and not any(worker.problems for worker in workers):
        time.sleep(killer.chance.uniform(0, 0.4))
        killer.strike()
        try:
            rows = killer.inspect()
        except psycopg2.OperationalError:
            continue  # the crash came in between
        assert set(rows) <= set(undisturbed)
        inspections += 1
    stop.set()
    for worker in workers:
        worker.join()
    problems = [str(problem) for worker in workers for problem in worker.problems]
    assert problems == [], server.log_text()[-5000:]
    session = connect()
    for day in DAYS:
        assert session.value("SELECT cbr_fetch(%s, '{*}')", day) == 17
    session.rows("CALL cbr_backfill(%s, %s, %s)", *RANGE, CURRENCIES)
    assert session.rows(TABLE) == undisturbed
    assert session.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    session.close()
    returned = sum(len(worker.returned) for worker in workers)
    print(f"{sum(killer.kills.values())} kills {killer.kills}, {sum(w.killed for w in workers)} calls killed, "
          f"{returned} returned, {inspections} inspections")
    assert returned and inspections
