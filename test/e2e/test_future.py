"""Days that have not come yet in Moscow, and how old a publication may be for the date that was asked for."""
import datetime

import pytest

MOSCOW = datetime.timezone(datetime.timedelta(hours=3))
DATES = "SELECT DISTINCT date::date, effective_date FROM t_currency"


def in_moscow(days):
    """The day it is in Moscow, so many days later."""
    return datetime.datetime.now(MOSCOW).date() + datetime.timedelta(days=days)


def test_tomorrows_own_rates_are_stored_under_tomorrow(session):
    tomorrow = in_moscow(1)
    session.use("/fault/own-date")
    assert session.fetch(tomorrow) == 3
    assert session.rows(DATES) == [(tomorrow, tomorrow)]


@pytest.mark.parametrize("days", [2, 30, 3650])  # from 2 on, midnight may pass while the test runs
def test_older_rates_are_not_stored_under_a_day_to_come(session, days):
    error = session.fetch_error(in_moscow(days))
    assert error.pgcode == "55000"
    assert "not published yet" in error.diag.message_primary
    assert session.stored() == (0, 0)


def test_latest_publication_is_stored_under_its_own_date_though_it_is_to_come(session):
    newest = session.value("SELECT max(effective_date) FROM cbr_daily()")
    tomorrow = in_moscow(1)
    session.use(f"/fault/shift-date/{(tomorrow - newest).days}")
    assert session.value("SELECT cbr_fetch()") == 3
    assert session.rows(DATES) == [(tomorrow, tomorrow)]


@pytest.mark.parametrize("days", [0, 1, 12, 31])
def test_publication_up_to_31_days_old_is_in_force(session, days):
    asked = datetime.date(2002, 3, 2)
    session.use(f"/fault/shift-date/-{days}")
    assert session.fetch(asked) == 3
    assert session.rows(DATES) == [(asked, asked - datetime.timedelta(days=days))]


@pytest.mark.parametrize("days", [-32, -365, 1, 31])
def test_publication_older_than_that_or_of_a_later_day_is_2200m(session, days):
    session.use(f"/fault/shift-date/{days}")
    assert session.fetch_error().pgcode == "2200M"
    assert session.stored() == (0, 0)


def test_latest_publication_may_be_of_any_age(session):
    """Nothing was asked for that it could be too old for."""
    session.use("/fault/shift-date/-400")
    assert session.value("SELECT cbr_fetch()") == 3
