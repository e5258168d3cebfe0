"""cbr_rate and cbr_convert see what a plain query would see at the same moment: a series that was read once is used
under its own snapshot alone. In loops, subtransactions, cursors, each isolation level, parallel workers, on a standby.
"""
import os
import pathlib
import random
from fractions import Fraction

import pytest

from session import Session

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
    for _ in range(250):
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


def test_to_roubles_of_nominal_one_every_digit_is_exact(filled):
    choose = random.Random(2)
    value = Fraction(filled.value("SELECT value FROM t_currency WHERE char_code = 'JPY' AND date = '2020-02-02' AND nominal = 1"))
    for _ in range(50):
        amount = f"{choose.randrange(10 ** 30)}.{choose.randrange(10 ** 12):012d}"
        got = filled.value(f"SELECT cbr_convert({amount}, 'JPY', 'RUB', '2020-02-02')")
        assert Fraction(got) == Fraction(amount) * value


def test_memory_is_flat_over_many_calls(filled):
    def resident():
        _, pages, shared = pathlib.Path(f"/proc/{filled.pid}/statm").read_text().split()[:3]
        return (int(pages) - int(shared)) * os.sysconf("SC_PAGE_SIZE")

    sql = "SELECT sum(cbr_convert(1, 'USD', 'EUR', date '2020-01-01' + n % 1000)) FROM generate_series(1, 200000) n"
    filled.rows(sql)
    before = resident()
    for _ in range(3):
        filled.rows(sql)
    for _ in range(3000):
        filled.rows(RATE)
    assert resident() - before < 2 << 20
