"""Where nothing can be written: a read-only transaction and a physical standby. What stores is refused before any
request; what only reads works.
"""
import urllib.request

import pytest

from cluster import TEMPLATE, Cluster, eventually
from session import DAY, Session

STORING = {
    "cbr_fetch": "SELECT cbr_fetch('2002-03-02')",
    "cbr_fetch of the latest": "SELECT cbr_fetch()",
    "cbr_load": "SELECT cbr_load('no document', '2002-03-02')",
}


@pytest.fixture(scope="module")
def standby(cluster, make_cluster):
    server = make_cluster(configure="hot_standby = on", initialize=lambda new: Cluster.copy_of(new, cluster))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def standby_session(standby, bank):
    session = Session(standby, bank.url, database=TEMPLATE).use()
    yield session
    session.close()


@pytest.fixture
def read_only(session):
    session.rows("BEGIN READ ONLY")
    return session


@pytest.mark.parametrize("sql", STORING.values(), ids=STORING)
def test_read_only_transaction_stores_nothing_and_asks_nothing(read_only, bank, sql):
    error = read_only.error(sql)
    assert error.pgcode == "25006"
    assert "in a read-only transaction" in error.diag.message_primary
    assert bank.recorded() == []


def test_transactions_that_are_read_only_by_default_ask_nothing(session, bank):
    session.rows("SET default_transaction_read_only = on")
    assert session.fetch_error().pgcode == "25006"
    assert bank.recorded() == []


@pytest.mark.parametrize("sql", STORING.values(), ids=STORING)
def test_standby_stores_nothing_and_asks_nothing(standby_session, bank, sql):
    error = standby_session.error(sql)
    assert error.pgcode == "25006"
    assert "during recovery" in error.diag.message_primary
    assert bank.recorded() == []


def document(bank):
    """The document of the stand-in."""
    with urllib.request.urlopen(f"{bank.url}/scripts/XML_daily.asp?date_req=02/03/2002") as answer:
        return answer.read()


@pytest.mark.parametrize("where", ["read_only", "standby_session"])
def test_what_only_reads_works(request, bank, where):
    session = request.getfixturevalue(where)
    assert session.value("SELECT count(*) FROM cbr_daily(%s)", DAY) == 17
    assert session.value("SELECT count(*) FROM cbr_parse_daily(%s)", document(bank)) == 17
    assert session.stored() == (0, 0)


def test_standby_sees_what_the_primary_stored(cluster, standby, bank):
    """Run last in this file: it leaves rows in the template, which it takes away again."""
    primary = Session(cluster, bank.url, database=TEMPLATE).use()
    session = Session(standby, bank.url, database=TEMPLATE)
    try:
        primary.fetch()
        position = primary.value("SELECT pg_current_wal_lsn()::text")
        replayed = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
        eventually(lambda: session.value(replayed, position), "the replay")
        assert session.stored() == (3, 1)
    finally:
        primary.rows("TRUNCATE t_currency, cbr_fetch_log")
        primary.close()
        session.close()
