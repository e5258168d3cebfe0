"""URLs, names and settings that someone chose in order to do harm."""
import itertools

import pytest

from cluster import TEMPLATE
from session import DAY, Session, words

SECRET = "s3cret-of-the-url"
SERIAL = itertools.count(1)
COLUMNS = "name, char_code, value::text, to_char(date, 'YYYY-MM-DD HH24:MI:SS.US'), nominal, num_code, cbr_id"


# ------------------------------------------------------------------------------------------------------------- URLs

REFUSED_URLS = [
    "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1:1/_x", "dict://127.0.0.1:1/x", "scp://127.0.0.1/x",
    "ldap://127.0.0.1/", "smb://127.0.0.1/x", "telnet://127.0.0.1:1", "javascript:alert(1)", "data:,x", "//www.cbr.ru",
    "http:www.cbr.ru", "http:///www.cbr.ru", "http://", "://www.cbr.ru", " http://www.cbr.ru", "http://www.cbr.ru ",
    "http://www.cbr.ru\r\nX-Planted: 1", "http://www.cbr.ru/\nGET /", "http://www.cbr.ru/\t", "http://www.cbr.ru\\@evil/ ",
    "http://user@www.cbr.ru", "http://user:word@www.cbr.ru", "http://:word@www.cbr.ru", "http://www.cbr.ru:word@evil",
    "http://www.cbr.ru?x", "http://www.cbr.ru#x", "http://www.cbr.ru:99999", "http://www.cbr.ru:-1", "http://[::1",
    "http://www.сbr.ru", "http://www.cbr.ru\x7f", "httpx://www.cbr.ru", "http+unix://%2Ftmp%2Fx",
]


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_url_that_is_not_plainly_http_is_refused(session, bank, url):
    session.value("SELECT cbr_version()")
    before = session.value("SHOW cbr.base_url")
    error = session.error("SET cbr.base_url = %s", url)
    assert error.pgcode == "22023"
    assert session.value("SHOW cbr.base_url") == before
    assert session.fetch() == 3 and len(bank.recorded()) == 1


@pytest.mark.parametrize("path", ["/%0d%0aX-Planted:%201", "/a/../b", "/;x=1", "/%00", "/a//b", "/'\"<>"])
def test_odd_path_of_a_mirror_adds_no_header_and_no_request(session, bank, path):
    """The stand-in takes what precedes the service's own path for a mirror's."""
    session.use(path)
    assert session.fetch() == 3
    request, = bank.recorded()
    assert "X-Planted" not in request["headers"]
    assert request["target"].endswith("/scripts/XML_daily.asp?date_req=02/03/2002")


def test_user_info_in_a_url_is_told_to_nobody(session, connect_as, cluster, database, role):
    """A superuser wrote it before the library was there to refuse it; each session that loads the library is warned."""
    cluster.execute(f"ALTER DATABASE {database} SET cbr.base_url = 'https://user:{SECRET}@www.cbr.ru'")
    place = len(cluster.log_text())
    user = connect_as(role)
    user.value("SELECT cbr_version()")
    assert any("cbr.base_url" in notice for notice in user.connection.notices)
    assert SECRET not in "".join(user.connection.notices)
    assert user.value("SHOW cbr.base_url") == "https://www.cbr.ru"
    session.value("SELECT cbr_version()")
    assert SECRET not in words(session.error(f"SET cbr.base_url = 'https://user:{SECRET}@www.cbr.ru'")).split("LINE")[0]
    log = [line for line in cluster.log_text()[place:].splitlines() if "STATEMENT:" not in line]
    assert SECRET not in "\n".join(log)


# ----------------------------------------------------------------------------------------------- settings of a role

