-- What scripts/demo shows.
CREATE EXTENSION cbr;
\timing on
SELECT cbr_fetch('2002-03-02');
\timing off
SELECT char_code, nominal, value, date::date, effective_date FROM t_currency ORDER BY char_code;
