"""The extension's own SQL means PostgreSQL's operators, functions and types, whatever stands before them in search_path."""
import pytest

from session import DAY

MARCH = "'2026-03-03', '2026-03-14', '{USD, EUR}'"
DOCUMENT = ("<ValCurs Date=\"02.03.2002\"><Valute ID=\"R01235\"><CharCode>USD</CharCode><Nominal>1</Nominal>"
            "<Name>x</Name><Value>30,9436</Value></Valute></ValCurs>")
# An operator of each name and pair of types that PostgreSQL has, in a schema of its own. Whoever meets one hears of it.
PLANT_OPERATORS = """
    DO $do$
    DECLARE
        o record;
    BEGIN
        FOR o IN SELECT DISTINCT oprname, oprleft, oprright, oprresult FROM pg_operator p
                 WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprkind = 'b' AND oprcode <> 0
                   AND 'p' NOT IN (SELECT typtype FROM pg_type WHERE oid IN (p.oprleft, p.oprright, p.oprresult))
        LOOP
            EXECUTE format('CREATE OR REPLACE FUNCTION planted.met(%s, %s) RETURNS %s LANGUAGE plpgsql AS '
                           '$$ BEGIN RAISE EXCEPTION ''a planted operator was met''; END $$',
                           o.oprleft::regtype, o.oprright::regtype, o.oprresult::regtype);
            EXECUTE format('CREATE OPERATOR planted.%s (FUNCTION = planted.met, LEFTARG = %s, RIGHTARG = %s)',
                           o.oprname, o.oprleft::regtype, o.oprright::regtype);
            EXECUTE format('ALTER FUNCTION planted.met(%s, %s) RENAME TO %I',
                           o.oprleft::regtype, o.oprright::regtype, 'met_' || o.oprname);
        END LOOP;
    END $do$"""
FUNCTIONS = ["now()", "count(pg_catalog.int4)", "min(pg_catalog.timestamp)", "max(pg_catalog.timestamp)",
             "unnest(pg_catalog.anyarray)", "to_jsonb(pg_catalog.anyelement)", "get_func_namespace(pg_catalog.oid)",
             "generate_series(pg_catalog.timestamp, pg_catalog.timestamp, pg_catalog.interval)"]
TYPES = ["date", "timestamp", "text", "int4", "numeric", "jsonb", "interval", "bool", "regnamespace", "oid"]


def plant(session):
    """Makes the schema, which is in nobody's way before it stands in search_path."""
    session.rows("CREATE SCHEMA planted")
    session.rows("GRANT USAGE ON SCHEMA planted TO PUBLIC")
    session.rows(PLANT_OPERATORS)
    for function in FUNCTIONS:
        session.rows(f"CREATE FUNCTION planted.{function} RETURNS pg_catalog.int4 LANGUAGE plpgsql AS "
                     "$$ BEGIN RAISE EXCEPTION 'a planted function was met'; END $$")
    for name in TYPES:
        session.rows(f"CREATE TYPE planted.{name} AS (a pg_catalog.int4)")


def assert_planted(session):
    """The plants are met by those who do not look out."""
    for sql in ("SELECT 1 = 1", "SELECT 'a'::pg_catalog.text = 'a'", "SELECT 1 IS DISTINCT FROM 1", "SELECT now()"):
        assert "a planted" in session.error(sql).diag.message_primary
    session.error("SELECT '2002-03-02'::date")


def everything(session):
    """What all calls give and leave behind: with new, present and corrected rows, by index and from a whole series."""
    def value(sql):
        return session.value("SELECT public." + sql)

    results = [value(f"cbr_fetch('{DAY}')"), value(f"cbr_fetch('{DAY}', '{{*}}')")]
    session.use("/fault/corrected")
    results += [value(f"cbr_fetch('{DAY}')"), value(f"cbr_load('{DOCUMENT}', '2002-03-04')")]
    session.use()
    for _ in range(2):
        session.rows(f"CALL public.cbr_backfill({MARCH})")
    session.rows("DELETE FROM public.t_currency WHERE date OPERATOR(pg_catalog.=) '2026-03-05'")
    session.rows(f"CALL public.cbr_backfill({MARCH})")
    results += [value(f"cbr_rate('usd', '{DAY}')"), value(f"cbr_convert(10, 'R01235', 'EUR', '{DAY}')"),
                session.rows("SELECT public.cbr_convert(1, 'USD', 'EUR', d) FROM public.t_currency c,"
                             " pg_catalog.unnest(ARRAY[c.date::pg_catalog.date]) d"
                             " WHERE c.cbr_id OPERATOR(pg_catalog.=) 'R01239'"
                             " AND c.date OPERATOR(pg_catalog.>) '2026-01-01' ORDER BY d")]
    for call in (f"cbr_daily('{DAY}')", "cbr_currencies()", f"cbr_parse_daily('{DOCUMENT}')",
                 "cbr_dynamic('USD', '2002-03-01', '2002-03-05')", "cbr_metals('2023-11-01', '2023-11-03')",
                 "cbr_key_rate('2023-11-01', '2023-11-03')", "cbr_version()"):
        results.append(session.rows(f"SELECT * FROM public.{call}"))
    results.append(session.rows("SELECT name, char_code, value, date, nominal, num_code, cbr_id, effective_date"
                                "  FROM public.t_currency ORDER BY cbr_id, date"))
    results.append(session.rows("SELECT cbr_id, requested_date, last_date, effective_date, rates, inserted, changed,"
                                " corrections FROM public.cbr_fetch_log ORDER BY id"))
    return results


