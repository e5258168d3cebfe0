"""Who may set what, when it holds, what nobody may read, and exactly which privileges a fetch needs."""
import socket

import psycopg2
import pytest

from bank import Bank
from session import DAY, words

SECRET = "s3cret-of-the-proxy"
FOR_ALL = {"timeout": "7s", "connect_timeout": "7s", "retries": "1", "currencies": "EUR", "missing_rate": "null"}
FOR_SUPERUSERS = {"base_url": "http://127.0.0.1:1", "proxy": "http://127.0.0.1:1", "ca_file": "/dev/null",
                  "user_agent": "me", "request_interval": "1ms", "max_response_size": "1MB", "max_connections": "1"}


@pytest.fixture
def other():
    """A stand-in that nobody may be led to."""
    with Bank() as running:
        yield running


@pytest.fixture
def fetcher(session, role, bank, database):
    """A role that may fetch; the superuser has set the database's cbr.base_url to the stand-in."""
    session.rows(f"ALTER DATABASE {database} SET cbr.base_url = '{bank.url}'")
    for grant in GRANTS.values():
        session.rows(f"GRANT {grant} TO {role}")
    return role


def load_library(session):
    """Call something of the extension, so that its library is loaded."""
    session.value("SELECT cbr_version()")


def warnings(session):
    return [notice for notice in session.connection.notices if notice.startswith("WARNING")]


# A setting that is made before the library is loaded.


def test_superusers_url_holds_though_set_before_the_library_is_loaded(connect_as, bank):
    session = connect_as("postgres").use()
    assert session.fetch() == 3
    assert session.value("SHOW cbr.base_url") == bank.url
    assert warnings(session) == []


def test_ordinary_settings_hold_though_set_before_the_library_is_loaded(connect_as, role):
    session = connect_as(role)
    for name, value in FOR_ALL.items():
        session.set(name, value)
    load_library(session)
    assert {name: session.value(f"SHOW cbr.{name}") for name in FOR_ALL} == FOR_ALL
    assert warnings(session) == []


def test_roles_url_set_before_the_library_is_loaded_is_ignored(connect_as, fetcher, other):
    session = connect_as(fetcher)
    session.use(other.url)
    load_library(session)
    assert 'permission denied to set parameter "cbr.base_url"' in "".join(warnings(session))
    assert session.fetch() == 3
    assert other.recorded() == []


def test_roles_url_of_pgoptions_is_ignored(connect_as, role, other):
    """It is the built-in URL then, which no test may ask: not even the database's setting is left."""
    session = connect_as(role, options=f"-c cbr.base_url={other.url}")
    load_library(session)
    assert session.value("SHOW cbr.base_url") == "https://www.cbr.ru"
    assert 'permission denied to set parameter "cbr.base_url"' in "".join(warnings(session))


@pytest.mark.parametrize("loaded", [False, True], ids=["before the library is loaded", "after it"])
def test_role_cannot_keep_a_url_for_itself(connect_as, fetcher, other, loaded):
    session = connect_as(fetcher)
    if loaded:
        load_library(session)
    try:
        session.rows(f"ALTER ROLE {fetcher} SET cbr.base_url = '{other.url}'")
    except psycopg2.Error as error:
        assert error.pgcode == "42501"
    next_one = connect_as(fetcher)
    assert next_one.fetch() == 3
    assert other.recorded() == []


def test_roles_url_set_within_the_fetching_statement_is_refused(connect_as, fetcher, other):
    session = connect_as(fetcher)
    sql = "SELECT set_config('cbr.base_url', %s, false), cbr_fetch(%s)"
    assert session.error(sql, other.url, DAY).pgcode == "42501"
    assert other.recorded() == []


# A setting that is made after.


@pytest.mark.parametrize("name", FOR_ALL)
def test_ordinary_role_may_set(connect_as, role, name):
    session = connect_as(role)
    load_library(session)
    session.set(name, FOR_ALL[name])
    assert session.value(f"SHOW cbr.{name}") == FOR_ALL[name]


@pytest.mark.parametrize("name", FOR_SUPERUSERS)
def test_ordinary_role_may_not_set(connect_as, role, name):
    session = connect_as(role)
    load_library(session)
    assert session.error(f"SET cbr.{name} = '{FOR_SUPERUSERS[name]}'").pgcode == "42501"


# The proxy's password.


@pytest.fixture
def proxy_with_password(session, database):
    """Sets the database's proxy to one at the address and port, with a user and the secret."""
    def set_proxy(address, scheme="http"):
        session.rows(f"ALTER DATABASE {database} SET cbr.proxy = '{scheme}://user:{SECRET}@{address}'")
    return set_proxy


def test_proxy_is_not_shown_to_an_ordinary_role(connect_as, fetcher, proxy_with_password):
    proxy_with_password("127.0.0.1:1")
    session = connect_as(fetcher)
    load_library(session)
    assert session.error("SHOW cbr.proxy").pgcode == "42501"
    assert session.error("SELECT current_setting('cbr.proxy', true)").pgcode == "42501"
    assert session.value("SELECT count(*) FROM pg_settings WHERE name = 'cbr.proxy'") == 0
    assert session.value("SELECT count(*) FROM pg_settings WHERE name = 'cbr.timeout'") == 1


