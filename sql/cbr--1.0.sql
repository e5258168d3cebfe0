-- The objects of extension cbr, version 1.0. Names are not qualified: they go to the schema that CREATE EXTENSION
-- chooses, and the functions find the tables in their own schema at run time.
\echo Use "CREATE EXTENSION cbr" to load this file. \quit

-- ---------------------------------------------------------------------------------------------------- tables

CREATE TABLE t_currency (
    id             BIGSERIAL   PRIMARY KEY,
    name           TEXT        NOT NULL DEFAULT '',
    char_code      TEXT        NOT NULL DEFAULT '',
    value          DECIMAL     NOT NULL DEFAULT 0.0,
    date           TIMESTAMP   NOT NULL,
    nominal        INTEGER     NOT NULL DEFAULT 1,
    num_code       TEXT,
    cbr_id         TEXT,
    effective_date DATE,
    fetched_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    UNIQUE (cbr_id, date)
);

CREATE INDEX t_currency_char_code_date_idx ON t_currency (char_code, date);

COMMENT ON TABLE t_currency IS 'Official exchange rates of the Bank of Russia: on date, this rate of this currency was in force. A missing row means "not loaded".';
COMMENT ON COLUMN t_currency.id IS 'Serial number of the row';
COMMENT ON COLUMN t_currency.name IS 'Name of the currency as published; its wording varies over the years';
COMMENT ON COLUMN t_currency.char_code IS 'ISO 4217 code: USD';
COMMENT ON COLUMN t_currency.value IS 'Roubles for nominal units, exactly as published; before 1998 in old roubles';
COMMENT ON COLUMN t_currency.date IS 'The day on which the rate is in force';
COMMENT ON COLUMN t_currency.nominal IS 'How many units of the currency cost value roubles';
COMMENT ON COLUMN t_currency.num_code IS 'ISO 4217 numeric code, zero-padded: 036';
COMMENT ON COLUMN t_currency.cbr_id IS 'The Bank''s ID of the currency, its key: R01235; NULL in rows that the extension did not store';
COMMENT ON COLUMN t_currency.effective_date IS 'The publication''s own date, since which the rate is in force; date = effective_date finds the publications alone';
COMMENT ON COLUMN t_currency.fetched_at IS 'When the row was stored or last corrected';
COMMENT ON SEQUENCE t_currency_id_seq IS 'Serial numbers of t_currency';
COMMENT ON INDEX t_currency_pkey IS 'One row for each id';
COMMENT ON INDEX t_currency_cbr_id_date_key IS 'One rate for each currency and day';
COMMENT ON INDEX t_currency_char_code_date_idx IS 'For joins and look-ups by ISO code and day';

CREATE TABLE cbr_fetch_log (
    id             BIGSERIAL   PRIMARY KEY,
    fetched_at     TIMESTAMPTZ NOT NULL DEFAULT now(),
    fetched_by     TEXT        NOT NULL DEFAULT session_user,
    url            TEXT,
    cbr_id         TEXT,
    requested_date DATE,
    last_date      DATE,
    effective_date DATE,
    http_status    INTEGER,
    bytes          BIGINT      NOT NULL,
    duration_ms    INTEGER,
    rates          INTEGER     NOT NULL,
    inserted       INTEGER     NOT NULL,
    changed        INTEGER     NOT NULL,
    corrections    JSONB       NOT NULL DEFAULT '[]'
);

