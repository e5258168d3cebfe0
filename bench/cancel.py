"""How long a cancel takes, in each phase of a request: from the moment before pg_cancel_backend() is called, before
statement_timeout strikes, or before pg_ctl stop, to the moment when the client has the error. Run by bench/cancel.
"""
import pathlib
import statistics
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "test" / "e2e"), str(ROOT / "test" / "bank")]

from bank import Bank  # noqa: E402
from cluster import TEMPLATE, Cluster, eventually  # noqa: E402
from session import Session  # noqa: E402
from test_interrupts import PHASES, start_in_phase  # noqa: E402

REPEATS = 20
STATEMENT_TIMEOUT_MS = 300
LIMIT_MS = 100


def milliseconds(begin):
    return (time.perf_counter() - begin) * 1000


def interrupted_by(function):
    def measure(server, bank, observer, phase):
        session = Session(server, bank.url, database=TEMPLATE).use()
        call = start_in_phase(phase, session, observer, bank)
        begin = time.perf_counter()
        observer.rows(f"SELECT {function}(%s)", session.pid)
        call.error()
        taken = milliseconds(begin)
        session.close()
        return taken
    return measure


def statement_timeout(server, bank, _observer, phase):
    session = Session(server, bank.url, database=TEMPLATE).use()
    PHASES[phase](session, bank)
    session.rows(f"SET statement_timeout = {STATEMENT_TIMEOUT_MS}")
    begin = time.perf_counter()
    session.fetch_error()
    taken = milliseconds(begin) - STATEMENT_TIMEOUT_MS
    session.close()
    return taken


def shutdown(server, bank, observer, phase):
    """The time of pg_ctl itself is in it; the observer's connection is lost and made again."""
    session = Session(server, bank.url, database=TEMPLATE).use()
    call = start_in_phase(phase, session, observer, bank)
    begin = time.perf_counter()
    server.program("pg_ctl", "stop", "-W", "-s", "-D", server.data, "-m", "fast")
    call.error()
    taken = milliseconds(begin)
    eventually(lambda: not server.running(), "the end of the server")
    server.start()
    return taken


MEASURES = {"pg_cancel_backend": interrupted_by("pg_cancel_backend"), "statement_timeout": statement_timeout,
            "pg_terminate_backend": interrupted_by("pg_terminate_backend"), "fast shutdown": shutdown}


def main():
    server = Cluster()
    server.init()
    server.start()
    server.make_template()
    worst = 0
    print(f"Milliseconds, median and longest of {REPEATS}\n")
    print("| phase | " + " | ".join(MEASURES) + " |\n" + "|---" * (1 + len(MEASURES)) + "|")
    try:
        for phase in PHASES:
            cells = []
            for measure in MEASURES.values():
                times = []
                for _ in range(REPEATS):
                    with Bank() as bank:
                        observer = Session(server, bank.url, database=TEMPLATE)
                        times.append(measure(server, bank, observer, phase))
                        observer.close()
                worst = max(worst, *times)
                cells.append(f"{statistics.median(times):.1f}, {max(times):.1f}")
            print(f"| {phase.replace('_', ' ')} | " + " | ".join(cells) + " |", flush=True)
    finally:
        server.remove()
    print(f"\nlongest: {worst:.1f} ms, limit {LIMIT_MS} ms")
    return worst > LIMIT_MS


if __name__ == "__main__":
    sys.exit(main())
