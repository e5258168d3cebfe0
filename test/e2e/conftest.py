"""Fixtures of the end-to-end tests: servers, databases, the stand-in for the Bank, sessions, and the watchdog."""
import faulthandler
import itertools
import os
import pathlib
import shutil
import signal
import sys
import threading

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bank")]

from bank import Bank  # noqa: E402
from certificates import LONG, Authority  # noqa: E402
from cluster import TEMPLATE, Cluster  # noqa: E402
from proxy import Proxy, behind_a_gate  # noqa: E402
from session import Session  # noqa: E402

PATIENCE = int(os.environ.get("CBR_E2E_PATIENCE", "180"))  # seconds for one test, its fixtures included
SERIAL = itertools.count(1)


class Hangs(BaseException):
    """A test took longer than the watchdog allows. No `except Exception` may swallow it."""


def pytest_configure():
    if "CBR_BINDIR" not in os.environ:
        pytest.exit("CBR_BINDIR is not set: the server's bin directory, with cbr installed beside it", 2)
    if os.geteuid() == 0:
        pytest.exit("PostgreSQL does not run as root: start the tests as another user", 2)


def pytest_terminal_summary(terminalreporter):
    """What each file's tests came to, in lines that scripts/test adds to its own."""
    files = {}
    for outcome, place in (("passed", 0), ("failed", 1), ("error", 1), ("skipped", 2)):
        for report in terminalreporter.stats.get(outcome, []):
            files.setdefault(pathlib.PurePath(report.nodeid.split("::")[0]).name, [0, 0, 0])[place] += 1
    for name, counts in sorted(files.items()):
        terminalreporter.write_line("{}: {} passed, {} failed, {} skipped".format(name, *counts))


def give_up():
    """The last resort: end the run. The guards of the clusters then stop the servers."""
    faulthandler.dump_traceback(sys.__stderr__)
    os._exit(3)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    """End a test that hangs, and then its teardown if that hangs, and then the run. (The timers of faulthandler would
    not do: pytest cancels them whenever a test fails.)"""
    def bark(_signal, _frame):
        faulthandler.dump_traceback(sys.__stderr__)
        raise Hangs(f"{item.nodeid} hangs since {PATIENCE} s")

    before = signal.signal(signal.SIGALRM, bark)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, PATIENCE)
    last_resort = threading.Timer(3 * PATIENCE, give_up)
    last_resort.daemon = True
    last_resort.start()
    try:
        yield
    finally:
        last_resort.cancel()
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def cluster():
    """The server that most tests share. Its log is searched at the end, which may fail the run."""
    server = Cluster()
    try:
        server.init()
        server.start()
        server.make_template()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="module")
def make_cluster(cluster):
    """Makes clusters for tests that stop, kill, or start a server in some way of their own."""
    made = []

    def make(configure="", environment=None, initialize=Cluster.init):
        server = Cluster(environment)
        made.append(server)
        initialize(server)
        server.configure(configure)
        return server

    yield make
    problems = []
    for server in reversed(made):
        try:
            server.remove()
        except AssertionError as problem:
            problems.append(str(problem))
    assert not problems, "\n".join(problems)


@pytest.fixture
def database(cluster):
    """The name of a new database with the extension."""
    name = f"test_{next(SERIAL)}"
    cluster.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    yield name
    cluster.drop_database(name)


@pytest.fixture
def bank():
    """The stand-in for the Bank, with nothing requested yet."""
    with Bank() as running:
        yield running


@pytest.fixture
def gate(bank):
    """The stand-in behind a gate: an event to set, and what takes the requests until then."""
    opened = threading.Event()
    with Proxy(behind_a_gate(bank.url, opened)) as before:
        yield opened, before
        opened.set()


@pytest.fixture
def connect(cluster, database, bank):
    """Opens sessions in the test's database that ask the stand-in under a path."""
    sessions = []

    def open_session(path="", **settings):
        session = Session(cluster, bank.url, database=database)
        sessions.append(session)
        return session.use(path, **settings)

    yield open_session
    for session in sessions:
        session.close()


@pytest.fixture
def session(connect):
    """A session of the superuser."""
    return connect()


@pytest.fixture
def observer(connect):
    """Another session of the superuser, to look at the first."""
    return connect()


@pytest.fixture
def role(cluster, database):
    """The name of a new role that may log in, and nothing else."""
    name = f"role_{next(SERIAL)}"
    cluster.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    cluster.execute(f"DROP OWNED BY {name}", database)
    cluster.execute(f"DROP ROLE {name}")


@pytest.fixture
def connect_as(cluster, database, bank):
    """Opens sessions of a role in the test's database; cbr.base_url is as the role finds it."""
    sessions = []

    def open_session(user, **parameters):
        session = Session(cluster, bank.url, database=database, user=user, **parameters)
        sessions.append(session)
        return session

    yield open_session
    for session in sessions:
        session.close()


@pytest.fixture
def key():
    """A key that no other test gives to the stand-in's faults."""
    return f"key{next(SERIAL)}"


@pytest.fixture(scope="session")
def openssl():
    """The openssl program, without which the test is skipped."""
    found = shutil.which("openssl")
    if not found:
        pytest.skip("no openssl program")
    return found


@pytest.fixture(scope="module")
def authority(openssl, tmp_path_factory):
    return Authority(openssl, tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def good_certificate(authority):
    return authority.issue("good", "IP:127.0.0.1", LONG)


@pytest.fixture
def secure_bank(good_certificate):
    with Bank(**good_certificate) as running:
        yield running
