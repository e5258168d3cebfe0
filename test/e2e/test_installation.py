"""The life of an installation: versions and updates, leaving, replication, a pooler, partitions."""
import os
import pathlib
import re
import shutil
import subprocess

import psycopg2
import pytest

from cluster import TEMPLATE, Cluster, bindir, eventually
from session import DAY, Session, wait_until_requested

ROOT = pathlib.Path(__file__).resolve().parents[2]
VERSION = re.search(r"default_version = '(.*)'", (ROOT / "cbr.control").read_text()).group(1)
BACKFILL = "CALL cbr_backfill('2026-03-03', '2026-03-14', '{USD, EUR}')"
RATES = "SELECT * FROM t_currency ORDER BY id"
LOG = "SELECT * FROM cbr_fetch_log ORDER BY id"

# Everything of the extension that can be told by catalogue: one line of text each.
CATALOGUE = """
    WITH member AS (SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
                     WHERE d.refclassid = 'pg_extension'::regclass AND e.extname = 'cbr' AND d.deptype = 'e'),
         relation AS (SELECT c.* FROM member m JOIN pg_class c ON m.classid = 'pg_class'::regclass AND c.oid = m.objid)
    SELECT pg_describe_object(classid, objid, 0) || ': ' || coalesce(obj_description(objid, classid::regclass::name), '')
      FROM member
    UNION ALL SELECT pg_get_functiondef(p.oid) || coalesce(p.proacl::text, '')
      FROM member m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND p.oid = m.objid
    UNION ALL SELECT c.oid::regclass || ' ' || c.relkind::text || coalesce(c.relacl::text, '') || coalesce(c.reloptions::text, '')
      FROM relation c
    UNION ALL SELECT concat_ws(' ', c.oid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
                               pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attcollation, a.attacl,
                               col_description(c.oid, a.attnum))
      FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
      LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    UNION ALL SELECT pg_get_indexdef(i.indexrelid) || coalesce(obj_description(i.indexrelid, 'pg_class'), '')
      FROM relation c JOIN pg_index i ON i.indrelid = c.oid
    UNION ALL SELECT o.conname || ' ' || pg_get_constraintdef(o.oid) FROM relation c JOIN pg_constraint o ON o.conrelid = c.oid
    UNION ALL SELECT pg_get_triggerdef(t.oid) FROM relation c JOIN pg_trigger t ON t.tgrelid = c.oid
    UNION ALL SELECT s::text FROM relation c JOIN pg_sequences s
                  ON c.relkind = 'S' AND s.sequencename = c.relname AND s.schemaname::regnamespace = c.relnamespace
    UNION ALL SELECT concat('dumped: ', config::regclass, condition)
      FROM pg_extension, unnest(extconfig, extcondition) AS u(config, condition) WHERE extname = 'cbr'
    UNION ALL SELECT concat_ws(' ', extname, extrelocatable, obj_description(oid, 'pg_extension'))
      FROM pg_extension WHERE extname = 'cbr'
    ORDER BY 1"""


# ----------------------------------------------------------------------------------------------- versions and updates


class StagedServer:
    """A copy of the server's programs whose extension scripts a test may add to. The rest of it are links."""

    def __init__(self, directory):
        config = {name: pathlib.Path(self.config(name)) for name in ("bindir", "sharedir", "pkglibdir")}
        common = pathlib.Path(os.path.commonpath(config.values()))
        self.programs = directory / config["bindir"].relative_to(common)
        share = directory / config["sharedir"].relative_to(common)
        library = directory / config["pkglibdir"].relative_to(common)
        shutil.copytree(config["bindir"], self.programs)
        for source, target in ((config["sharedir"], share), (config["pkglibdir"], library)):
            target.mkdir(parents=True, exist_ok=True)
            for entry in source.iterdir():
                if entry.name != "extension" and not (target / entry.name).exists():
                    (target / entry.name).symlink_to(entry)
        shutil.copytree(config["sharedir"] / "extension", share / "extension")
        self.scripts = share / "extension"

    @staticmethod
    def config(name):
        """A directory of the server's. Some pg_configs tell where they were built to be, and not where they are."""
        command = [bindir() / "pg_config", "--bindir", f"--{name}"]
        programs, directory = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()
        return str(bindir()).removesuffix(programs) + directory

    def add(self, source, target, sql):
        (self.scripts / f"cbr--{source}--{target}.sql").write_text(sql)


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    return StagedServer(tmp_path_factory.mktemp("staged"))