COMMENT ON TABLE cbr_fetch_log IS 'One row for each fetch, or loaded document, that was stored';
COMMENT ON COLUMN cbr_fetch_log.id IS 'Serial number of the fetch';
COMMENT ON COLUMN cbr_fetch_log.fetched_at IS 'Start of the transaction that stored';
COMMENT ON COLUMN cbr_fetch_log.fetched_by IS 'Session user';
COMMENT ON COLUMN cbr_fetch_log.url IS 'What was requested; NULL for cbr_load';
COMMENT ON COLUMN cbr_fetch_log.cbr_id IS 'Of a backfill: the currency';
COMMENT ON COLUMN cbr_fetch_log.requested_date IS 'The date asked for, NULL for the latest publication; of a backfill: the first day loaded';
COMMENT ON COLUMN cbr_fetch_log.last_date IS 'Of a backfill: the last day loaded';
COMMENT ON COLUMN cbr_fetch_log.effective_date IS 'The publication''s own date; of a backfill: that of the last record';
COMMENT ON COLUMN cbr_fetch_log.http_status IS 'HTTP status; NULL for cbr_load';
COMMENT ON COLUMN cbr_fetch_log.bytes IS 'Size of the document';
COMMENT ON COLUMN cbr_fetch_log.duration_ms IS 'Time of the HTTP request; NULL for cbr_load';
COMMENT ON COLUMN cbr_fetch_log.rates IS 'Rates selected; of a backfill: days on which the currency had a rate';
COMMENT ON COLUMN cbr_fetch_log.inserted IS 'Rows that were new';
COMMENT ON COLUMN cbr_fetch_log.changed IS 'Rows that held something else before';
COMMENT ON COLUMN cbr_fetch_log.corrections IS 'For each changed row {"cbr_id", "date", "old": {...}, "new": {...}}';
COMMENT ON SEQUENCE cbr_fetch_log_id_seq IS 'Serial numbers of cbr_fetch_log';
COMMENT ON INDEX cbr_fetch_log_pkey IS 'One row for each id';

