-- cbr_rate() and cbr_convert(): exact, by the rates of a day.
SELECT cbr_fetch('2002-03-02', '{*}');
SELECT cbr_rate('USD', '2002-03-02') AS usd, cbr_rate('r01215', '2002-03-02') AS dkk, cbr_rate('TRL', '2002-03-02') AS trl,
       cbr_rate('RUB', '2002-03-02') AS rub, cbr_rate('rur', '1991-01-01') AS rur;
-- Not loaded: NULL from cbr_rate, an error from cbr_convert.
SELECT cbr_rate('USD', '2002-03-03') IS NULL AS not_loaded, cbr_rate(NULL, '2002-03-02') IS NULL AS of_nothing,
       cbr_rate('USD', 'infinity') IS NULL AS never;
SELECT cbr_convert(100, 'USD', 'RUB', '2002-03-03');
\echo :LAST_ERROR_SQLSTATE
SELECT cbr_convert(100, 'USD', 'BYN', '2002-03-02');
SET cbr.missing_rate = 'null';
SELECT cbr_convert(100, 'USD', 'RUB', '2002-03-03') IS NULL AS missing;
RESET cbr.missing_rate;

-- To roubles of a nominal of one: every digit. Through the rouble: one division, last.
SELECT cbr_convert(100, 'USD', 'RUB', '2002-03-02') AS to_rub, cbr_convert(0.01, 'eur', 'rub', '2002-03-02') AS cent,
       cbr_convert(1000, 'DKK', 'RUB', '2002-03-02') AS dkk, cbr_convert(3094.36, 'RUB', 'USD', '2002-03-02') AS to_usd;
SELECT cbr_convert(100, 'USD', 'EUR', '2002-03-02') = 100 * 30.9436 / 26.8343 AS usd_eur,
       cbr_convert(7, 'TRL', 'JPY', '2002-03-02') = 7 * 22.2616 * 100 / (23.1527 * 1000000) AS trl_jpy,
       cbr_convert(-5, 'USD', 'USD', '2002-03-02') AS same, cbr_convert(5, 'RUB', 'RUR', '1991-01-01') AS roubles;
SELECT cbr_convert(123456789012345678901234567890.123456789, 'USD', 'RUB', '2002-03-02') AS huge,
       cbr_convert('NaN', 'USD', 'RUB', '2002-03-02') AS nan;
SELECT cbr_convert(NULL, 'USD', 'RUB', '2002-03-02') IS NULL AND cbr_convert(1, NULL, 'RUB', '2002-03-02') IS NULL
   AND cbr_convert(1, 'USD', NULL, '2002-03-02') IS NULL AS nulls;
SELECT cbr_convert(1, 'US', 'RUB', '2002-03-02');
SELECT cbr_rate('доллар', '2002-03-02');
SELECT cbr_rate('', '2002-03-02');

-- Without a date: today in Moscow, whatever the session's zone.
INSERT INTO t_currency (char_code, cbr_id, value, date)
SELECT 'XTS', 'R99999', 2, date_trunc('day', now() AT TIME ZONE 'UTC' + interval '3 hours');
SET timezone = 'Pacific/Kiritimati';
SELECT cbr_rate('XTS') AS far_east;
SET timezone = 'Pacific/Pago_Pago';
SELECT cbr_rate('XTS') AS far_west, cbr_convert(3, 'XTS', 'RUB') AS converted;
RESET timezone;

-- A script's row, which has no ID, is found, and loses against the Bank's own.
INSERT INTO t_currency (name, char_code, value, date) VALUES ('Доллар США', 'USD', 1, '2002-03-02'), ('Доллар США', 'USD', 30.9, '2002-03-01');
SELECT cbr_rate('USD', '2002-03-02') AS banks, cbr_rate('USD', '2002-03-01') AS scripts;

-- By index and, past a few calls, from the series read once: the same. What is stored in between is seen.
CALL cbr_backfill('2001-12-28', '2002-03-10', '{USD, EUR}');
SELECT count(*) AS days, bool_and(cbr_rate('USD', d::date) = t.value / t.nominal) AS equal
  FROM generate_series('2001-12-28'::date, '2002-03-10', '1 day') d JOIN t_currency t ON t.cbr_id = 'R01235' AND t.date = d;
DO $$
DECLARE seen numeric[] := '{}';
BEGIN
    FOR i IN 1..6 LOOP
        UPDATE t_currency SET value = i WHERE cbr_id = 'R01235' AND date = '2002-03-05';
        seen := seen || cbr_rate('USD', '2002-03-05');
    END LOOP;
    BEGIN
        UPDATE t_currency SET value = 100 WHERE cbr_id = 'R01235' AND date = '2002-03-05';
        seen := seen || cbr_rate('USD', '2002-03-05');
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
        seen := seen || cbr_rate('USD', '2002-03-05');
    END;
    RAISE NOTICE '%', seen;
END $$;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