@pytest.fixture(scope="module")
def staged_server(staged, make_cluster):
    """A server of the copy, which has the next version, an empty one, and versions that go wrong."""
    staged.add(VERSION, "next", "")
    staged.add("next", "lame", "ALTER TABLE t_currency ALTER num_code TYPE varchar;")
    staged.add("next", "broken", "COMMENT ON TABLE t_currency IS 'half'; SELECT 1 / 0;")
    server = Cluster(programs=staged.programs)
    try:
        server.init()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def empty_database(staged_server, bank, request):
    """Opens sessions in a new database without the extension."""
    name = "update"
    staged_server.execute(f"CREATE DATABASE {name}")
    sessions = []

    def connect():
        sessions.append(Session(staged_server, bank.url, database=name).use())
        return sessions[-1]
    yield connect
    for session in sessions:
        session.close()
    staged_server.drop_database(name)


def released():
    """The versions that the project's scripts can install."""
    return sorted(re.fullmatch(r"cbr--([^-]+)\.sql", path.name).group(1)
                  for path in (ROOT / "sql").glob("cbr--*.sql") if path.name.count("--") == 1)


def test_script_of_the_present_version_is_there():
    assert VERSION in released()


def catalogue_of(session, version, *updates):
    session.rows("DROP EXTENSION IF EXISTS cbr")
    session.rows(f"CREATE EXTENSION cbr VERSION '{version}'")
    for update in updates:
        session.rows(f"ALTER EXTENSION cbr UPDATE TO '{update}'")
    return session.rows(CATALOGUE)


@pytest.mark.parametrize("version", released())
def test_update_of_a_released_version_gives_what_a_new_installation_has(empty_database, version):
    session = empty_database()
    fresh = catalogue_of(session, VERSION)
    assert len(fresh) > 80
    assert catalogue_of(session, version, VERSION) == fresh
    assert session.fetch() == 3


def test_comparison_sees_what_an_update_left_out(empty_database):
    """That the test above can fail."""
    session = empty_database()
    fresh = catalogue_of(session, VERSION)
    assert catalogue_of(session, VERSION, "next") == fresh
    assert catalogue_of(session, VERSION, "next", "lame") != fresh


def fill(session):
    session.value("SELECT cbr_fetch(%s, '{*}')", DAY)
    session.use("/fault/corrected").fetch()
    session.use().rows(BACKFILL)
    return session.rows(RATES), session.rows(LOG)


def test_update_keeps_the_rates_and_sessions_go_on(empty_database):
    owner, other = empty_database(), empty_database()
    owner.rows(f"CREATE EXTENSION cbr VERSION '{VERSION}'")
    everything = fill(other)
    rate = other.value("SELECT cbr_rate('USD', '2026-03-05')")
    owner.rows("ALTER EXTENSION cbr UPDATE TO 'next'")
    assert owner.value("SELECT extversion FROM pg_extension WHERE extname = 'cbr'") == "next"
    assert (owner.rows(RATES), owner.rows(LOG)) == everything
    for session in (owner, other):
        assert session.value("SELECT cbr_rate('USD', '2026-03-05')") == rate
        assert session.fetch("2023-11-02") == 3


def test_update_that_fails_leaves_the_version_before_it(empty_database):
    session = empty_database()
    session.rows(f"CREATE EXTENSION cbr VERSION '{VERSION}'")
    session.rows("ALTER EXTENSION cbr UPDATE TO 'next'")
    stored = fill(session)
    before = session.rows(CATALOGUE), stored
    assert session.error("ALTER EXTENSION cbr UPDATE TO 'broken'").pgcode == "22012"
    assert (session.rows(CATALOGUE), (session.rows(RATES), session.rows(LOG))) == before
    assert session.value("SELECT extversion FROM pg_extension WHERE extname = 'cbr'") == "next"


