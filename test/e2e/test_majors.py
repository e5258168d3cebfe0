"""From one major version of PostgreSQL to another: dump and restore, and pg_upgrade, with rates inside.

CBR_OTHER_BINDIRS names the bin directories of other servers with cbr installed beside them, separated by colons.
"""
import itertools
import os
import pathlib
import subprocess

import pytest

from cluster import Cluster, bindir
from session import DAY, Session

OTHERS = [pathlib.Path(name) for name in os.environ.get("CBR_OTHER_BINDIRS", "").split(":") if name]
RATES = "SELECT * FROM rates.t_currency ORDER BY id"
LOG = "SELECT * FROM rates.cbr_fetch_log ORDER BY id"
SEQUENCES = "SELECT a.last_value, b.last_value FROM rates.t_currency_id_seq a, rates.cbr_fetch_log_id_seq b"
BACKFILL = "CALL rates.cbr_backfill('2026-03-03', '2026-03-14', '{USD, EUR}')"


def major(programs):
    said = subprocess.run([programs / "postgres", "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout
    return int(said.split()[2].partition(".")[0].rstrip("abcdefghijklmnopqrstuvwxyz"))


@pytest.fixture(scope="module")
def ladder():
    """All servers there are, from the oldest to the newest. Two of one major will do for a try."""
    if not OTHERS:
        pytest.skip("CBR_OTHER_BINDIRS names no other servers")
    return sorted([bindir(), *OTHERS], key=major)


@pytest.fixture
def new_cluster():
    """Makes clusters of other servers, not yet started."""
    made = []

    def make(programs):
        server = Cluster(programs=programs)
        made.append(server)
        server.init("--data-checksums")  # one default for all: pg_upgrade wants the same on both sides
        return server
    yield make
    for server in reversed(made):
        server.remove()


def opened(server, bank):
    session = Session(server, bank.url, database="books").use()
    session.rows("SET search_path = rates, public")
    return session


def fill(server, bank):
    """A database with the extension in a schema of its own, and everything that it stores."""
    server.execute("CREATE DATABASE books")
    server.execute("CREATE SCHEMA rates", "books")
    server.execute("CREATE EXTENSION cbr SCHEMA rates", "books")
    session = opened(server, bank)
    session.value("SELECT cbr_fetch(%s, '{*}')", DAY)
    session.use("/fault/corrected").fetch()
    session.use().rows(BACKFILL)
    session.rows("INSERT INTO t_currency (name, char_code, value, date) VALUES ('old', 'OLD', 1.50, '2001-01-01')")
    session.rows("CREATE VIEW dollars AS SELECT date, cbr_rate('USD', date::date) FROM t_currency WHERE char_code = 'USD'")
    found = everything(session)
    session.close()
    return found


def everything(session):
    return [session.rows(sql) for sql in (RATES, LOG, SEQUENCES, "SELECT * FROM dollars ORDER BY 1")]


def assert_lives_on(server, bank, expected):
    session = opened(server, bank)
    assert everything(session) == expected
    assert session.value("SELECT cbr_convert(1, 'USD', 'EUR', '2026-03-05')") > 0
    session.value("SELECT cbr_fetch(%s, '{*}')", DAY)
    assert session.rows("SELECT inserted, changed FROM cbr_fetch_log ORDER BY id DESC LIMIT 1") == [(0, 1)]
    assert session.fetch("2023-11-02") == 3
    session.rows(BACKFILL)
    assert session.value("SELECT count(*) FROM t_currency") == len(expected[0]) + 3
    session.close()


def test_dump_of_each_restores_into_each_that_is_newer(ladder, new_cluster, bank, tmp_path):
    servers = []
    for programs in ladder:
        server = new_cluster(programs)
        server.start()
        servers.append(server)
    for old, new in itertools.combinations(servers, 2):
        for server in (old, new):
            server.execute("DROP DATABASE IF EXISTS books")
        expected = fill(old, bank)
        file = tmp_path / "dump"
        new.program("pg_dump", "-Fc", "-f", file, "-h", old.root, "-U", "postgres", "books")
        new.program("pg_restore", "--exit-on-error", "--create", "-h", new.root, "-U", "postgres", "-d", "postgres", file)
        assert_lives_on(new, bank, expected)


def upgrade(old, new):
    """pg_upgrade, which says on its standard output what went wrong."""
    command = [new.programs / "pg_upgrade", "-b", old.programs, "-B", new.programs, "-d", old.data, "-D", new.data,
               "-U", "postgres", "-s", new.root]
    done = subprocess.run(command, cwd=new.root, env=new.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True)
    assert done.returncode == 0, done.stdout


def test_pg_upgrade_up_the_whole_ladder(ladder, new_cluster, bank):
    """Each step upgrades the cluster of the step before it, and works."""
    server = new_cluster(ladder[0])
    server.start()
    expected = fill(server, bank)
    for programs in ladder[1:]:
        following = new_cluster(programs)
        server.stop()
        upgrade(server, following)
        following.start()
        server = following
        session = opened(server, bank)
        assert everything(session) == expected
        assert session.fetch("2015-10-15") == 3  # each step stores something of its own
        session.rows("DELETE FROM t_currency WHERE date = '2015-10-15'")
        expected = everything(session)
        session.close()
    assert_lives_on(server, bank, expected)
