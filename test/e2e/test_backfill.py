"""cbr_backfill: the whole of history against recorded facts, what is asked for, and what an interrupted run leaves."""
import bisect
import csv
import datetime
import os
import pathlib
import re
import signal
import threading
import urllib.parse
from decimal import Decimal

import psycopg2
import pytest

from bank import Bank
from cluster import TEMPLATE, eventually
from proxy import Proxy, behind_a_gate
from session import (Session, resident_bytes, tcp_sockets, wait_until_active_and_asleep, wait_until_blocked,
                     wait_until_requested, words)
from test_future import in_moscow

CORPUS = os.environ.get("CBR_CORPUS")
FOUR = "{USD, EUR, GBP, CNY}"
MARCH = ("2026-03-03", "2026-03-14", FOUR)
TABLE = "SELECT cbr_id, date, value, nominal, effective_date FROM t_currency ORDER BY cbr_id, date"


def backfill(session, first, last, currencies):
    session.connection.notices.clear()
    session.rows("CALL cbr_backfill(%s, %s, %s)", first, last, currencies)
    return [notice for notice in session.connection.notices if notice.startswith("INFO")]


def backfill_error(session, first, last, currencies):
    return session.error("CALL cbr_backfill(%s, %s, %s)", first, last, currencies)


def series_requests(bank):
    return [request["target"] for request in bank.recorded() if "XML_dynamic" in request["target"]]


@pytest.fixture
def whole_march(session):
    """What an undisturbed run stores."""
    backfill(session, *MARCH)
    rows = session.rows(TABLE)
    session.rows("TRUNCATE t_currency, cbr_fetch_log")
    return rows


# ---------------------------------------------------------------------------------------------- recorded facts