def test_update_during_a_call_does_not_wait_for_it(empty_database, gate):
    opened, before = gate
    owner, other = empty_database(), empty_database()
    owner.rows(f"CREATE EXTENSION cbr VERSION '{VERSION}'")
    call = other.use(f"http://{before.address}").start_fetch()
    eventually(lambda: before.heads, "the request")
    owner.rows("SET lock_timeout = '1ms'")
    owner.rows("ALTER EXTENSION cbr UPDATE TO 'next'")
    opened.set()
    assert call.value() == 3


# -------------------------------------------------------------------------------------------------------------- leaving

CALLS = {"cbr_fetch": f"SELECT public.cbr_fetch('{DAY}')", "cbr_backfill": BACKFILL.replace("cbr_", "public.cbr_")}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("again", [False, True], ids=["for good", "and made again"])
def test_drop_extension_waits_for_no_call_and_the_call_fails(session, observer, gate, call, again):
    """Not even a table of the same name that stands in its path is taken instead."""
    opened, before = gate
    session.rows("CREATE SCHEMA other")
    for table in ("t_currency", "cbr_fetch_log"):
        session.rows(f"CREATE TABLE other.{table} (LIKE {table} INCLUDING ALL)")
        session.rows(f"ALTER TABLE other.{table} ALTER id DROP DEFAULT, ALTER id ADD GENERATED BY DEFAULT AS IDENTITY")
    session.rows("SET search_path = other")
    running = session.use(f"http://{before.address}").start(CALLS[call])
    eventually(lambda: before.heads, "the request")
    observer.rows("SET lock_timeout = '1ms'")
    eventually(lambda: dropped(observer), "the end of the locks of planning")
    if again:
        observer.rows("CREATE EXTENSION cbr SCHEMA public")
    opened.set()
    if again:  # it finds tables where it looked for them
        running.rows()
        assert observer.value("SELECT count(*) FROM public.t_currency") == (3 if call == "cbr_fetch" else 24)
    else:
        assert running.error().pgcode in ("42P01", "55000")
    for table in ("t_currency", "cbr_fetch_log"):
        assert observer.value(f"SELECT count(*) FROM other.{table}") == 0


def dropped(observer):
    try:
        observer.rows("DROP EXTENSION cbr")
        return True
    except psycopg2.errors.LockNotAvailable:
        return False


def test_drop_database_is_not_held_up_by_what_was_called(cluster, session, bank):
    name = f"left_{session.pid}"
    cluster.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    other = Session(cluster, bank.url, database=name).use()
    fill(other)
    other.close()
    gone = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s"
    eventually(lambda: session.value(gone, name) == 0, "the end of the session")
    session.rows(f"DROP DATABASE {name}")


def test_drop_database_with_force_ends_a_call(cluster, session, bank):
    if session.version() < 13:
        pytest.skip("DROP DATABASE … WITH (FORCE) came with PostgreSQL 13")
    name = f"forced_{session.pid}"
    cluster.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    other = Session(cluster, bank.url, database=name).use("/fault/hang", timeout="10min")
    call = other.start_fetch()
    wait_until_requested(bank)
    session.rows(f"DROP DATABASE {name} WITH (FORCE)")
    assert isinstance(call.error(), psycopg2.OperationalError)
    other.close()


# -------------------------------------------------------------------------------------------------- logical replication


def test_rates_and_corrections_are_replicated_logically(make_cluster, bank):
    """The subscriber has the extension and looks rates up; it leaves the fetching to the publisher."""
    publisher, subscriber = (make_cluster("wal_level = logical\nmax_replication_slots = 4\n") for _ in range(2))
    for server in (publisher, subscriber):
        server.start()
        server.execute("CREATE EXTENSION cbr")
    source, copy = (Session(server, bank.url, database="postgres").use() for server in (publisher, subscriber))
    try:
        source.fetch()
        source.rows("CREATE PUBLICATION rates FOR TABLE t_currency, cbr_fetch_log")
        copy.rows(f"CREATE SUBSCRIPTION rates CONNECTION 'host={publisher.root} user=postgres dbname=postgres' PUBLICATION rates")
        eventually(lambda: copy.stored() == (3, 1), "the first copy")
        everything = fill(source)
        eventually(lambda: (copy.rows(RATES), copy.rows(LOG)) == everything, "the rest")
        look_up = "SELECT cbr_rate('USD', '2026-03-05'), cbr_convert(1, 'USD', 'EUR', '2002-03-02')"
        assert copy.rows(look_up) == source.rows(look_up)
        source.rows("TRUNCATE t_currency, cbr_fetch_log")
        eventually(lambda: copy.stored() == (0, 0), "the truncation")
        copy.rows("DROP SUBSCRIPTION rates")
    finally:
        source.close()
        copy.close()


