"""Real answers of the Bank, read in a real session, give the facts that others wrote down of the same day.

CBR_CORPUS: a directory with INDEX.csv, rates.csv and daily/. Without it these tests are skipped.
"""
import csv
import os
import pathlib
from collections import defaultdict
from decimal import Decimal

import psycopg2
import pytest

CORPUS = os.environ.get("CBR_CORPUS")
PARSE = "SELECT cbr_id, num_code, char_code, nominal, value, effective_date FROM cbr_parse_daily(%s)"


def table(name):
    with open(pathlib.Path(CORPUS) / name, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def documents():
    """The index's lines about documents of a day; one that says why there are none."""
    if not CORPUS:
        return [pytest.param(None, marks=pytest.mark.skip(reason="CBR_CORPUS is not set"))]
    daily = [line for line in table("INDEX.csv") if line["file"].startswith("daily/")]
    return [pytest.param(line, id=line["file"][len("daily/"):]) for line in daily]


@pytest.fixture(scope="module")
def facts():
    """What is known of each day: its rates by the Bank's ID."""
    days = defaultdict(dict)
    for line in table("rates.csv"):
        days[line["effective_date"]][line["cbr_id"]] = line
    return days


def is_mislabelled(document):
    """Whether someone converted it to UTF-8 and left the declaration of a code page: well-formed, but to be refused."""
    try:
        return not document.isascii() and bool(document.decode("utf-8")) and b"windows-125" in document[:100]
    except UnicodeDecodeError:
        return False


def assert_facts(rows, known):
    """Every fact of the day is there, exactly."""
    found = {row[0]: row[1:5] for row in rows}
    for cbr_id, fact in known.items():
        num_code, char_code, nominal, value = found[cbr_id]
        assert (char_code, nominal) == (fact["char_code"], int(fact["nominal"]))
        assert num_code.zfill(3) == fact["num_code"].zfill(3)
        assert value == Decimal(fact["value"])


@pytest.mark.parametrize("line", documents())
def test_document_gives_the_facts_of_its_day_or_is_refused(session, facts, line):
    document = (pathlib.Path(CORPUS) / line["file"]).read_bytes()
    if line["well_formed"] != "yes" or is_mislabelled(document):
        assert session.error(PARSE, psycopg2.Binary(document)).pgcode == "2200M"
        return
    rows = session.rows(PARSE, psycopg2.Binary(document))
    assert len(rows) == int(line["records"])
    (day,) = {row[5].isoformat() for row in rows}
    assert facts[day], "no fact is known of that day"
    assert_facts(rows, facts[day])
