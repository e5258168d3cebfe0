"""cbr_rate and cbr_convert see what a plain query would see at the same moment: a series that was read once is used
under its own snapshot alone. In loops, subtransactions, cursors, each isolation level, parallel workers, on a standby.
"""
import os
import pathlib
import random
import re
from fractions import Fraction

import pytest

from session import Session, wait_until_blocked

FILL = """INSERT INTO t_currency (char_code, cbr_id, value, nominal, date)
          SELECT code, 'R0' || n, 10 + n + d / 7.0, (ARRAY[1, 10, 100])[1 + (n - 1) % 3], timestamp '2020-01-01' + d * interval '1 day'
            FROM unnest(ARRAY['USD', 'EUR', 'GBP', 'JPY']) WITH ORDINALITY AS c(code, n), generate_series(0, 999) d"""
RATE = "SELECT cbr_rate('USD', '2020-01-05')"
MANY = "SELECT count(*), sum(cbr_rate('USD', '2020-01-05')) FROM generate_series(1, 10)"  # the series is read


@pytest.fixture
def filled(session):
    session.rows(FILL)
    session.rows("ANALYZE t_currency")
    return session


def set_rate(session, value):
    session.rows("UPDATE t_currency SET value = %s WHERE char_code = 'USD' AND date = '2020-01-05'", value)


def test_by_index_and_from_the_series_the_same_as_by_plain_sql(filled):
    choose = random.Random(1)
    for _ in range(500):
        code, day = choose.choice(["usd", "EUR", "R03", "Jpy", "XTS"]), choose.randrange(-20, 1020)
        sql = f"""SELECT (SELECT value / nominal FROM t_currency WHERE upper('{code}') IN (char_code, cbr_id)
                           AND date = date '2020-01-01' + {day}), array_agg(DISTINCT cbr_rate('{code}', date '2020-01-01' + {day}))
                    FROM generate_series(1, {choose.choice([1, 6])})"""
        plain, ours = filled.rows(sql)[0]
        assert ours == [plain]


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_own_changes_are_seen_at_once_and_others_by_the_level(filled, observer, level):
    filled.rows(f"BEGIN ISOLATION LEVEL {level}")
    filled.rows(MANY)
    set_rate(filled, 5)
    assert filled.value(RATE) == 5
    assert filled.rows(MANY) == [(10, 50)]
    filled.rows("ROLLBACK")

    filled.rows(f"BEGIN ISOLATION LEVEL {level}")
    before = filled.value(RATE)
    set_rate(observer, 7)
    assert filled.value(RATE) == (7 if level == "READ COMMITTED" else before)
    filled.rows("COMMIT")
    assert filled.value(RATE) == 7


@pytest.mark.parametrize("level, seen", [("READ COMMITTED", 7), ("REPEATABLE READ", None), ("SERIALIZABLE", None)])
def test_loop_in_which_another_session_commits_sees_it_by_the_level(filled, observer, level, seen):
    """The expression of a PL/pgSQL function is kept over its executions, and so is what it has read."""
    filled.rows("""CREATE FUNCTION look_twice() RETURNS numeric[] LANGUAGE plpgsql AS $$
        DECLARE rate numeric[] := '{NULL, NULL}';
        BEGIN
            FOR round IN 1..2 LOOP
                FOR i IN 1..10 LOOP
                    rate[round] := cbr_rate('USD', '2020-01-05');
                END LOOP;
                PERFORM pg_advisory_xact_lock(7);
            END LOOP;
            RETURN rate;
        END $$""")
    before = filled.value(RATE)
    observer.rows("SELECT pg_advisory_lock(7)")
    filled.rows(f"BEGIN ISOLATION LEVEL {level}")
    call = filled.start("SELECT look_twice()")
    wait_until_blocked(observer, filled)
    set_rate(observer, 7)
    observer.rows("SELECT pg_advisory_unlock(7)")
    assert call.value() == [before, before if seen is None else seen]
    filled.rows("COMMIT")