@pytest.fixture(scope="module")
def facts():
    if not CORPUS:
        pytest.skip("CBR_CORPUS does not name a directory of real answers")
    rows = {}
    with open(pathlib.Path(CORPUS) / "rates.csv", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            rows.setdefault(row["cbr_id"], []).append((row["effective_date"], int(row["nominal"]), Decimal(row["value"])))
    return {cbr_id: sorted(records) for cbr_id, records in rows.items()}


@pytest.fixture
def recorded_bank(facts):
    with Bank(series=[str(pathlib.Path(CORPUS) / "rates.csv")]) as running:
        yield running


def record_in_force(records, day):
    return records[bisect.bisect_right([date for date, _, _ in records], day) - 1]


def test_dollar_since_1992_equals_the_facts_in_four_requests(cluster, database, recorded_bank, facts):
    session = Session(cluster, recorded_bank.url, database=database).use()
    backfill(session, "1992-07-01", "2025-06-09", "{USD}")
    assert len(recorded_bank.recorded()) <= 4
    rows = session.rows("SELECT to_char(date, 'YYYY-MM-DD'), effective_date::text, nominal, value FROM t_currency")
    assert len(rows) == 12032
    for day, effective_date, nominal, value in rows:
        assert (effective_date, nominal, value) == record_in_force(facts["R01235"], day)
    session.close()


def test_currency_set_monthly_has_no_hole(cluster, database, recorded_bank, facts):
    session = Session(cluster, recorded_bank.url, database=database).use()
    backfill(session, "2005-01-01", "2022-12-31", "{AMD}")
    assert session.value("SELECT count(*) FROM t_currency") == 6574
    for day, effective_date, value in session.rows(
            "SELECT to_char(date, 'YYYY-MM-DD'), effective_date::text, value FROM t_currency"):
        date, _, expected = record_in_force(facts["R01060"], day)
        assert (effective_date, value) == (date, expected)
    session.close()


def test_currency_that_left_the_list_has_no_row_after_the_next_publication(cluster, database, recorded_bank):
    session = Session(cluster, recorded_bank.url, database=database).use()
    backfill(session, "2015-10-10", "2015-11-30", "{R01090}")  # of which the facts hold one record
    assert session.rows("SELECT date::date::text, effective_date::text FROM t_currency") == [("2015-10-15",) * 2]
    session.close()


# ------------------------------------------------------------------------------------------- what is asked for


def test_complete_range_is_not_asked_for_again(session, bank):
    assert len(backfill(session, *MARCH)) == 4
    bank.forget()
    assert "nothing is missing" in backfill(session, *MARCH)[0]
    assert series_requests(bank) == []


def test_currency_that_was_not_quoted_is_not_asked_for_again(session, bank):
    backfill(session, "2001-12-28", "2002-01-10", "{R09999}")
    assert session.value("SELECT count(*) FROM t_currency") == 0
    bank.forget()
    backfill(session, "2001-12-28", "2002-01-10", "{R09999}")
    assert series_requests(bank) == []


def test_dollar_is_asked_for_once_for_the_calendar_too(session, bank):
    backfill(session, "2001-12-28", "2002-01-10", "{EUR, USD}")
    assert len([target for target in series_requests(bank) if "R01235" in target]) == 1


def test_row_of_a_script_is_completed_and_not_doubled(session):
    session.rows("INSERT INTO t_currency (name, char_code, value, date, cbr_id) VALUES ('x', 'USD', 30.9436, '2002-03-02', 'R01235')")
    backfill(session, "2002-03-01", "2002-03-04", "{USD}")
    assert session.value("SELECT count(*) FROM t_currency") == 4
    assert session.value("SELECT effective_date::text FROM t_currency WHERE date = '2002-03-02'") == "2002-03-02"


def asked(bank, cbr_id):
    """The ranges that were asked for of a currency."""
    queries = [urllib.parse.parse_qs(urllib.parse.urlsplit(target).query) for target in series_requests(bank)]
    return [tuple(datetime.datetime.strptime(query[name][0], "%d/%m/%Y").date() for name in ("date_req1", "date_req2"))
            for query in queries if query["VAL_NM_RQ"] == [cbr_id]]


def around(first, last):
    """A range and the 45 days on both sides that tell what was in force at its ends."""
    margin = datetime.timedelta(days=45)
    return datetime.date.fromisoformat(first) - margin, datetime.date.fromisoformat(last) + margin


@pytest.mark.parametrize("wider, missing", [
    (("2001-12-28", "2002-01-31"), ("2001-12-28", "2002-01-09")),
    (("2002-01-10", "2002-02-20"), ("2002-02-01", "2002-02-20")),
    (("2001-12-28", "2002-02-20"), ("2001-12-28", "2002-02-20")),  # on both sides: one request for all
])
def test_wider_range_asks_for_what_is_missing_alone(session, bank, wider, missing):
    backfill(session, "2002-01-10", "2002-01-31", "{USD, EUR}")
    kept = session.rows("SELECT id, fetched_at FROM t_currency ORDER BY id")
    bank.forget()
    backfill(session, *wider, "{USD, EUR}")
    assert asked(bank, "R01235") == asked(bank, "R01239") == [around(*missing)]
    assert session.rows("SELECT requested_date::text, last_date::text, changed FROM cbr_fetch_log ORDER BY id OFFSET 2") == [
        missing + (0,)] * 2
    days = (datetime.date.fromisoformat(wider[1]) - datetime.date.fromisoformat(wider[0])).days + 1
    assert session.rows("SELECT char_code, count(*) FROM t_currency GROUP BY 1 ORDER BY 1") == [("EUR", days), ("USD", days)]
    assert session.rows("SELECT id, fetched_at FROM t_currency ORDER BY id LIMIT %s", len(kept)) == kept


def test_currency_that_did_not_exist_yet_stores_nothing_and_is_not_asked_for_again(session, bank):
    before_it = "1997-12-01", "1998-01-15", "{EUR}"
    backfill(session, *before_it)
    assert session.stored() == (0, 1)
    bank.forget()
    assert "nothing is missing" in backfill(session, *before_it)[0]
    assert series_requests(bank) == []
    backfill(session, "1997-12-01", "2001-12-31", "{EUR}")  # the covered part is not asked for either
    assert asked(bank, "R01239") == [around("1998-01-16", "2001-12-31")]


def test_deleted_rows_are_loaded_again(session, bank):
    backfill(session, *MARCH)
    whole = session.rows(TABLE)
    session.rows("DELETE FROM t_currency WHERE cbr_id = 'R01239' AND date BETWEEN '2026-03-06' AND '2026-03-08'")
    bank.forget()
    assert len(backfill(session, *MARCH)) == 1
    assert asked(bank, "R01239") == [around("2026-03-06", "2026-03-08")]
    assert asked(bank, "R01035") == []
    assert session.rows(TABLE) == whole


def test_rows_of_cbr_fetch_are_kept_as_they_are(session):
    session.value("SELECT cbr_fetch('2002-03-02', '{USD}')")
    row = session.rows("SELECT * FROM t_currency")
    session.rows("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'touched'; END $$")
    session.rows("CREATE TRIGGER refuse BEFORE UPDATE OR DELETE ON t_currency FOR EACH ROW EXECUTE FUNCTION refuse()")
    backfill(session, "2002-03-01", "2002-03-04", "{USD}")
    assert session.value("SELECT count(*) FROM t_currency") == 4
    assert session.rows("SELECT * FROM t_currency WHERE date = '2002-03-02'") == row
    assert session.rows("SELECT rates, inserted, changed, corrections FROM cbr_fetch_log ORDER BY id DESC LIMIT 1") == [(4, 3, 0, [])]


def test_rows_moved_over_from_a_script_are_completed_and_the_old_is_logged(session):
    """A row that has its ID but not its own date counts as there, until a day beside it is missing."""
    session.rows("""INSERT INTO t_currency (name, char_code, value, date, cbr_id)
                    SELECT 'x', 'USD', 30.9436, d, 'R01235' FROM unnest(ARRAY[timestamp '2002-03-02', '2002-03-03']) d""")
    backfill(session, "2002-03-01", "2002-03-04", "{USD}")
    rows = session.rows("SELECT date::date::text, effective_date::text, num_code, value FROM t_currency ORDER BY date")
    assert [row[:3] for row in rows[1:3]] == [("2002-03-02", "2002-03-02", "840"), ("2002-03-03", "2002-03-02", "840")]
    changed, corrections = session.rows("SELECT changed, corrections FROM cbr_fetch_log")[0]
    assert changed == 2
    assert [(entry["date"], entry["old"]["effective_date"]) for entry in corrections] == [
        ("2002-03-02", None), ("2002-03-03", None)]


def test_correction_is_seen_where_it_is_asked_for_again_and_the_old_value_is_logged(session, tmp_path):
    march = "2002-03-01", "2002-03-06"
    backfill(session, *march, "{EUR}")
    old = dict(session.rows("SELECT date::date::text, value FROM t_currency"))
    corrected = tmp_path / "corrected.csv"
    corrected.write_text("effective_date,cbr_id,num_code,char_code,nominal,value\n2002-03-05,R01239,978,EUR,1,99.9999\n")
    with Bank(series=[str(corrected)]) as other:
        session.bank_url = other.url
        session.use()
        assert "nothing is missing" in backfill(session, *march, "{EUR}")[0]
        assert dict(session.rows("SELECT date::date::text, value FROM t_currency")) == old
        session.rows("DELETE FROM t_currency WHERE date IN ('2002-03-04', '2002-03-06')")
        backfill(session, *march, "{EUR}")
    assert dict(session.rows("SELECT date::date::text, value FROM t_currency")) == dict(old, **{"2002-03-05": Decimal("99.9999")})
    changed, corrections = session.rows("SELECT changed, corrections FROM cbr_fetch_log ORDER BY id DESC LIMIT 1")[0]
    assert changed == 1
    assert [(entry["cbr_id"], entry["date"], entry["old"]["value"], entry["new"]["value"]) for entry in corrections] == [
        ("R01239", "2002-03-05", str(old["2002-03-05"]), "99.9999")]


def test_star_loads_each_currency_of_the_newest_document_and_of_the_catalogue(session, bank):
    known = session.rows("SELECT cbr_id FROM cbr_daily() UNION SELECT cbr_id FROM cbr_currencies() ORDER BY 1")
    bank.forget()
    told = backfill(session, "2026-03-03", "2026-03-05", "{*}")  # of which psycopg2 keeps the last 50
    assert f"; currency {len(known)} of {len(known)}, " in told[-1]
    assert len(known) > 80
    assert session.rows("SELECT cbr_id FROM cbr_fetch_log ORDER BY 1") == known
    assert all(len(asked(bank, cbr_id)) == 1 for (cbr_id,) in known)
    assert session.rows("SELECT count(DISTINCT cbr_id), count(*) FROM t_currency") == [(12, 36)]


def test_iso_code_means_the_currency_that_has_it(session, bank):
    """BYR was redenominated: BYN is another currency."""
    backfill(session, "2026-03-03", "2026-03-05", "{BYR, BYN}")
    assert [len(asked(bank, cbr_id)) for cbr_id in ("R01090", "R01090B")] == [1, 1]
    assert session.rows("SELECT DISTINCT char_code, cbr_id FROM t_currency") == [("BYN", "R01090B")]


@pytest.fixture
def bank_of_these_days(tmp_path):
    """Stand-ins that have records of the US dollar on days counted from today in Moscow."""
    running = []

    def make(*days):
        path = tmp_path / f"{len(running)}.csv"
        lines = [f"{in_moscow(day)},R01235,840,USD,1,{80 + day}.5000" for day in days]
        path.write_text("\n".join(["effective_date,cbr_id,num_code,char_code,nominal,value", *lines]) + "\n")
        running.append(Bank(series=[str(path)]).__enter__())
        return running[-1]

    yield make
    for each in running:
        each.stop()


@pytest.mark.parametrize("tomorrow", [True, False], ids=["tomorrow's is published", "tomorrow's is not"])
def test_after_today_a_publication_is_stored_on_its_own_day_alone(session, bank_of_these_days, tomorrow):
    def expected(today):
        days = [(-4, -4), (-3, -4), (-2, -2), (-1, -2), (0, -2)] + [(1, 1)] * tomorrow
        return [(today + datetime.timedelta(days=day), today + datetime.timedelta(days=own)) for day, own in days]

    while True:  # until midnight in Moscow does not come in between
        today = in_moscow(0)
        session.bank_url = bank_of_these_days(-4, -2, *[1] * tomorrow).url
        session.use().rows("TRUNCATE t_currency, cbr_fetch_log")
        backfill(session, today - datetime.timedelta(days=4), today + datetime.timedelta(days=20), "{USD}")
        if in_moscow(0) == today:
            break
    assert session.rows("SELECT date::date, effective_date FROM t_currency ORDER BY date") == expected(today)


# ------------------------------------------------------------------------------------------------ how it is asked


def hanging(*cbr_ids):
    return "".join(f"/fault/hang-for-ID/{cbr_id}" for cbr_id in cbr_ids)


@pytest.mark.parametrize("connections", [1, 2, 3])
def test_as_many_requests_are_under_way_as_there_may_be_connections(session, observer, bank, connections):
    session.use(hanging("R01239", "R01035", "R01375"), max_connections=connections, timeout="10min")
    call = session.start("CALL cbr_backfill(%s, %s, %s)", *MARCH)
    wait_until_requested(bank, 2 + connections)  # the newest document, the dollar; and those that hang
    wait_until_active_and_asleep(observer, session)
    assert len(tcp_sockets(session.pid)) == connections
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"
    asked_for = {re.search("VAL_NM_RQ=(.*)", target).group(1) for target in series_requests(bank)}
    assert asked_for == {"R01235", *["R01239", "R01035", "R01375"][:connections]}


def test_others_are_answered_while_one_waits_and_are_stored_in_order(session, observer, bank, whole_march):
    bank.forget()
    call = start_hanging_at_the_second(session)
    wait_until_requested(bank, 5)  # the fourth currency's came before the second's was answered
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"
    assert_first_is_kept_and_the_rest_comes(session, bank, whole_march)


def test_dollar_is_asked_for_beside_the_newest_document(session, observer, bank):
    session.use("/fault/hang", timeout="10min")
    call = session.start("CALL cbr_backfill(%s, %s, '{USD}')", *MARCH[:2])
    wait_until_requested(bank, 2)  # neither is answered
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"
    assert len(series_requests(bank)) == 1


@pytest.mark.parametrize("end, stored", [("COMMIT", ("77", 1)), ("ROLLBACK", (None, 0))])
def test_row_that_another_session_is_storing_is_waited_for(session, observer, end, stored):
    """The backfill finds no row in its way, and meets one while it inserts."""
    observer.rows("BEGIN")
    observer.rows("INSERT INTO t_currency (char_code, cbr_id, value, date) VALUES ('USD', 'R01235', 77, '2026-03-05')")
    call = session.start("CALL cbr_backfill(%s, %s, '{USD}')", *MARCH[:2])
    wait_until_blocked(observer, session)
    observer.rows(end)
    call.rows()
    assert session.value("SELECT count(*) FROM t_currency") == 12
    assert session.rows("SELECT corrections -> 0 -> 'old' ->> 'value', changed FROM cbr_fetch_log") == [stored]


def test_interval_of_requests_is_kept_with_many_connections(session, observer, bank):
    session.set("max_connections", 4)
    session.set("request_interval", "1h")
    call = session.start("CALL cbr_backfill(%s, %s, %s)", *MARCH)
    wait_until_requested(bank)
    waiting = "SELECT wait_event_type FROM pg_stat_activity WHERE pid = %s"
    eventually(lambda: observer.value(waiting, session.pid) == "Extension", "the wait for the next start")
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"
    assert len(bank.recorded()) == 1


def test_progress_is_told_currency_by_currency(session):
    told = backfill(session, *MARCH)
    for number, (notice, currency) in enumerate(zip(told, ["USD (R01235)", "EUR (R01239)", "GBP (R01035)", "CNY (R01375)"]), 1):
        assert re.match(rf"INFO:  {re.escape(currency)}: 12 days from \d+ publications, 12 new, 0 changed; "
                        rf"currency {number} of 4, \d+ days/s$", notice.strip()), notice
    assert len(told) == 4


def test_currency_without_a_name_is_told_of_by_its_id(session):
    session.use("/fault/fail-for-ID/R09999")
    error = backfill_error(session, "2026-03-03", "2026-03-14", "{R09999}")
    assert "cbr_backfill at unnamed (R09999), currency 1 of 1" in words(error)


# --------------------------------------------------------------------------------------------------- who and where


@pytest.mark.parametrize("read_only", ["BEGIN READ ONLY", "SET default_transaction_read_only = on"])
def test_read_only_transaction_is_refused_before_any_request(session, bank, read_only):
    session.rows(read_only)
    assert backfill_error(session, *MARCH).pgcode == "25006"
    assert bank.recorded() == []


def test_standby_is_refused_before_any_request(make_cluster, bank):
    primary = make_cluster()
    primary.start()
    primary.execute("CREATE EXTENSION cbr")
    standby = make_cluster(initialize=lambda server: server.copy_of(primary))
    standby.start()
    session = Session(standby, bank.url, database="postgres").use()
    assert backfill_error(session, *MARCH).pgcode == "25006"
    assert bank.recorded() == []
    session.close()


def test_role_needs_the_right_to_call_it_and_to_store(cluster, database, session, connect_as, role, bank):
    cluster.execute(f"ALTER ROLE {role} SET cbr.base_url = '{bank.url}'")
    user = connect_as(role)
    assert backfill_error(user, *MARCH).pgcode == "42501"
    assert bank.recorded() == []
    session.rows(f"GRANT EXECUTE ON PROCEDURE cbr_backfill TO {role}")
    assert backfill_error(user, *MARCH).pgcode == "42501"
    session.rows(f"GRANT SELECT, INSERT, UPDATE ON t_currency, cbr_fetch_log TO {role}")
    session.rows(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
    assert len(backfill(user, *MARCH)) == 4
    assert session.rows("SELECT DISTINCT fetched_by FROM cbr_fetch_log") == [(role,)]


@pytest.mark.parametrize("fault", ["wrong-echo-id", "wrong-echo-range", "record-outside", "duplicate-record"])
def test_answer_about_something_else_is_refused(session, fault):
    session.use(f"/fault/{fault}")
    error = backfill_error(session, *MARCH)
    assert error.pgcode == "2200M"
    assert "cbr_backfill at USD (R01235), currency 1 of 4" in words(error)
    assert session.stored() == (0, 0)


def test_document_that_is_wrong_midway_spoils_its_own_currency_alone(session, bank, tmp_path):
    """The pound's series ends with a rate that is none."""
    broken = tmp_path / "broken.csv"
    broken.write_text("effective_date,cbr_id,num_code,char_code,nominal,value\n2026-03-14,R01035,826,GBP,1,0.0000\n")
    with Bank(series=[str(broken)]) as other:
        session.bank_url = other.url
        error = session.use().error("CALL cbr_backfill(%s, %s, %s)", *MARCH)
    assert error.pgcode in ("2200M", "22P02")
    assert "cbr_backfill at GBP (R01035), currency 3 of 4; the ones before it are stored" in words(error)
    assert session.rows("SELECT char_code, count(*) FROM t_currency GROUP BY 1 ORDER BY 1") == [("EUR", 12), ("USD", 12)]


# -------------------------------------------------------------------------------------------------- interrupted


def assert_first_is_kept_and_the_rest_comes(session, bank, whole_march):
    assert session.rows("SELECT DISTINCT char_code FROM t_currency") == [("USD",)]
    session.use("")
    bank.forget()
    backfill(session, *MARCH)
    assert len([target for target in series_requests(bank) if "R01235" in target]) == 1  # the calendar
    assert session.rows(TABLE) == whole_march


def test_failure_keeps_what_was_stored_and_says_where_it_stopped(session, bank, whole_march):
    session.use("/fault/fail-for-ID/R01239")
    error = backfill_error(session, *MARCH)
    assert error.pgcode == "08P01"
    assert "cbr_backfill at EUR (R01239), currency 2 of 4; the ones before it are stored" in words(error)
    assert_first_is_kept_and_the_rest_comes(session, bank, whole_march)


def start_hanging_at_the_second(session):
    session.use("/fault/hang-for-ID/R01239", timeout="10min")
    return session.start("CALL cbr_backfill(%s, %s, %s)", *MARCH)


def test_cancel_keeps_what_was_stored(session, observer, bank, whole_march):
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    waiting = observer.rows("SELECT wait_event_type, query LIKE 'CALL cbr_backfill%%' FROM pg_stat_activity WHERE pid = %s",
                            session.pid)
    assert waiting == [("Extension", True)]
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    error = call.error()
    assert error.pgcode == "57014"
    assert "currency 2 of 4" in words(error)
    assert_first_is_kept_and_the_rest_comes(session, bank, whole_march)


def test_terminated_backend_leaves_what_was_stored_and_no_lock(session, observer, connect, bank, whole_march):
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    observer.rows("SELECT pg_terminate_backend(%s)", session.pid)
    assert isinstance(call.error(), psycopg2.OperationalError)
    assert_first_is_kept_and_the_rest_comes(connect(), bank, whole_march)


def test_server_crash_leaves_what_was_stored(make_cluster, bank, whole_march):
    server = make_cluster()
    server.start()
    server.execute("CREATE EXTENSION cbr")
    session, observer = (Session(server, bank.url, database="postgres").use() for _ in range(2))
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    server.expect_killed(session.pid)
    os.kill(session.pid, signal.SIGKILL)
    assert isinstance(call.error(), psycopg2.OperationalError)
    observer.close()
    eventually(lambda: "was terminated by signal 9" in server.log_text(), "the postmaster's notice")
    again = eventually(lambda: connection_after_recovery(server, bank), "the end of recovery").use()
    assert_first_is_kept_and_the_rest_comes(again, bank, whole_march)
    again.close()


def connection_after_recovery(server, bank):
    """The server starts anew by itself; meanwhile it refuses."""
    try:
        return Session(server, bank.url, database="postgres")
    except psycopg2.OperationalError:
        return None


def test_lost_service_leaves_what_was_stored(cluster, database, observer, whole_march):
    with Bank() as lost:
        session = Session(cluster, lost.url, database=database)
        call = start_hanging_at_the_second(session)
        eventually(lambda: observer.stored()[1] == 1, "the first currency")
    assert call.error().pgcode in ("08006", "08001")
    with Bank() as back:
        session.bank_url = back.url
        assert_first_is_kept_and_the_rest_comes(session, back, whole_march)
    session.close()


def test_second_backfill_at_the_same_time_is_refused(session, observer, connect):
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    error = backfill_error(observer, *MARCH)
    assert error.pgcode == "55P03"
    assert "another cbr_backfill is running" in error.diag.message_primary
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    call.error()
    assert backfill(observer, *MARCH)


RELATION_LOCKS = "SELECT relation::regclass::text, mode FROM pg_locks WHERE pid = %s AND relation >= 16384"


@pytest.mark.parametrize("path, requests", [
    ("/fault/hang", 2),  # the newest document, which tells what the codes mean, and beside it the dollar
    ("/fault/hang-for-ID/R01235", 2),  # the first series
])
def test_no_table_is_locked_while_the_network_is_waited_for(session, observer, bank, path, requests):
    session.use(path, timeout="10min")
    call = session.start("CALL cbr_backfill(%s, %s, %s)", *MARCH)
    wait_until_requested(bank, requests)
    eventually(lambda: observer.rows(RELATION_LOCKS, session.pid) == [], "the end of the locks")
    observer.rows("BEGIN")
    observer.rows("LOCK TABLE t_currency, cbr_fetch_log IN ACCESS EXCLUSIVE MODE NOWAIT")
    observer.rows("ROLLBACK")
    observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
    assert call.error().pgcode == "57014"


def test_tables_are_locked_in_one_order(session, observer, whole_march):
    """Rates before the log, as all that stores does: an owner who locks them so meets no deadlock."""
    observer.rows("BEGIN")
    observer.rows("LOCK TABLE t_currency IN ACCESS EXCLUSIVE MODE")
    call = session.start("CALL cbr_backfill(%s, %s, %s)", *MARCH)
    wait_until_blocked(observer, session)
    observer.rows("LOCK TABLE cbr_fetch_log IN ACCESS EXCLUSIVE MODE NOWAIT")
    observer.rows("COMMIT")
    call.rows()
    assert session.rows(TABLE) == whole_march


CHANGES = {
    "index made anew": "REINDEX TABLE CONCURRENTLY t_currency",
    "index gone": "DROP INDEX t_currency_char_code_date_idx",
    "constraint made anew": "ALTER TABLE t_currency DROP CONSTRAINT t_currency_cbr_id_date_key, ADD UNIQUE (cbr_id, date)",
    "column more": "ALTER TABLE t_currency ADD note text NOT NULL DEFAULT 'x'",
    "other types": "ALTER TABLE t_currency ALTER value TYPE numeric(20, 4), ALTER nominal TYPE bigint",
    "column less": "ALTER TABLE cbr_fetch_log DROP fetched_by",
    "other table": "ALTER TABLE t_currency RENAME TO old; CREATE TABLE t_currency (LIKE old INCLUDING ALL);"
                   "INSERT INTO t_currency TABLE old",
}


@pytest.fixture
def second_at_the_gate(bank):
    """The stand-in, which answers of the second currency when the gate is opened: the gate, and the URL."""
    opened = threading.Event()
    with Proxy(behind_a_gate(bank.url, opened, b"R01239")) as before:
        yield opened, f"http://{before.address}"
        opened.set()


@pytest.mark.parametrize("plans", ["force_generic_plan", "force_custom_plan"])
@pytest.mark.parametrize("change", CHANGES)
def test_owner_may_change_the_tables_between_two_currencies(
        session, observer, second_at_the_gate, whole_march, plans, change):
    """The statements are made anew then, and not run on as those of a table that is no more."""
    opened, url = second_at_the_gate
    observer.rows("ALTER EXTENSION cbr DROP TABLE t_currency")
    session.rows(f"SET plan_cache_mode = {plans}")
    session.rows("SET enable_seqscan = off")
    call = session.use(url).start("CALL cbr_backfill(%s, %s, %s)", *MARCH)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    observer.rows(CHANGES[change])
    opened.set()
    call.rows()
    assert observer.rows(TABLE) == whole_march
    assert observer.value("SELECT count(*) FROM cbr_fetch_log") == 4


def test_rollback_of_a_transaction_block_leaves_nothing(session):
    session.rows("BEGIN")
    backfill(session, *MARCH)
    assert session.stored() == (48, 4)
    session.rows("ROLLBACK")
    assert session.stored() == (0, 0)


def test_commits_inside_a_procedure(session, whole_march):
    session.rows("""CREATE PROCEDURE load() LANGUAGE plpgsql AS $$
        BEGIN CALL cbr_backfill('2026-03-03', '2026-03-14', '{USD, EUR, GBP, CNY}'); ROLLBACK; END $$""")
    session.rows("CALL load()")
    assert session.rows(TABLE) == whole_march


def test_transaction_block_stores_at_its_commit_and_keeps_the_lock_until_then(session, observer, whole_march):
    session.rows("BEGIN")
    backfill(session, *MARCH)
    assert observer.stored() == (0, 0)
    assert backfill_error(observer, *MARCH).pgcode == "55P03"
    session.rows("COMMIT")
    assert observer.rows(TABLE) == whole_march
    assert "nothing is missing" in backfill(observer, *MARCH)[0]


def test_failure_in_a_transaction_block_says_that_nothing_is_kept(session, observer):
    session.use("/fault/fail-for-ID/R01239").rows("BEGIN")
    error = backfill_error(session, *MARCH)
    assert "currency 2 of 4; nothing is kept" in words(error)
    session.rows("ROLLBACK")
    assert session.stored() == (0, 0)
    assert len(backfill(observer, *MARCH)) == 4  # the lock is free


def test_savepoint_undoes_what_came_after_it_and_frees_the_lock(session, observer):
    session.rows("BEGIN")
    session.rows("SAVEPOINT before")
    backfill(session, *MARCH)
    session.rows("ROLLBACK TO before")
    assert len(backfill(observer, *MARCH)) == 4
    session.rows("COMMIT")
    assert session.value("SELECT count(*) FROM t_currency") == 48


def test_do_block_commits_on_the_way(session, observer, bank, whole_march):
    session.use("/fault/fail-for-ID/R01239")
    error = session.error("DO $$ BEGIN CALL cbr_backfill('2026-03-03', '2026-03-14', '{USD, EUR, GBP, CNY}'); END $$")
    assert "currency 2 of 4; the ones before it are stored" in words(error)
    assert_first_is_kept_and_the_rest_comes(session, bank, whole_march)
    assert backfill(observer, *MARCH)


def test_error_that_a_procedure_catches_leaves_the_session_working(session, whole_march):
    """The failed call's other requests are still under way when the same block asks again."""
    session.use("/fault/fail-for-ID/R01239")
    session.rows(f"""DO $do$
        BEGIN
            FOR i IN 1..5 LOOP
                BEGIN
                    CALL cbr_backfill('2026-03-03', '2026-03-14', '{{USD, EUR, GBP, CNY}}');
                    RAISE 'no error';
                EXCEPTION WHEN protocol_violation THEN
                    PERFORM cbr_fetch('2002-03-02');
                END;
            END LOOP;
            PERFORM set_config('cbr.base_url', '{session.bank_url}', false);
            CALL cbr_backfill('2026-03-03', '2026-03-14', '{{USD, EUR, GBP, CNY}}');
        END $do$""")
    assert session.value("SELECT count(*) FROM t_currency WHERE date < '2026-01-01'") == 3
    session.rows("DELETE FROM t_currency WHERE date < '2026-01-01'")
    assert session.rows(TABLE) == whole_march


@pytest.mark.parametrize("end", ["pg_cancel_backend", "pg_terminate_backend"])
def test_lock_is_free_after_the_first_was_ended(session, observer, whole_march, end):
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    assert backfill_error(observer, *MARCH).pgcode == "55P03"
    observer.rows(f"SELECT {end}(%s)", session.pid)
    call.error()
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = %s"
    eventually(lambda: observer.value(locks, session.pid) == 0, "the end of the lock")
    backfill(observer, *MARCH)
    assert observer.rows(TABLE) == whole_march
    assert observer.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0


def test_backfills_of_two_databases_do_not_meet(cluster, session, observer, bank):
    call = start_hanging_at_the_second(session)
    eventually(lambda: observer.stored()[1] == 1, "the first currency")
    name = f"other_{session.pid}"
    cluster.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
    try:
        other = Session(cluster, bank.url, database=name).use()
        assert len(backfill(other, *MARCH)) == 4
        other.close()
    finally:
        cluster.drop_database(name)
        observer.rows("SELECT pg_cancel_backend(%s)", session.pid)
        call.error()


def test_memory_does_not_grow_with_history(cluster, database):
    with Bank(synthetic=True) as synthetic:
        session = Session(cluster, synthetic.url, database=database).use()
        session.rows("SELECT cbr_version()")
        before = resident_bytes(session.pid)
        backfill(session, "1992-07-01", "2026-04-25", "{USD, EUR, GBP, CNY, JPY, CHF, SEK, NOK}")
        assert session.value("SELECT count(*) FROM t_currency") > 90000
        assert resident_bytes(session.pid) - before < 32 << 20
        session.close()