SETTINGS = {
    "datestyle": "German, DMY", "intervalstyle": "sql_standard", "timezone": "Pacific/Kiritimati",
    "lc_numeric": "C", "extra_float_digits": "-15", "bytea_output": "escape", "standard_conforming_strings": "off",
    "transform_null_equals": "on", "quote_all_identifiers": "on", "array_nulls": "off", "backslash_quote": "off",
    "search_path": "", "row_security": "off", "xmloption": "document", "client_encoding": "SQL_ASCII",
    "default_transaction_isolation": "serializable", "default_transaction_deferrable": "on",
    "session_replication_role": "replica", "check_function_bodies": "off", "enable_indexscan": "off",
    "enable_hashjoin": "off", "enable_sort": "off", "enable_seqscan": "off", "plan_cache_mode": "force_generic_plan",
    "jit": "off", "work_mem": "64kB", "constraint_exclusion": "on",
    "cursor_tuple_fraction": "0", "from_collapse_limit": "1", "join_collapse_limit": "1", "geqo_threshold": "2",
    "synchronous_commit": "off", "temp_buffers": "800kB", "client_min_messages": "error", "track_activities": "off",
    "default_tablespace": "pg_default", "statement_timeout": "10min",
}


def call_everything(session):
    """All that stores, and all that looks up."""
    session.value("SELECT public.cbr_fetch(%s, '{*}')", DAY)
    session.use("/fault/corrected").value("SELECT public.cbr_fetch(%s, '{*}')", DAY)
    session.use().rows("CALL public.cbr_backfill('2026-03-03', '2026-03-14', '{USD, EUR}')")
    return (session.value("SELECT public.cbr_rate('USD', '2026-03-05')::text"),
            session.rows("SELECT sum(public.cbr_convert(1, 'EUR', 'USD', d.d::date))::text FROM"
                         " generate_series(timestamp '2026-03-03', '2026-03-14', '1 day') d(d)"))


def stored(session):
    corrections = "SELECT corrections::text FROM cbr_fetch_log ORDER BY id"
    return session.rows(f"SELECT {COLUMNS} FROM t_currency ORDER BY cbr_id, date"), session.rows(corrections)


@pytest.mark.parametrize("name", SETTINGS)
def test_setting_of_a_role_changes_nothing_that_is_stored(session, connect_as, observer, role, name):
    expected = call_everything(session), stored(session)
    session.rows("TRUNCATE t_currency, cbr_fetch_log")
    session.rows(f"ALTER ROLE {role} SUPERUSER")
    session.rows(f"ALTER ROLE {role} SET {name} = '{SETTINGS[name]}'")
    user = connect_as(role).use()
    if name == "client_encoding":
        user.connection.set_client_encoding("UTF8")
    assert (call_everything(user), stored(observer)) == expected


# ------------------------------------------------------------------------------------------------------------ names

NAMES = [
    "it's; DROP TABLE t_currency; --", 'quo"ted', "back\\slash", "per%scent %I %n", "$$dollar$1$$", "select", "UPPER Case",
    "dot.ted", "line\nend", "{t_currency}", "{cbr_fetch_log}", "рубль", "x" * 63, "-c fsync=on", "a=b host=/tmp", "/tmp/x",
    "temp'",
]


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture(params=NAMES, ids=lambda name: ascii(name)[:30])
def trap(request):
    return request.param


def test_names_that_need_quoting_are_taken_as_they_are(cluster, bank, trap):
    """The same name for a database, a schema and a role; all that stores, stores there, as that role."""
    cluster.execute(f"CREATE DATABASE {quoted(trap)} TEMPLATE {TEMPLATE}")
    try:
        owner = Session(cluster, bank.url, database=trap).use()
        owner.rows(f"CREATE ROLE {quoted(trap)} LOGIN SUPERUSER")
        owner.rows("DROP EXTENSION cbr")
        owner.rows(f"CREATE SCHEMA {quoted(trap)}")
        owner.rows(f"CREATE EXTENSION cbr SCHEMA {quoted(trap)}")
        owner.close()
        user = Session(cluster, bank.url, database=trap, user=trap).use()
        user.rows("SELECT set_config('search_path', %s, false)", quoted(trap))
        assert user.fetch() == 3
        assert user.use("/fault/corrected").fetch() == 3
        user.use().rows("CALL cbr_backfill('2026-03-03', '2026-03-14', '{USD}')")
        assert user.value("SELECT cbr_convert(1, 'USD', 'RUB', %s)::text", DAY) == "31.0000"
        assert user.rows("SELECT DISTINCT fetched_by FROM cbr_fetch_log") == [(trap,)]
        assert user.stored() == (15, 3)
        user.close()
    finally:
        cluster.execute("UPDATE pg_database SET datname = 'odd_name' WHERE datname = $odd$%s$odd$" % trap)
        cluster.drop_database("odd_name")
        cluster.execute(f"DROP ROLE IF EXISTS {quoted(trap)}")