def test_calls_give_the_same_under_a_hostile_search_path(session, connect):
    honest = everything(session)
    session.rows("TRUNCATE t_currency, cbr_fetch_log")
    plant(session)
    hostile = connect()
    hostile.rows("SET search_path = planted, pg_catalog, public")
    assert_planted(hostile)
    assert everything(hostile) == honest


def test_path_that_is_set_after_the_statements_were_prepared_changes_nothing(session):
    """Look-ups keep their plans in the session, and PostgreSQL makes these anew when search_path changes."""
    session.fetch()
    sql = f"SELECT public.cbr_rate('USD', '{DAY}')"
    before = session.value(sql)
    plant(session)
    session.rows("SET search_path = planted, pg_catalog")
    assert session.value(sql) == before


def test_path_of_a_caller_is_what_his_triggers_see(session):
    """Whose trigger relies on search_path gets the caller's, as from any other statement of his."""
    session.rows("CREATE SCHEMA mine")
    session.rows("CREATE TABLE mine.seen (path text)")
    session.rows("""CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
                    $$ BEGIN INSERT INTO seen VALUES (current_setting('search_path')); RETURN NEW; END $$""")
    session.rows("CREATE TRIGGER note BEFORE INSERT ON t_currency FOR EACH ROW EXECUTE FUNCTION note()")
    session.rows("SET search_path = public, mine")
    session.fetch()
    assert session.rows("SELECT DISTINCT path FROM mine.seen") == [("public, mine",)]


# ------------------------------------------------------------------------- objects that were there before the extension


@pytest.fixture
def bare(session):
    """A session whose database no longer has the extension."""
    session.rows("DROP EXTENSION cbr")
    return session


PLANTED_BEFORE = {
    "table": "CREATE TABLE t_currency (id bigserial PRIMARY KEY, date timestamp)",
    "view": "CREATE VIEW t_currency AS SELECT 1 AS id",
    "type": "CREATE TYPE cbr_fetch_log AS ENUM ('a')",
    "log": "CREATE TABLE cbr_fetch_log (id bigint)",
    "sequence of rates": "CREATE SEQUENCE t_currency_id_seq",
    "sequence of log": "CREATE SEQUENCE cbr_fetch_log_id_seq",
    "index": "CREATE INDEX t_currency_char_code_date_idx ON other (a)",
    "table by an index's name": "CREATE TABLE t_currency_pkey (a int)",
    "function": "CREATE FUNCTION cbr_fetch(date, text[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "function of other names and result": "CREATE FUNCTION cbr_rate(a text, b date) RETURNS text LANGUAGE sql AS 'SELECT 1::text'",
    "function in the procedure's place": "CREATE FUNCTION cbr_backfill(date, date, text[]) RETURNS integer LANGUAGE sql AS 'SELECT 1'",
}


@pytest.mark.parametrize("what", PLANTED_BEFORE)
def test_object_that_has_a_name_of_ours_stops_create_extension(bare, role, what):
    bare.rows("CREATE TABLE other (a int)")
    bare.rows(f"GRANT CREATE ON SCHEMA public TO {role}")
    bare.rows(f"ALTER TABLE other OWNER TO {role}")
    bare.rows(f"SET ROLE {role}")
    bare.rows(PLANTED_BEFORE[what])
    bare.rows("RESET ROLE")
    objects = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
    before = bare.value(objects)
    error = bare.error("CREATE EXTENSION cbr")
    assert error.pgcode in ("42P07", "42723", "42710", "42809", "55000")
    assert bare.value("SELECT count(*) FROM pg_extension WHERE extname = 'cbr'") == 0
    assert bare.value(objects) == before


def test_plants_in_the_path_of_create_extension_are_not_met(bare):
    """CREATE EXTENSION runs its script under a path of its own; nothing in it may lean on the caller's."""
    plant(bare)
    bare.rows("SET search_path = planted, pg_catalog, public")
    bare.rows("CREATE EXTENSION cbr SCHEMA public")
    bare.rows("RESET search_path")
    columns = """SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
                  WHERE attrelid = 't_currency'::regclass AND attnum > 0 ORDER BY attnum"""
    assert dict(bare.rows(columns))["date"] == "timestamp without time zone"
    assert bare.fetch() == 3
