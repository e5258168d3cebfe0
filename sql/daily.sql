-- cbr_daily(): the publication in force on a day, as rows; nothing is stored.
SELECT * FROM cbr_daily('2002-03-02');
-- Sunday is answered with Saturday's.
SELECT DISTINCT effective_date, count(*) OVER () FROM cbr_daily('2002-03-03');
-- The redenomination of 1998: old roubles are kept as published.
SELECT effective_date, char_code, value FROM cbr_daily('1997-12-31') UNION ALL
SELECT effective_date, char_code, value FROM cbr_daily('1998-01-01');
-- Belarus changed its rouble, and the Bank its ID.
SELECT effective_date, cbr_id, num_code, char_code, nominal, value FROM cbr_daily('2015-10-15') WHERE char_code LIKE 'BY_' UNION ALL
SELECT effective_date, cbr_id, num_code, char_code, nominal, value FROM cbr_daily('2016-10-26') WHERE char_code LIKE 'BY_';
-- Without a date: the latest publication. Nominals of a million, unit rates in scientific notation.
SELECT effective_date, count(*), max(nominal) AS max_nominal, min(value / nominal) AS smallest FROM cbr_daily() GROUP BY 1;
SELECT count(*) AS stored FROM t_currency;
SELECT count(*) AS logged FROM cbr_fetch_log;
