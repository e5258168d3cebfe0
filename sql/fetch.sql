-- cbr_fetch(): from request to row.
SELECT cbr_fetch('2002-03-02');
SELECT name, char_code, value, date, nominal, num_code, cbr_id, effective_date FROM t_currency ORDER BY char_code;

-- A Sunday has rows of its own, with the publication's date beside.
SELECT cbr_fetch('2002-03-03');
SELECT char_code, value, date, effective_date FROM t_currency WHERE date = '2002-03-03' ORDER BY char_code;

-- Again: found as they are, nothing inserted, nothing changed, no number of the sequence used up.
SELECT cbr_fetch('2002-03-02');
SELECT count(*), max(id), count(DISTINCT fetched_at) FROM t_currency;

-- All currencies: those that are there stay, the others come.
SELECT cbr_fetch('2002-03-02', '{*}');
SELECT count(*), count(DISTINCT cbr_id) FROM t_currency WHERE date = '2002-03-02';

-- The latest publication is stored under its own date.
SELECT cbr_fetch();
SELECT char_code, value, date, effective_date FROM t_currency WHERE date > '2025-01-01' ORDER BY char_code;

-- The Bank corrects a rate: the new one replaces the old, and the log keeps both.
SELECT current_setting('cbr.base_url') AS bank \gset
\set corrected :bank '/fault/corrected'
SET cbr.base_url = :'corrected';
SELECT cbr_fetch('2002-03-02');
SELECT char_code, value, fetched_at > (SELECT min(fetched_at) FROM t_currency) AS newer
  FROM t_currency WHERE date = '2002-03-02' AND char_code IN ('USD', 'EUR') ORDER BY 1;
\set corrected :bank '/fault/corrected-nominal'
SET cbr.base_url = :'corrected';
SELECT cbr_fetch('2002-03-02');
SELECT char_code, value, nominal FROM t_currency WHERE date = '2002-03-02' AND char_code = 'USD';
RESET cbr.base_url;

SELECT id, fetched_by = session_user AS by_me, regexp_replace(url, '^http://[^/]*', '') AS url, requested_date, effective_date, http_status, bytes,
       duration_ms >= 0 AS timed, rates, inserted, changed, corrections
  FROM cbr_fetch_log ORDER BY id;

-- A date each row; in a transaction that is rolled back nothing remains.
BEGIN;
SELECT d::date, cbr_fetch(d::date, '{USD}') FROM generate_series('2016-10-26'::date, '2016-10-28', '1 day') d;
SELECT count(*) FROM t_currency WHERE date >= '2016-10-26' AND date < '2017-01-01';
ROLLBACK;
SELECT count(*) FROM t_currency WHERE date >= '2016-10-26' AND date < '2017-01-01';

-- A name that looks like SQL.
\set hostile :bank '/fault/hostile-name'
SET cbr.base_url = :'hostile';
SELECT cbr_fetch('2016-10-26', '{USD}');
SELECT name FROM t_currency WHERE date = '2016-10-26';
RESET cbr.base_url;

-- Thousands separators on the wire: U+00A0, and a space.
\set form :bank '/form/thousands-nbsp'
SET cbr.base_url = :'form';
SELECT cbr_fetch('1997-12-30', '{USD}');
\set form :bank '/form/thousands-space'
SET cbr.base_url = :'form';
SELECT cbr_fetch('1997-12-31', '{USD}');
RESET cbr.base_url;
SELECT value, date, effective_date FROM t_currency WHERE date < '1998-01-01' ORDER BY date;

-- Triggers see each row.
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE '% % %', TG_OP, NEW.char_code, NEW.date; RETURN NEW; END $$;
CREATE TRIGGER tell AFTER INSERT OR UPDATE ON t_currency FOR EACH ROW EXECUTE FUNCTION tell();
SELECT cbr_fetch('1998-01-01', '{USD}');
DROP TRIGGER tell ON t_currency;
DROP FUNCTION tell;

TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
