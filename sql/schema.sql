-- The extension works in any schema, whatever search_path says, and after it was moved.
DROP EXTENSION cbr;
CREATE SCHEMA "odd ""schema""";
CREATE EXTENSION cbr SCHEMA "odd ""schema""";
SET search_path = pg_catalog;
SELECT "odd ""schema""".cbr_fetch('2002-03-02');
SELECT count(*) FROM "odd ""schema""".t_currency;

-- Tables of the same name elsewhere are left alone, temporary ones, too.
CREATE TEMP TABLE t_currency (LIKE "odd ""schema""".t_currency INCLUDING ALL);
SELECT "odd ""schema""".cbr_fetch('2002-03-03');
SELECT count(*) FROM pg_temp.t_currency;
SELECT count(*) FROM "odd ""schema""".t_currency;
DROP TABLE pg_temp.t_currency;

CREATE SCHEMA elsewhere;
ALTER EXTENSION cbr SET SCHEMA elsewhere;
SELECT elsewhere.cbr_fetch('2002-03-04');
SELECT count(*) FROM elsewhere.t_currency;
SELECT count(*) FROM elsewhere.cbr_fetch_log;
SELECT unnest(extconfig)::regclass::text COLLATE "C" AS dumped FROM pg_extension WHERE extname = 'cbr' ORDER BY 1;
RESET search_path;
ALTER EXTENSION cbr SET SCHEMA public;
SELECT cbr_fetch('2002-03-02');
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
DROP SCHEMA "odd ""schema""";
DROP SCHEMA elsewhere;
