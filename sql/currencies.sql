-- Which currencies are stored: the argument, else the setting cbr.currencies.
LOAD 'cbr';
SHOW cbr.currencies;
SELECT cbr_fetch('2002-03-02');
SELECT cbr_fetch('2002-03-02', NULL);
SELECT cbr_fetch('2002-03-02', '{jpy, " r01775 ", JPY}');
SELECT string_agg(char_code, ' ' ORDER BY char_code) FROM t_currency;
SELECT cbr_fetch('2002-03-02', '{USD, *}');
SET cbr.currencies = '*';
SELECT cbr_fetch('2002-03-03');
SET cbr.currencies = chf, 'R01535';
SELECT cbr_fetch('2002-03-04');
SELECT string_agg(char_code, ' ' ORDER BY char_code) FROM t_currency WHERE date = '2002-03-04';
RESET cbr.currencies;

-- A code that the publication does not quote is told of, if there is another that it does.
SELECT cbr_fetch('2002-03-02', '{USD, BYN, R01090B}');
SELECT cbr_fetch('2002-03-02', '{BYN, RUB}');

-- Malformed lists are refused before any request is made: nothing listens at this URL.
SET cbr.base_url = 'http://127.0.0.1:1';
SELECT cbr_fetch('2002-03-02', '{USD, US}');
\echo :LAST_ERROR_SQLSTATE
SELECT cbr_fetch('2002-03-02', '{"USD; DROP TABLE t_currency"}');
SELECT cbr_fetch('2002-03-02', '{доллар}');
SELECT cbr_fetch('2002-03-02', '{}');
SELECT cbr_fetch('2002-03-02', '{""}');
SELECT cbr_fetch('2002-03-02', '{NULL}');
SELECT cbr_fetch('2002-03-02', '{R0123456789012345}');
RESET cbr.base_url;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
