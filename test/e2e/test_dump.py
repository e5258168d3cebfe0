"""pg_dump takes rates, log and sequences along, and what it restores goes on being used."""
import itertools

import pytest

from session import Session

SERIAL = itertools.count(1)
EVERYTHING = {
    "rates": "SELECT * FROM {schema}.t_currency ORDER BY id",
    "log": "SELECT * FROM {schema}.cbr_fetch_log ORDER BY id",
    "sequence of rates": "SELECT last_value, is_called FROM {schema}.t_currency_id_seq",
    "sequence of log": "SELECT last_value, is_called FROM {schema}.cbr_fetch_log_id_seq",
}


def plain(cluster, source, target, directory):
    dump = cluster.program("pg_dump", "-h", cluster.root, "-U", "postgres", source)
    cluster.program("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", cluster.root, "-U", "postgres", "-d", target,
                    input=dump)


def custom(cluster, source, target, directory):
    file = directory / "dump"
    cluster.program("pg_dump", "-Fc", "-f", file, "-h", cluster.root, "-U", "postgres", source)
    cluster.program("pg_restore", "--exit-on-error", "-h", cluster.root, "-U", "postgres", "-d", target, file)


@pytest.fixture
def target(cluster):
    """The name of a database that is empty, without the extension."""
    name = f"restored_{next(SERIAL)}"
    cluster.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    yield name
    cluster.drop_database(name)


def fill(session, schema):
    """New rows, a repeated fetch, a correction, a document that was loaded, and a row of the old script's."""
    fetch = f"SELECT {schema}.cbr_fetch(%s, '{{*}}')"
    session.value(fetch, "2002-03-02")
    session.value(fetch, "2002-03-02")
    session.use("/fault/corrected").value(fetch, "2002-03-02")
    session.use().value(fetch, None)
    session.rows(f"INSERT INTO {schema}.t_currency (name, char_code, value, date) VALUES ('old', 'OLD', 1.50, '2001-01-01')")


def everything(session, schema):
    return {name: session.rows(sql.format(schema=schema)) for name, sql in EVERYTHING.items()}


def assert_goes_on(session, schema):
    """New rows find free numbers, and rows that are there are found again."""
    before = session.value(f"SELECT max(id) FROM {schema}.t_currency")
    assert session.value(f"SELECT {schema}.cbr_fetch('2023-11-02')") == 3
    assert session.value(f"SELECT min(id) FROM {schema}.t_currency WHERE date = '2023-11-02'") > before
    session.value(f"SELECT {schema}.cbr_fetch('2002-03-02', '{{*}}')")
    assert session.rows(f"SELECT inserted, changed FROM {schema}.cbr_fetch_log ORDER BY id DESC LIMIT 1") == [(0, 1)]


@pytest.mark.parametrize("schema", ["public", "rates", '"Rates of ""the Bank"""'])
@pytest.mark.parametrize("way", [plain, custom])
def test_dump_and_restore(cluster, session, database, bank, target, tmp_path, way, schema):
    if schema != "public":
        session.rows("DROP EXTENSION cbr")
        session.rows(f"CREATE SCHEMA {schema}")
        session.rows(f"CREATE EXTENSION cbr SCHEMA {schema}")
    fill(session, schema)
    way(cluster, database, target, tmp_path)
    restored = Session(cluster, bank.url, database=target).use()
    try:
        found = everything(restored, schema)
        assert len(found["rates"]) > 17 and len(found["log"]) == 4
        assert found == everything(session, schema)
        assert_goes_on(restored, schema)
    finally:
        restored.close()


def test_grants_are_restored(cluster, session, database, bank, target, tmp_path, role):
    session.rows(f"GRANT EXECUTE ON FUNCTION cbr_daily(date) TO {role}")
    session.rows("REVOKE SELECT ON t_currency FROM PUBLIC")
    custom(cluster, database, target, tmp_path)
    restored = Session(cluster, bank.url, database=target)
    try:
        may = "SELECT has_function_privilege(%s, 'cbr_daily(date)', 'EXECUTE'), has_table_privilege(%s, 't_currency', 'SELECT')"
        assert restored.rows(may, role, role) == [(True, False)]
        restored.rows(f"DROP OWNED BY {role}")
    finally:
        restored.close()