-- Rates are data, not code: pg_dump brings them along.
SELECT pg_catalog.pg_extension_config_dump('t_currency', '');
SELECT pg_catalog.pg_extension_config_dump('t_currency_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('cbr_fetch_log', '');
SELECT pg_catalog.pg_extension_config_dump('cbr_fetch_log_id_seq', '');

GRANT SELECT ON t_currency TO PUBLIC;

-- ------------------------------------------------------------------------------------ fetching and storing

CREATE FUNCTION cbr_fetch(on_date date DEFAULT NULL, currencies text[] DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'cbr_fetch'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000;
COMMENT ON FUNCTION cbr_fetch(date, text[]) IS 'Fetch the rates in force on a date (NULL: the latest publication), store them, return how many';

CREATE FUNCTION cbr_load(document bytea, on_date date DEFAULT NULL, currencies text[] DEFAULT NULL)
RETURNS integer
AS 'MODULE_PATHNAME', 'cbr_load'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION cbr_load(bytea, date, text[]) IS 'Store an XML_daily document that was fetched elsewhere, return the number of rates';

CREATE PROCEDURE cbr_backfill(from_date date, to_date date DEFAULT NULL, currencies text[] DEFAULT NULL)
AS 'MODULE_PATHNAME', 'cbr_backfill'
LANGUAGE C;
COMMENT ON PROCEDURE cbr_backfill(date, date, text[]) IS 'Load the rates of each day of a range (to_date NULL: today in Moscow); commits after each currency';

-- ------------------------------------------------------------------------------------------ documents as rows

CREATE FUNCTION cbr_daily(on_date date DEFAULT NULL)
RETURNS TABLE (cbr_id text, num_code text, char_code text, nominal integer, name text, value numeric,
               effective_date date)
AS 'MODULE_PATHNAME', 'cbr_daily'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 50;
COMMENT ON FUNCTION cbr_daily(date) IS 'Fetch the rates in force on a date (NULL: the latest publication) as rows, storing nothing';

CREATE FUNCTION cbr_parse_daily(document bytea)
RETURNS TABLE (cbr_id text, num_code text, char_code text, nominal integer, name text, value numeric,
               effective_date date)
AS 'MODULE_PATHNAME', 'cbr_parse_daily'
LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 10000 ROWS 50;
COMMENT ON FUNCTION cbr_parse_daily(bytea) IS 'The rates of an XML_daily document as rows, without network';

CREATE FUNCTION cbr_dynamic(currency text, from_date date, to_date date)
RETURNS TABLE (cbr_id text, effective_date date, nominal integer, value numeric)
AS 'MODULE_PATHNAME', 'cbr_dynamic'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 250;
COMMENT ON FUNCTION cbr_dynamic(text, date, date) IS 'Fetch one currency''s publications in a range as rows, storing nothing';

CREATE FUNCTION cbr_currencies()
RETURNS TABLE (cbr_id text, parent_id text, num_code text, char_code text, name text, eng_name text, nominal integer)
AS 'MODULE_PATHNAME', 'cbr_currencies'
LANGUAGE C VOLATILE PARALLEL UNSAFE COST 100000 ROWS 80;
COMMENT ON FUNCTION cbr_currencies() IS 'Fetch the Bank''s catalogue of currencies as rows';

CREATE FUNCTION cbr_metals(from_date date, to_date date)
RETURNS TABLE (date date, metal text, buy numeric, sell numeric)
AS 'MODULE_PATHNAME', 'cbr_metals'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 1000;
COMMENT ON FUNCTION cbr_metals(date, date) IS 'Fetch the Bank''s prices of precious metals, roubles per gram, as rows';

CREATE FUNCTION cbr_key_rate(from_date date, to_date date)
RETURNS TABLE (date date, rate numeric)
AS 'MODULE_PATHNAME', 'cbr_key_rate'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 250;
COMMENT ON FUNCTION cbr_key_rate(date, date) IS 'Fetch the Bank''s key rate, per cent a year, as rows';

-- ------------------------------------------------------------------------------------------- using stored rates

CREATE FUNCTION cbr_rate(currency text, on_date date DEFAULT NULL)
RETURNS numeric
AS 'MODULE_PATHNAME', 'cbr_rate'
LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cbr_rate(text, date) IS 'Roubles for one unit of a currency on a day (NULL: today in Moscow); NULL if not loaded';

CREATE FUNCTION cbr_convert(amount numeric, from_currency text, to_currency text, on_date date DEFAULT NULL)
RETURNS numeric
AS 'MODULE_PATHNAME', 'cbr_convert'
LANGUAGE C STABLE PARALLEL SAFE COST 10;
COMMENT ON FUNCTION cbr_convert(numeric, text, text, date) IS 'An amount in another currency, through the rouble, at the rates of a day (NULL: today in Moscow)';

-- ------------------------------------------------------------------------------------------------ scheduling

CREATE FUNCTION cbr_schedule(schedule text DEFAULT '*/20 13-16 * * *', job_name text DEFAULT 'cbr-fetch')
RETURNS bigint
AS 'MODULE_PATHNAME', 'cbr_schedule'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cbr_schedule(text, text) IS 'Let pg_cron run cbr_fetch() in this database; the default is 16 to 19 in Moscow where pg_cron runs by GMT';

CREATE FUNCTION cbr_unschedule(job_name text DEFAULT 'cbr-fetch')
RETURNS boolean
AS 'MODULE_PATHNAME', 'cbr_unschedule'
LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE;
COMMENT ON FUNCTION cbr_unschedule(text) IS 'Remove the pg_cron job; false if there is none of yours';

-- ---------------------------------------------------------------------------------------------------- about

CREATE FUNCTION cbr_version()
RETURNS text
AS 'MODULE_PATHNAME', 'cbr_version'
LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION cbr_version() IS 'Versions of the extension, libcurl and libxml2';

-- Who may call these makes the server open connections to the Bank; that is for the owner to grant.
REVOKE ALL ON FUNCTION cbr_fetch(date, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cbr_daily(date) FROM PUBLIC;
REVOKE ALL ON PROCEDURE cbr_backfill(date, date, text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION cbr_schedule(text, text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cbr_unschedule(text) FROM PUBLIC;
REVOKE ALL ON FUNCTION cbr_dynamic(text, date, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cbr_currencies() FROM PUBLIC;
REVOKE ALL ON FUNCTION cbr_metals(date, date) FROM PUBLIC;
REVOKE ALL ON FUNCTION cbr_key_rate(date, date) FROM PUBLIC;
