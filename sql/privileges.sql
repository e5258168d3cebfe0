-- Reading rates is for everyone; fetching is for whom the owner lets.
\set SHOW_CONTEXT never
CREATE ROLE regress_cbr_reader;
CREATE ROLE regress_cbr_loader;
SET ROLE regress_cbr_reader;
SELECT count(*) FROM t_currency;
SELECT cbr_fetch('2002-03-02');
SELECT * FROM cbr_daily('2002-03-02');
SELECT count(*) FROM cbr_fetch_log;
SELECT count(*) FROM cbr_parse_daily('<ValCurs Date="02.03.2002"><Valute ID="R01235"><CharCode>USD</CharCode><Nominal>1</Nominal><Name>x</Name><Value>1,0</Value></Valute></ValCurs>');
SELECT cbr_load('<ValCurs Date="02.03.2002"><Valute ID="R01235"><CharCode>USD</CharCode><Nominal>1</Nominal><Name>x</Name><Value>1,0</Value></Valute></ValCurs>');
RESET ROLE;

-- The rights that a role needs to fetch, no more and no less.
GRANT EXECUTE ON FUNCTION cbr_fetch(date, text[]) TO regress_cbr_loader;
GRANT INSERT, UPDATE ON t_currency TO regress_cbr_loader;
GRANT INSERT ON cbr_fetch_log TO regress_cbr_loader;
GRANT USAGE ON SEQUENCE t_currency_id_seq, cbr_fetch_log_id_seq TO regress_cbr_loader;
SET ROLE regress_cbr_loader;
SELECT cbr_fetch('2002-03-02');
SELECT cbr_fetch('2002-03-02');
RESET ROLE;

-- Row security of the owner's choice is respected.
ALTER TABLE t_currency ENABLE ROW LEVEL SECURITY;
CREATE POLICY reading ON t_currency FOR SELECT USING (true);
CREATE POLICY writing ON t_currency FOR INSERT WITH CHECK (char_code <> 'GBP');
SET ROLE regress_cbr_loader;
SELECT cbr_fetch('2002-03-03', '{USD}');
SELECT cbr_fetch('2002-03-04', '{USD, GBP}');
RESET ROLE;
SELECT date, count(*) FROM t_currency GROUP BY date ORDER BY date;
DROP POLICY reading ON t_currency;
DROP POLICY writing ON t_currency;
ALTER TABLE t_currency DISABLE ROW LEVEL SECURITY;

DROP OWNED BY regress_cbr_loader;
DROP ROLE regress_cbr_reader, regress_cbr_loader;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
