"""A session's memory over many calls, told ten times on the way: what its contexts hold (pg_backend_memory_contexts and
pg_log_backend_memory_contexts, since PostgreSQL 14), what is resident and its own, open sockets. Run by bench/soak.
"""
import itertools
import pathlib
import re
import sys
import time

import psycopg2

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "test" / "bank")]

from bank import Bank  # noqa: E402
from cluster import TEMPLATE, Cluster, eventually  # noqa: E402
from session import Session, tcp_sockets  # noqa: E402
from test_backfill import resident_bytes  # noqa: E402

LEAK_BYTES_A_CALL = 20  # what would show: a leaked list cell, or a malloc of the smallest kind
NOISE_BYTES = 1_000_000
RANGE = "'2002-03-01', '2002-03-06'"
# Path of the stand-in, the call, and how it ends: None or an SQLSTATE.
CALLS = [
    ("", "SELECT cbr_fetch('2002-03-02', '{*}')", None),
    ("/fault/corrected", "SELECT cbr_fetch('2002-03-02')", None),
    ("", "SELECT cbr_fetch('2002-03-02')", None),
    ("", "SELECT cbr_fetch('2023-11-02')", None),
    ("", "SELECT * FROM cbr_daily('2002-03-02')", None),
    ("", f"SELECT * FROM cbr_dynamic('USD', {RANGE})", None),
    ("", "SELECT * FROM cbr_currencies()", None),
    ("", "SELECT * FROM cbr_metals('2023-11-01', '2023-11-03')", None),
    ("", "SELECT * FROM cbr_key_rate('2023-11-01', '2023-11-03')", None),
    ("", f"CALL cbr_backfill({RANGE}, '{{USD, EUR}}')", None),
    ("", f"DELETE FROM t_currency WHERE date < '2002-03-05'; CALL cbr_backfill({RANGE}, '{{USD, EUR}}')", None),
    ("", "SELECT sum(cbr_convert(1, 'USD', 'EUR', date::date)) FROM t_currency WHERE cbr_id = 'R01239'", None),
    ("", "SELECT cbr_rate('USD', '2002-03-02'), cbr_rate('GBP', '2099-01-01')", None),
    ("", "SELECT cbr_load('<ValCurs Date=\"02.03.2002\"/>', '2002-03-02')", "2200M"),
    ("", "SELECT cbr_convert(1, 'USD', 'EUR', '1999-01-01')", "P0002"),
    ("", "SELECT cbr_fetch('2002-03-02', '{ZZZ}')", "P0002"),
    ("", "SELECT cbr_fetch('1992-06-30')", "22008"),
    ("", "SELECT cbr_fetch('2002-03-02', '{dollar}')", "22023"),
    ("/fault/status-503", "SELECT cbr_fetch('2002-03-02')", "08P01"),
    ("/fault/redirect", "SELECT * FROM cbr_daily('2002-03-02')", "08P01"),
    ("/fault/html", "SELECT cbr_fetch('2002-03-02')", "2200M"),
    ("/fault/dtd", "SELECT cbr_fetch('2002-03-02')", "2200M"),
    ("/fault/truncated-xml", "SELECT cbr_fetch('2002-03-02')", "2200M"),
    ("/fault/bad-number", "SELECT cbr_fetch('2002-03-02')", "22P02"),
    ("/fault/closed", "SELECT cbr_fetch('2002-03-02')", "08006"),
    ("/fault/cut", "SELECT * FROM cbr_daily('2002-03-02')", "08006"),
    ("/fault/hang-body", "SELECT cbr_fetch('2002-03-02')", "57014"),
    ("/fault/fail-for-ID/R01239", f"DELETE FROM t_currency WHERE date = '2002-03-03'; CALL cbr_backfill({RANGE}, '{{USD, EUR, GBP}}')", "08P01"),
    ("/fault/record-outside", f"SELECT * FROM cbr_dynamic('USD', {RANGE})", "2200M"),
]


def call(session, path, sql, expected):
    """One call, which ends as it should. A transfer that hangs is ended by statement_timeout."""
    session.rows(f"SET cbr.base_url = '{session.bank_url}{path}'; SET statement_timeout = {5 if 'hang' in path else 0}")
    try:
        for statement in sql.split("; "):
            session.rows(statement)
        ended = None
    except psycopg2.Error as error:
        ended = error.pgcode
    if ended != expected:
        sys.exit(f"{path} {sql}: ended with {ended}, and not {expected}")
    return expected is not None


def grand_total(session, observer):
    """What the server itself writes into its log."""
    if session.version() < 14:
        return None
    before = len(session.cluster.log_text())
    observer.rows("SELECT pg_log_backend_memory_contexts(%s)", session.pid)
    session.rows("SELECT 1")
    told = eventually(lambda: re.search(rf"\[{session.pid}\].*Grand total: (\d+) bytes", session.cluster.log_text()[before:]),
                      "the log")
    return int(told.group(1))


def measure(session, observer):
    contexts = session.value("SELECT sum(total_bytes) FROM pg_backend_memory_contexts") if session.version() >= 14 else None
    return contexts, grand_total(session, observer), resident_bytes(session.pid), len(tcp_sockets(session.pid))


def kilobytes(value):
    return "-" if value is None else f"{int(value) // 1024}"


def soak(session, observer, calls):
    """The measurements, the first of them after a tenth as a warm-up."""
    work, failed, measured = itertools.cycle(CALLS), 0, []
    begin = time.monotonic()
    print("| calls | of them failed | contexts, kB | logged, kB | resident, kB | sockets | calls/s |\n|---|---|---|---|---|---|---|")
    for tenth in range(1, 11):
        for number in range(calls // 10):
            failed += call(session, *next(work))
            if number % 1000 == 0:  # a log of many thousand lines would make the server compile what reads it: 10 MB once
                observer.rows("TRUNCATE cbr_fetch_log")
        measured.append(measure(session, observer))
        contexts, logged, resident, sockets = measured[-1]
        done = tenth * (calls // 10)
        print(f"| {done} | {failed} | {kilobytes(contexts)} | {kilobytes(logged)} | {kilobytes(resident)} | {sockets} "
              f"| {done / (time.monotonic() - begin):.0f} |", flush=True)
    return measured


def growth(measured, column, calls):
    first, last = measured[0][column], measured[-1][column]
    return 0 if first is None else (int(last) - int(first)) / calls


def main():
    calls = int(sys.argv[1])
    server = Cluster()
    try:
        server.init()
        server.start()
        server.make_template()
        with Bank() as bank:
            session, observer = (Session(server, bank.url, database=TEMPLATE).use() for _ in range(2))
            session.set("max_connections", 2)
            measured = soak(session, observer, calls)
            session.close()
            observer.close()
    finally:
        server.remove()
    for name, column in (("contexts", 0), ("resident", 2)):
        grown = growth(measured, column, calls * 0.9)
        print(f"| {name} | {grown:+.1f} bytes a call | | | | | |")
        if grown > LEAK_BYTES_A_CALL + NOISE_BYTES / calls:
            sys.exit(f"{name} grow")


if __name__ == "__main__":
    main()