@pytest.mark.parametrize("level", ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"])
def test_change_that_an_exception_block_undid_is_not_seen(filled, level):
    filled.rows("""CREATE FUNCTION undo() RETURNS numeric[] LANGUAGE plpgsql AS $$
        DECLARE rate numeric; seen numeric[] := '{}';
        BEGIN
            FOR i IN 1..8 LOOP
                BEGIN
                    UPDATE t_currency SET value = 100 + i WHERE char_code = 'USD' AND date = '2020-01-05';
                    rate := cbr_rate('USD', '2020-01-05');
                    seen := seen || rate;
                    IF i % 2 = 0 THEN
                        DELETE FROM t_currency WHERE char_code = 'USD';
                        seen := seen || cbr_rate('USD', '2020-01-05');
                    END IF;
                    RAISE division_by_zero;
                EXCEPTION WHEN division_by_zero THEN NULL;
                END;
                seen := seen || cbr_rate('USD', '2020-01-05');
            END LOOP;
            RETURN seen;
        END $$""")
    filled.rows(f"BEGIN ISOLATION LEVEL {level}")
    before = filled.value(RATE)
    expected = []
    for i in range(1, 9):
        expected += [100 + i] + [None] * (i % 2 == 0) + [before]
    assert filled.value("SELECT undo()") == expected
    filled.rows("COMMIT")


def test_loop_that_inserts_and_deletes_between_calls(filled):
    filled.rows("""CREATE FUNCTION come_and_go() RETURNS text LANGUAGE plpgsql AS $$
        DECLARE seen text := ''; rate numeric;
        BEGIN
            FOR i IN 1..12 LOOP
                rate := cbr_rate('XTS', '2020-01-05');
                seen := seen || coalesce(rate::int::text, '-');
                IF i % 3 = 0 THEN
                    DELETE FROM t_currency WHERE char_code = 'XTS';
                ELSIF i % 3 = 1 THEN
                    INSERT INTO t_currency (char_code, value, date) VALUES ('XTS', i, '2020-01-05');
                END IF;
            END LOOP;
            RETURN seen;
        END $$""")
    assert filled.value("SELECT come_and_go()") == "-11-44-77-1010"


def test_sql_function_sees_what_came_before_it(filled):
    filled.rows("""CREATE FUNCTION asked() RETURNS numeric STABLE LANGUAGE sql AS
                   'SELECT sum(cbr_rate(''USD'', ''2020-01-05'')) FROM generate_series(1, 10)'""")
    filled.rows("""CREATE FUNCTION change() RETURNS numeric[] LANGUAGE plpgsql AS $$
        DECLARE seen numeric[] := '{}';
        BEGIN
            FOR i IN 1..5 LOOP
                UPDATE t_currency SET value = i WHERE char_code = 'USD' AND date = '2020-01-05';
                seen := seen || asked();
            END LOOP;
            RETURN seen;
        END $$""")
    assert filled.value("SELECT change()") == [10, 20, 30, 40, 50]


def test_loop_that_stores_in_a_query_s_own_rows_sees_the_query_s_snapshot(filled):
    """A query's look-ups all answer by its snapshot; those of a VOLATILE function that it calls see what that stored."""
    filled.rows("""CREATE FUNCTION store(i int) RETURNS numeric VOLATILE LANGUAGE plpgsql AS $$
        BEGIN
            UPDATE t_currency SET value = i WHERE char_code = 'USD' AND date = '2020-01-05';
            RETURN cbr_rate('USD', '2020-01-05');
        END $$""")
    before = filled.value(RATE)
    rows = filled.rows("SELECT store(i), cbr_rate('USD', date '2020-01-05' + 0 * i) FROM generate_series(1, 10) i")
    assert rows == [(i, before) for i in range(1, 11)]


def test_loop_that_stores_between_calls(filled):
    filled.rows("""CREATE FUNCTION walk() RETURNS numeric[] LANGUAGE plpgsql AS $$
        DECLARE seen numeric[] := '{}';
        BEGIN
            FOR i IN 1..8 LOOP
                UPDATE t_currency SET value = i WHERE char_code = 'USD' AND date = '2020-01-05';
                seen := seen || cbr_rate('USD', '2020-01-05');
                seen := seen || cbr_convert(2, 'USD', 'RUB', '2020-01-05');
            END LOOP;
            DELETE FROM t_currency WHERE char_code = 'USD';
            RETURN seen || cbr_rate('USD', '2020-01-05');
        END $$""")
    nominal = filled.value("SELECT nominal FROM t_currency WHERE char_code = 'USD' LIMIT 1")
    expected = [step for i in range(1, 9) for step in (Fraction(i, nominal), Fraction(2 * i, nominal))]
    seen = filled.value("SELECT walk()")
    assert [Fraction(value) for value in seen[:-1]] == expected
    assert seen[-1] is None


def test_what_a_subtransaction_undid_is_not_seen(filled):
    filled.rows("BEGIN")
    before = filled.value(RATE)
    for _ in range(3):
        filled.rows("SAVEPOINT undo")
        set_rate(filled, 9)
        assert filled.rows(MANY) == [(10, 90)]
        filled.rows("ROLLBACK TO undo")
        assert filled.value(RATE) == before
    filled.rows("COMMIT")


def test_cursor_keeps_its_snapshot(filled):
    filled.rows("BEGIN")
    filled.rows("DECLARE old CURSOR FOR SELECT cbr_rate('USD', '2020-01-05') FROM generate_series(1, 20)")
    before = filled.rows("FETCH 5 FROM old")
    set_rate(filled, 3)
    assert filled.value(RATE) == 3
    assert filled.rows("FETCH 5 FROM old") == before
    filled.rows("COMMIT")


def test_prepared_statement_sees_what_came_after(filled, observer):
    filled.rows("PREPARE asked AS SELECT sum(cbr_rate('USD', '2020-01-05')) FROM generate_series(1, 10)")
    filled.rows("EXECUTE asked")
    set_rate(observer, 4)
    assert filled.value("EXECUTE asked") == 40


def test_parallel_workers_give_the_same_sum(filled):
    filled.rows("""CREATE TABLE sale AS SELECT n AS amount, date '2020-01-01' + n % 1000 AS day,
                   (ARRAY['USD', 'EUR', 'GBP', 'JPY'])[1 + n % 4] AS code FROM generate_series(1, 100000) n""")
    filled.rows("ANALYZE sale")
    sql = "SELECT sum(cbr_convert(amount, code, 'RUB', day)) FROM sale"
    filled.rows("SET max_parallel_workers_per_gather = 0")
    serial = filled.value(sql)
    for setting in ("max_parallel_workers_per_gather = 2", "parallel_setup_cost = 0", "parallel_tuple_cost = 0",
                    "min_parallel_table_scan_size = 0"):
        filled.rows(f"SET {setting}")
    plan = "\n".join(row[0] for row in filled.rows("EXPLAIN (ANALYZE, COSTS OFF) " + sql))
    assert "Workers Launched: 2" in plan
    assert filled.value(sql) == serial


def test_forced_worker_gives_the_same(filled):
    serial = filled.rows(MANY), filled.value(RATE)
    filled.rows("SET " + ("debug_parallel_query" if filled.version() >= 16 else "force_parallel_mode") + " = on")
    assert "Gather" in str(filled.rows("EXPLAIN " + MANY))
    assert (filled.rows(MANY), filled.value(RATE)) == serial
    error = filled.error("SELECT cbr_convert(1, 'USD', 'XTS', '2020-01-05')")
    assert error.pgcode == "P0002"


def test_works_on_a_standby(make_cluster, bank):
    primary = make_cluster()
    primary.start()
    primary.execute("CREATE EXTENSION cbr")
    primary.execute(FILL)
    standby = make_cluster(initialize=lambda server: server.copy_of(primary))
    standby.start()
    session = Session(standby, bank.url, database="postgres")
    assert session.rows(MANY)[0][0] == 10
    assert session.value(RATE) is not None
    session.close()


def test_objects_of_the_same_name_elsewhere_are_left_alone(filled):
    expected = filled.value(RATE)
    filled.rows("CREATE TEMP TABLE t_currency (LIKE public.t_currency)")
    filled.rows("SET search_path = pg_temp, pg_catalog, public")
    assert filled.value("SELECT public.cbr_rate('USD', '2020-01-05')") == expected


def test_operators_of_the_same_name_elsewhere_are_left_alone(connect, filled):
    expected = filled.value(RATE)
    filled.rows("CREATE SCHEMA other")
    filled.rows("CREATE FUNCTION other.never(text, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT false'")
    filled.rows("CREATE OPERATOR other.= (LEFTARG = text, RIGHTARG = text, FUNCTION = other.never)")
    session = connect()  # it has prepared nothing yet
    session.rows("SET search_path = other, pg_catalog, public")
    assert session.value("SELECT public.cbr_rate('USD', '2020-01-05')") == expected


BY_INDEX_AND_BY_SERIES = pytest.mark.parametrize("times", [1, 6], ids=["by index", "from the series"])


def rates(session, code, day, times):
    """The answers to a look-up that is made so many times in one statement: all the same."""
    found = session.rows("SELECT DISTINCT cbr_rate(%s, %s::date) FROM generate_series(1, %s)", code, day, times)
    assert len(found) == 1
    return found[0][0]


@BY_INDEX_AND_BY_SERIES
def test_row_of_a_script_is_found_and_loses_against_the_bank_s(filled, times):
    filled.rows("""INSERT INTO t_currency (name, char_code, value, date) VALUES
        ('a', 'USD', 1, '2020-01-05'), ('a', 'USD', 2, '2019-06-01'), ('a', 'USD', 3, '2019-06-01'),
        ('a', 'USD', 4, '2019-06-02 12:00')""")
    plain = filled.value("SELECT value / nominal FROM t_currency WHERE cbr_id = 'R01' AND date = '2020-01-05'")
    assert rates(filled, "USD", "2020-01-05", times) == plain
    assert rates(filled, "USD", "2019-06-01", times) == 3  # of two scripts' rows the later
    assert rates(filled, "USD", "2019-06-02", times) is None  # a time of day is no day's rate


@BY_INDEX_AND_BY_SERIES
def test_ids_and_any_case_are_understood(filled, times):
    filled.rows("INSERT INTO t_currency (char_code, cbr_id, value, date) VALUES ('XTS', 'R01090B', 6, '2020-01-05')")
    assert [rates(filled, code, "2020-01-05", times) for code in ("XTS", "xts", "Xts", "R01090B", "r01090b")] == [6] * 5
    assert rates(filled, "R01090", "2020-01-05", times) is None


def test_many_spellings_of_many_currencies_in_one_statement(filled):
    """More than there is room to remember, long ones among them, each mixed with the others."""
    filled.rows("""INSERT INTO t_currency (char_code, cbr_id, value, date)
                   SELECT chr(65 + n / 26) || chr(65 + n % 26) || 'X', 'R0123456' || 100 + n, 100 + n, d
                     FROM generate_series(0, 399) n, generate_series(timestamp '2020-01-01', '2020-01-06', '1 day') d""")
    assert filled.rows("""
        SELECT count(*), count(DISTINCT spelling) FROM
            (SELECT t.value / t.nominal AS plain, spelling, cbr_rate(spelling, t.date::date) AS ours
               FROM t_currency t, unnest(ARRAY[t.char_code, t.cbr_id, lower(t.char_code), lower(t.cbr_id)]) spelling
              WHERE t.date < '2020-01-07' ORDER BY md5(spelling || t.date)) answers
         WHERE ours = plain""") == [(404 * 4 * 6, 404 * 4)]


@BY_INDEX_AND_BY_SERIES
@pytest.mark.parametrize("value", ["12345678901234567890.12345678901234567890", "0.00000000000000000001", "99999999", "1e30", "NaN"])
def test_values_that_the_bank_never_printed_are_exact(filled, times, value):
    filled.rows("INSERT INTO t_currency (char_code, cbr_id, value, date) VALUES ('XTS', 'R9', %s::numeric, '2020-01-05')", value)
    assert str(rates(filled, "XTS", "2020-01-05", times)) == str(filled.value("SELECT value FROM t_currency WHERE cbr_id = 'R9'"))


@BY_INDEX_AND_BY_SERIES
def test_rate_that_is_not_loaded_is_an_error_of_a_conversion(filled, times):
    sql = f"SELECT sum(cbr_convert(n, 'RUB', 'USD', '2030-01-01')) FROM generate_series({4 - times}, 3) n"
    error = filled.error(sql)
    assert error.pgcode == "P0002"
    assert error.diag.message_primary == "rate of USD on 2030-01-01 is not loaded"
    assert "cbr_backfill" in error.diag.message_hint
    filled.rows("SET cbr.missing_rate = 'null'")
    assert filled.value(sql) is None
    filled.rows("SET cbr.missing_rate = 'error'")
    assert filled.error(sql).pgcode == "P0002"


@BY_INDEX_AND_BY_SERIES
@pytest.mark.parametrize("day", ["infinity", "-infinity", "5874897-12-31", "4714-11-24 BC", "294277-01-01"])
def test_day_that_no_row_can_have_has_no_rate(filled, times, day):
    assert rates(filled, "USD", day, times) is None
    assert filled.error("SELECT cbr_convert(1, 'USD', 'RUB', %s)", day).pgcode == "P0002"


def test_null_in_null_out(filled):
    for arguments in ("NULL, 'USD', 'RUB', '2020-01-05'", "1, NULL, 'RUB', '2020-01-05'", "1, 'USD', NULL, '2020-01-05'"):
        assert filled.value(f"SELECT cbr_convert({arguments})") is None
    assert filled.value("SELECT cbr_rate(NULL, '2020-01-05')") is None


@pytest.mark.parametrize("day", ["infinity", "-infinity", "290000-01-01"])
def test_row_of_an_absurd_day_costs_no_memory(filled, day):
    """A script's row, perhaps by mistake; the others go on being found."""
    plain = filled.value(RATE)
    filled.rows("INSERT INTO t_currency (char_code, value, date) VALUES ('USD', 1, %s)", day)
    assert filled.rows(MANY) == [(10, 10 * plain)]
    assert peak_bytes(filled.pid) < 256 << 20


def peak_bytes(pid):
    """The most memory that the process ever had, shared memory included."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


def test_to_roubles_of_nominal_one_every_digit_is_exact(filled):
    choose = random.Random(2)
    value = Fraction(filled.value("SELECT value FROM t_currency WHERE char_code = 'JPY' AND date = '2020-02-02' AND nominal = 1"))
    for _ in range(50):
        amount = f"{choose.randrange(10 ** 30)}.{choose.randrange(10 ** 12):012d}"
        got = filled.value(f"SELECT cbr_convert({amount}, 'JPY', 'RUB', '2020-02-02')")
        assert Fraction(got) == Fraction(amount) * value


@pytest.mark.parametrize("amount", ["0.00000000000000000000000000000000000001", "-1e-60", "9" * 500 + "." + "7" * 300, "0"])
def test_tiny_and_huge_amounts_to_roubles_are_exact(filled, amount):
    value = Fraction(filled.value("SELECT value FROM t_currency WHERE char_code = 'JPY' AND date = '2020-02-02' AND nominal = 1"))
    got = filled.value(f"SELECT cbr_convert({amount}, 'JPY', 'RUB', '2020-02-02')::text")
    assert Fraction(got) == Fraction(amount) * value


def test_sum_of_exact_conversions_is_the_exact_sum(filled):
    values = dict(filled.rows("SELECT date::date, value FROM t_currency WHERE char_code = 'JPY'"))
    choose = random.Random(3)
    sales = [(f"{choose.randrange(10 ** 9)}.{choose.randrange(100):02d}", choose.choice(list(values))) for _ in range(500)]
    amounts, days = zip(*sales)
    got = filled.value("SELECT sum(cbr_convert(amount, 'JPY', 'RUB', day))::text FROM unnest(%s::numeric[], %s::date[]) u(amount, day)",
                       list(amounts), list(days))
    assert Fraction(got) == sum(Fraction(amount) * Fraction(values[day]) for amount, day in sales)


def test_memory_is_flat_over_many_calls(filled):
    def resident():
        _, pages, shared = pathlib.Path(f"/proc/{filled.pid}/statm").read_text().split()[:3]
        return (int(pages) - int(shared)) * os.sysconf("SC_PAGE_SIZE")

    sql = "SELECT sum(cbr_convert(1, 'USD', 'EUR', date '2020-01-01' + n % 1000)) FROM generate_series(1, 200000) n"
    filled.rows(sql)
    before = resident()
    for _ in range(3):
        filled.rows(sql)
    for _ in range(20000):
        filled.rows(RATE)
    assert resident() - before < 2 << 20
