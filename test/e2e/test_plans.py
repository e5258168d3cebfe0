"""The plans that docs/rates.md promises, with as many rates as it says: 25 years of 40 currencies."""
import re
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "rates.md"
PROMISES = re.findall(r"<!-- plan: (.*?) -->\n```sql\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.S)


@pytest.fixture
def loaded(session):
    session.rows("""
        INSERT INTO t_currency (char_code, cbr_id, value, nominal, date, effective_date)
        SELECT 'C' || lpad(c::text, 2, '0'), 'R' || 10000 + c, 10 + c + (d % 1000) / 100.0, 1, day, day
          FROM generate_series(1, 40) c, generate_series(1, 9131) d,
               LATERAL (SELECT timestamp '2000-01-01' + d * interval '1 day') AS days(day)""")
    session.rows("""
        CREATE TABLE many_sales AS
        SELECT date '2000-01-02' + n % 9000 AS day, 'C' || lpad((1 + n % 40)::text, 2, '0') AS currency, n / 7.0 AS amount
          FROM generate_series(1, 300000) n""")
    session.rows("ANALYZE t_currency, many_sales")
    return session


def test_planner_does_what_the_document_says(loaded):
    assert len(PROMISES) >= 3
    for promised, query in PROMISES:
        plan = "\n".join(row[0] for row in loaded.rows("EXPLAIN (COSTS OFF) " + query))
        assert any(node in plan for node in promised.split("|")), query + plan


def test_conversion_and_join_give_the_same_sum(loaded):
    joined, converted = (loaded.value(query) for query in (
        "SELECT sum(s.amount * c.value / c.nominal) FROM many_sales s"
        " JOIN t_currency c ON c.char_code = s.currency AND c.date = s.day",
        "SELECT sum(cbr_convert(amount, 'R' || 10000 + substring(currency FROM 2)::int, 'RUB', day)) FROM many_sales"))
    assert joined == converted
