-- cbr_dynamic(), cbr_currencies(), cbr_metals(), cbr_key_rate(): the service's other documents as rows.
SELECT * FROM cbr_dynamic('USD', '2002-03-01', '2002-03-06');
SELECT * FROM cbr_dynamic('r01239', '2026-03-03', '2026-03-05');
-- The echo of New Year: one publication held for eleven days.
SELECT effective_date, value FROM cbr_dynamic('USD', '2019-12-30', '2020-01-15');
SELECT count(*) FROM cbr_dynamic('R09999', '2002-03-01', '2002-03-06');
SELECT * FROM cbr_dynamic('*', '2002-03-01', '2002-03-06');
SELECT * FROM cbr_dynamic('US', '2002-03-01', '2002-03-06');
SELECT * FROM cbr_dynamic('ZZZ', '2002-03-01', '2002-03-06');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM cbr_dynamic('R01235', '2002-03-06', '2002-03-01');
\echo :LAST_ERROR_SQLSTATE
SELECT * FROM cbr_dynamic('R01235', '1990-01-01', '2002-03-01');
SELECT * FROM cbr_dynamic('R01235', '-infinity', '2002-03-01');
SELECT * FROM cbr_dynamic('R01235', NULL, '2002-03-01');

SELECT count(*) > 50 AS many, count(DISTINCT cbr_id) = count(*) AS each_once FROM cbr_currencies();
SELECT * FROM cbr_currencies() WHERE cbr_id IN ('R01010', 'R01235', 'R01510A');
SELECT * FROM cbr_metals('2026-03-03', '2026-03-04');
SELECT * FROM cbr_key_rate('2024-04-24', '2024-04-26');

-- An answer about something else is an error.
SELECT current_setting('cbr.base_url') AS bank \gset
\set url :bank '/fault/wrong-echo-id'
SET cbr.base_url = :'url';
SELECT * FROM cbr_dynamic('R01235', '2002-03-01', '2002-03-06');
\echo :LAST_ERROR_SQLSTATE
\set url :bank '/fault/wrong-echo-range'
SET cbr.base_url = :'url';
SELECT * FROM cbr_dynamic('R01235', '2002-03-01', '2002-03-06');
\set url :bank '/fault/record-outside'
SET cbr.base_url = :'url';
SELECT * FROM cbr_dynamic('R01235', '2002-03-01', '2002-03-06');
\set url :bank '/fault/duplicate-record'
SET cbr.base_url = :'url';
SELECT * FROM cbr_dynamic('R01235', '2002-03-01', '2002-03-06');
\set url :bank '/fault/html'
SET cbr.base_url = :'url';
SELECT * FROM cbr_currencies();
SELECT * FROM cbr_metals('2026-03-03', '2026-03-04');
SELECT * FROM cbr_key_rate('2024-04-24', '2024-04-26');
\set url :bank '/fault/shuffled'
SET cbr.base_url = :'url';
SELECT effective_date FROM cbr_dynamic('R01235', '2002-03-01', '2002-03-06');
SELECT (SELECT count(*) FROM t_currency) AS stored, (SELECT count(*) FROM cbr_fetch_log) AS logged;