# ------------------------------------------------------------------------------------------------------------- a pooler


class Pooler:
    """A pgbouncer in transaction mode with one connection to the server, shared by all clients."""

    def __init__(self, program, cluster, database):
        self.directory = cluster.root / f"pooler_{database}"
        self.directory.mkdir()
        self.database = database
        (self.directory / "users").write_text('"postgres" ""\n')
        configuration = self.directory / "pgbouncer.ini"
        configuration.write_text(f"""
[databases]
{database} = host={cluster.root} user=postgres pool_size=1
[pgbouncer]
listen_addr =
unix_socket_dir = {self.directory}
listen_port = 5432
auth_type = any
auth_file = {self.directory}/users
pool_mode = transaction
server_reset_query = DISCARD ALL
server_reset_query_always = 1
ignore_startup_parameters = extra_float_digits
logfile = {self.directory}/log
""")
        self.process = subprocess.Popen([program, "-q", str(configuration)], env=cluster.environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def connect(self, **_parameters):
        def attempt():
            assert self.process.poll() is None, (self.directory / "log").read_text()
            try:
                return psycopg2.connect(host=str(self.directory), port=5432, dbname=self.database, user="postgres")
            except psycopg2.OperationalError:
                return None
        connection = eventually(attempt, "the pooler")
        connection.autocommit = True
        return connection

    def stop(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def pooler(cluster, database, bank):
    program = shutil.which("pgbouncer", path=os.environ["PATH"] + ":/usr/sbin")
    if not program:
        pytest.skip("no pgbouncer program")
    cluster.execute(f"ALTER DATABASE {database} SET cbr.base_url = '{bank.url}'")
    running = Pooler(program, cluster, database)
    yield running
    running.stop()


@pytest.fixture
def clients(pooler, bank):
    """Three clients of the pooler."""
    sessions = [Session(pooler, bank.url) for _ in range(3)]
    yield sessions
    for session in sessions:
        session.close()


def test_clients_of_a_pooler_share_a_backend_and_its_connection_to_the_bank(clients, bank):
    backends = set()
    for client, day in zip(clients * 2, [DAY, "2015-10-15", "2023-11-02"] * 2):
        assert client.fetch(day) == 3
        backends.add(client.value("SELECT pg_backend_pid()"))
    assert len(backends) == 1
    assert len({request["connection"] for request in bank.recorded()}) == 1
    assert clients[0].stored() == (9, 6)


def test_look_ups_of_a_pooler_outlive_its_resets(clients):
    """DISCARD ALL comes after each transaction, and the look-ups' kept statements go on."""
    clients[0].fetch()
    expected = clients[0].value("SELECT cbr_convert(1, 'USD', 'EUR', %s)", DAY)
    for client in clients * 3:
        assert client.value("SELECT cbr_convert(1, 'USD', 'EUR', %s)", DAY) == expected


def test_failed_and_cancelled_calls_leave_the_shared_backend_usable(clients, pooler, cluster, database, observer, bank):
    cluster.execute(f"ALTER DATABASE {database} SET cbr.base_url = '{bank.url}/fault/hang'")
    first, second = clients[:2]
    first.rows(f"BEGIN; SET LOCAL cbr.base_url = '{bank.url}/fault/html'")
    assert first.fetch_error().pgcode == "2200M"
    first.rows("ROLLBACK")
    bank.forget()
    first.rows(f"BEGIN; SET LOCAL cbr.base_url = '{bank.url}/fault/hang'; SET LOCAL cbr.timeout = '10min'")
    call = first.start_fetch()
    wait_until_requested(bank)
    observer.rows("SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'SELECT cbr_fetch%%'")
    assert call.error().pgcode == "57014"
    first.rows("ROLLBACK")
    second.rows(f"BEGIN; SET LOCAL cbr.base_url = '{bank.url}'")
    assert second.fetch() == 3
    second.rows("COMMIT")


def test_backfill_through_a_pooler_commits_on_its_way_and_leaves_no_lock(clients, observer):
    clients[0].rows(BACKFILL)
    assert observer.stored() == (24, 2)
    assert observer.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    clients[1].rows(BACKFILL)
    assert observer.stored() == (24, 2)


# ----------------------------------------------------------------------------------------------- an owner's partitions

PARTITIONS = """
    ALTER EXTENSION cbr DROP TABLE t_currency;
    ALTER EXTENSION cbr DROP SEQUENCE t_currency_id_seq;
    ALTER TABLE t_currency RENAME TO t_currency_before;
    CREATE TABLE t_currency (LIKE t_currency_before INCLUDING DEFAULTS INCLUDING COMMENTS,
                             PRIMARY KEY (id, date), UNIQUE (cbr_id, date)) PARTITION BY RANGE (date);
    CREATE INDEX ON t_currency (char_code, date);
    GRANT SELECT ON t_currency TO PUBLIC;
    ALTER SEQUENCE t_currency_id_seq OWNED BY t_currency.id;
    CREATE TABLE t_currency_old PARTITION OF t_currency FOR VALUES FROM (MINVALUE) TO ('2010-01-01');
    CREATE TABLE t_currency_march PARTITION OF t_currency FOR VALUES FROM ('2010-01-01') TO ('2026-03-08');
    CREATE TABLE t_currency_new PARTITION OF t_currency FOR VALUES FROM ('2026-03-08') TO (MAXVALUE);
    INSERT INTO t_currency SELECT * FROM t_currency_before;
    DROP TABLE t_currency_before"""
CONVERSIONS = "SELECT date, cbr_convert(1, 'USD', 'EUR', date::date) FROM t_currency WHERE char_code = 'USD' ORDER BY date"


def test_table_that_its_owner_partitioned_stores_and_looks_up_the_same(session):
    first = fill(session)
    session.rows(PARTITIONS)
    assert session.rows(RATES) == first[0]
    session.rows("TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY")

    def told(rows):
        return [row[:9] for row in rows]

    again = fill(session)
    assert [sorted(row[1:9], key=str) for row in again[0]] == [sorted(row[1:9], key=str) for row in first[0]]
    assert [row[7:] for row in again[1]] and [row[11:] for row in again[1]] == [row[11:] for row in first[1]]
    assert session.value("SELECT count(DISTINCT tableoid) FROM t_currency") == 3
    conversions = session.rows(CONVERSIONS)
    assert len(conversions) == 13
    session.rows(BACKFILL)
    assert session.rows(RATES) == again[0]


def test_partitioned_table_stays_when_the_extension_goes(session):
    fill(session)
    session.rows(PARTITIONS)
    rows = session.rows(RATES)
    session.rows("DROP EXTENSION cbr")
    assert session.rows(RATES) == rows


def test_dump_with_partitions_is_restored_as_data_after_they_were_made_again(cluster, session, database, bank, tmp_path):
    """The dump makes the extension, and with it an ordinary t_currency, which is in the way of the partitioned one."""
    fill(session)
    session.rows(PARTITIONS)
    expected = session.rows(RATES), session.rows(LOG)
    file, name = tmp_path / "dump", f"partitions_{session.pid}"
    cluster.program("pg_dump", "-Fc", "-f", file, "-h", cluster.root, "-U", "postgres", database)
    restore = ["pg_restore", "--exit-on-error", "-h", cluster.root, "-U", "postgres", "-d", name]
    cluster.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    try:
        with pytest.raises(AssertionError, match='relation "t_currency" already exists'):
            cluster.program(*restore, file)
        cluster.drop_database(name)
        cluster.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        restored = Session(cluster, bank.url, database=name).use()
        restored.rows(PARTITIONS)
        cluster.program(*restore, "--data-only", file)
        assert (restored.rows(RATES), restored.rows(LOG)) == expected
        assert restored.fetch("2023-11-02") == 3
        restored.close()
    finally:
        cluster.drop_database(name)