def test_proxy_is_shown_to_those_who_may_read_all_settings(session, connect_as, fetcher, proxy_with_password):
    proxy_with_password("127.0.0.1:1")
    session.rows(f"GRANT pg_read_all_settings TO {fetcher}")
    reader = connect_as(fetcher)
    load_library(reader)
    assert SECRET in reader.value("SHOW cbr.proxy")


# What is wrong with the proxy -> its scheme, and its address where that of the stand-in will not do.
PROXY_TROUBLES = {
    "refuses": ("http", "{bank}"),
    "hangs": ("http", "{hung}"),
    "nobody listens": ("http", "127.0.0.1:{free}"),
    "no such host": ("http", "no-such-host.invalid:80"),
    "malformed port": ("http", "127.0.0.1:no-port"),
    "unknown scheme": ("gopher", "{bank}"),
    "no socks": ("socks5", "{bank}"),
    "no tls": ("https", "{bank}"),
}


def proxy_in_trouble(bank, why):
    """The scheme and address of such a proxy."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        free = taken.getsockname()[1]
    scheme, address = PROXY_TROUBLES[why]
    return scheme, address.format(bank=bank.url.partition("//")[2], hung=bank.hung_url.partition("//")[2], free=free)


@pytest.mark.parametrize("why", PROXY_TROUBLES)
@pytest.mark.parametrize("url", ["https://bank.example", "http://bank.example/fault/status-407"])
def test_password_of_the_proxy_is_in_no_message_and_not_in_the_log(
        session, connect_as, cluster, database, fetcher, bank, proxy_with_password, why, url):
    scheme, address = proxy_in_trouble(bank, why)
    session.rows(f"ALTER DATABASE {database} SET cbr.base_url = '{url}'")
    proxy_with_password(address, scheme)
    place = len(cluster.log_text())
    user = connect_as(fetcher)
    user.rows("SET cbr.connect_timeout = '300ms'; SET cbr.timeout = '600ms'")
    told = words(user.fetch_error())
    assert SECRET not in told
    assert SECRET not in "".join(user.connection.notices)
    assert SECRET not in cluster.log_text()[place:]


def test_password_of_the_proxy_reaches_the_proxy(session, bank):
    session.use("http://bank.example", proxy=bank.url.replace("//", f"//user:{SECRET}@"))
    assert session.fetch() == 3
    assert bank.recorded()[0]["headers"]["Proxy-Authorization"].startswith("Basic ")
    assert SECRET not in str(session.rows("SELECT l::text FROM cbr_fetch_log l"))


# Privileges.

GRANTS = {
    "execute": "EXECUTE ON FUNCTION cbr_fetch(date, text[])",
    "insert rates": "INSERT ON t_currency",
    "update rates": "UPDATE ON t_currency",
    "insert log": "INSERT ON cbr_fetch_log",
    "sequence of rates": "USAGE ON SEQUENCE t_currency_id_seq",
    "sequence of log": "USAGE ON SEQUENCE cbr_fetch_log_id_seq",
}


def test_role_with_exactly_these_privileges_fetches_and_corrects(session, connect_as, fetcher):
    user = connect_as(fetcher)
    assert user.fetch() == 3
    assert user.fetch() == 3
    session.rows("UPDATE t_currency SET value = 1 WHERE char_code = 'USD'")
    assert user.fetch() == 3
    assert session.rows("SELECT fetched_by, inserted, changed FROM cbr_fetch_log ORDER BY id") == [
        (fetcher, 3, 0), (fetcher, 0, 0), (fetcher, 0, 1)]


@pytest.mark.parametrize("missing", GRANTS)
def test_without_one_of_the_privileges_it_is_42501_and_nothing_is_stored(session, connect_as, fetcher, missing):
    session.rows("INSERT INTO t_currency (cbr_id, date, value) VALUES ('R01235', %s, 1)", DAY)  # to be corrected
    session.rows(f"REVOKE {GRANTS[missing]} FROM {fetcher}")
    assert connect_as(fetcher).fetch_error().pgcode == "42501"
    assert session.stored() == (1, 0)


def test_without_select_of_the_public_it_is_42501(session, connect_as, fetcher):
    session.rows("REVOKE SELECT ON t_currency FROM PUBLIC")
    assert connect_as(fetcher).fetch_error().pgcode == "42501"
    assert session.stored() == (0, 0)


def test_without_execute_nothing_is_requested(session, connect_as, fetcher, bank):
    session.rows(f"REVOKE {GRANTS['execute']} FROM {fetcher}")
    user = connect_as(fetcher)
    assert user.fetch_error().pgcode == "42501"
    assert user.error("SELECT * FROM cbr_daily()").pgcode == "42501"
    assert bank.recorded() == []
