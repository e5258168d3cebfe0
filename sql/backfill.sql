-- CALL cbr_backfill(): every calendar day of a range, one request a currency.
CALL cbr_backfill('2001-12-28', '2002-01-10', '{USD}');
SELECT date::date, value, effective_date FROM t_currency ORDER BY date;
-- Again: nothing to do. A longer range, more currencies: what is missing of them.
CALL cbr_backfill('2001-12-28', '2002-01-10', '{USD}');
CALL cbr_backfill('2001-12-28', '2002-01-15', '{USD, EUR}');
SELECT char_code, count(*), min(date)::date, max(date)::date FROM t_currency GROUP BY char_code ORDER BY char_code;
SELECT substring(url FROM 'VAL_NM_RQ=.*') AS request, cbr_id, requested_date, last_date, effective_date, rates, inserted, changed
  FROM cbr_fetch_log ORDER BY id;
-- Days that were deleted are loaded again; days that cbr_fetch loaded are left as they are.
DELETE FROM t_currency WHERE date BETWEEN '2002-01-02' AND '2002-01-04' AND char_code = 'USD';
CALL cbr_backfill('2001-12-28', '2002-01-10', '{USD}');
SELECT cbr_fetch('2002-03-02', '{USD}');
CALL cbr_backfill('2002-03-01', '2002-03-04', '{USD}');
SELECT date::date, value, effective_date FROM t_currency WHERE date >= '2002-03-01' ORDER BY date;

-- A currency set monthly holds until the next month's record.
CALL cbr_backfill('2009-01-15', '2009-03-15', '{AMD}');
SELECT effective_date, min(date)::date AS first, max(date)::date AS last, count(*) AS days
  FROM t_currency WHERE char_code = 'AMD' GROUP BY effective_date ORDER BY 1;

-- In a transaction block nothing is committed on the way.
BEGIN;
CALL cbr_backfill('2020-03-27', '2020-04-08', '{USD}');
SELECT count(*), count(DISTINCT effective_date) FROM t_currency WHERE date > '2020-01-01';
ROLLBACK;
SELECT count(*) FROM t_currency WHERE date > '2020-01-01';
DO $$ BEGIN CALL cbr_backfill('2020-03-27', '2020-04-08', '{USD}'); END $$;
SELECT effective_date, min(date)::date AS first, max(date)::date AS last FROM t_currency WHERE date > '2020-01-01'
 GROUP BY effective_date ORDER BY 1;

-- Where it failed: what was committed stays, the rest comes later.
SELECT current_setting('cbr.base_url') AS bank \gset
\set url :bank '/fault/fail-for-ID/R01239'
SET cbr.base_url = :'url';
CALL cbr_backfill('2026-03-10', '2026-03-12', '{USD, EUR, GBP}');
\echo :LAST_ERROR_SQLSTATE
SELECT char_code, count(*) FROM t_currency WHERE date > '2026-01-01' GROUP BY char_code ORDER BY char_code;
SET cbr.base_url = :'bank';
CALL cbr_backfill('2026-03-10', '2026-03-12', '{USD, EUR, GBP}');
SELECT char_code, name, num_code, count(*) FROM t_currency WHERE date > '2026-01-01' GROUP BY 1, 2, 3 ORDER BY 1;

CALL cbr_backfill(NULL);
CALL cbr_backfill('2002-03-02', '2002-03-01');
CALL cbr_backfill('1990-01-01', '2002-03-01');
CALL cbr_backfill('infinity');
CALL cbr_backfill('2002-03-02', '2002-03-03', '{ZZZ}');
BEGIN READ ONLY;
CALL cbr_backfill('2002-03-02', '2002-03-03');
ROLLBACK;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