# ------------------------------------------------------------------------------------------------ the functions' owner


@pytest.fixture
def function_owner(session, role, database, cluster, bank):
    """A role that owns cbr_fetch, and has no right on the tables."""
    cluster.execute(f"ALTER DATABASE {database} SET cbr.base_url = '{bank.url}'")
    session.rows(f"ALTER FUNCTION cbr_fetch(date, text[]) OWNER TO {role}")
    yield role
    session.rows("ALTER FUNCTION cbr_fetch(date, text[]) OWNER TO postgres")


def test_owner_of_a_function_lends_no_rights_and_needs_none(session, connect_as, function_owner):
    """A function runs with its caller's rights, whoever owns it."""
    assert session.fetch() == 3
    assert connect_as(function_owner).fetch_error("2023-11-02").pgcode == "42501"
    assert session.stored() == (3, 1)


def test_security_definer_whose_owner_has_no_rights_stores_nothing(session, function_owner):
    session.rows("ALTER FUNCTION cbr_fetch(date, text[]) SECURITY DEFINER")
    assert session.fetch_error().pgcode == "42501"
    assert session.stored() == (0, 0)


def test_security_definer_lets_a_role_fetch_that_may_not_write(session, connect_as, role, database, cluster, bank):
    """For an owner who wants it so: the log still tells whose session it was."""
    cluster.execute(f"ALTER DATABASE {database} SET cbr.base_url = '{bank.url}'")
    session.rows("ALTER FUNCTION cbr_fetch(date, text[]) SECURITY DEFINER SET search_path = pg_catalog, pg_temp")
    session.rows(f"GRANT EXECUTE ON FUNCTION cbr_fetch(date, text[]) TO {role}")
    user = connect_as(role)
    assert user.fetch() == 3
    assert user.error("INSERT INTO t_currency (date) VALUES (now())").pgcode == "42501"
    assert session.rows("SELECT fetched_by FROM cbr_fetch_log") == [(role,)]


# -------------------------------------------------------------------------------------------------------- row security


def test_rows_hidden_by_row_security_are_not_corrected_nor_told_of(session, connect_as, role, database, cluster, bank):
    """A role that may store all, but not see the dollar: PostgreSQL refuses what it may not see, by the policy's name."""
    cluster.execute(f"ALTER DATABASE {database} SET cbr.base_url = '{bank.url}/fault/corrected'")
    session.fetch()
    session.rows("ALTER TABLE t_currency ENABLE ROW LEVEL SECURITY")
    session.rows(f"CREATE POLICY but_dollars ON t_currency TO {role} USING (char_code <> 'USD') WITH CHECK (true)")
    for grant in ("EXECUTE ON FUNCTION cbr_fetch(date, text[])", "INSERT, UPDATE ON t_currency",
                  "INSERT ON cbr_fetch_log", "USAGE ON SEQUENCE t_currency_id_seq, cbr_fetch_log_id_seq"):
        session.rows(f"GRANT {grant} TO {role}")
    user = connect_as(role)
    error = user.fetch_error()
    assert error.pgcode == "42501"
    assert "30.9436" not in words(error)
    assert session.rows("SELECT value::text FROM t_currency WHERE char_code = 'USD'") == [("30.9436",)]
    assert "30.9436" not in str(session.rows("SELECT corrections FROM cbr_fetch_log"))
