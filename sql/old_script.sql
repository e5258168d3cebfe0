-- The statements of the Python script that this extension replaces, as it sent them, go on working.
CREATE TABLE IF NOT EXISTS t_currency (
                id              BIGSERIAL    PRIMARY KEY,
                name         TEXT               NOT NULL DEFAULT '',
                char_code TEXT               NOT NULL DEFAULT '',
                value         DECIMAL       NOT NULL DEFAULT 0.0,
                date           TIMESTAMP   NOT NULL 
            );
INSERT INTO t_currency (name, char_code, value, date) VALUES
('Фунт стерлингов Соединенного королевства', 'GBP', 43.8254, '2002-03-02 00:00:00')
,('Доллар США', 'USD', 30.9436, '2002-03-02 00:00:00')
,('Евро', 'EUR', 26.8343, '2002-03-02 00:00:00');
SELECT * FROM (SELECT id, name, char_code, value, date, nominal, num_code, cbr_id, effective_date FROM t_currency) t ORDER BY id;
-- Its rows and the extension's stand side by side: the Bank's ID tells them apart.
SELECT cbr_fetch('2002-03-02');
SELECT char_code, value, cbr_id FROM t_currency ORDER BY char_code, cbr_id NULLS FIRST;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;

-- Moving over from the script's own table: keep it under another name, install, take over what it had, each rate once.
DROP EXTENSION cbr;
CREATE TABLE t_currency (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL DEFAULT '', char_code TEXT NOT NULL DEFAULT '',
                         value DECIMAL NOT NULL DEFAULT 0.0, date TIMESTAMP NOT NULL);
INSERT INTO t_currency (name, char_code, value, date) VALUES
('Доллар США', 'USD', 30.9436, '2002-03-02'), ('Евро', 'EUR', 26.8343, '2002-03-02'),
('Доллар США', 'USD', 30.9436, '2002-03-02'), ('Доллар США', 'USD', 30.9436, '2002-03-03');
\set SHOW_CONTEXT never
CREATE EXTENSION cbr;
ALTER TABLE t_currency RENAME TO t_currency_of_script;
ALTER SEQUENCE t_currency_id_seq RENAME TO t_currency_of_script_id_seq;
ALTER INDEX t_currency_pkey RENAME TO t_currency_of_script_pkey;
CREATE EXTENSION cbr;
INSERT INTO t_currency (name, char_code, value, date, cbr_id, num_code)
SELECT DISTINCT ON (s.char_code, s.date) s.name, s.char_code, s.value, s.date, k.cbr_id, k.num_code
  FROM t_currency_of_script s
  JOIN (VALUES ('USD', 'R01235', '840'), ('EUR', 'R01239', '978'), ('GBP', 'R01035', '826'))
       AS k(char_code, cbr_id, num_code) USING (char_code)
 ORDER BY s.char_code, s.date, s.id DESC;
SELECT char_code, value, date, cbr_id, effective_date FROM t_currency ORDER BY date, char_code;
-- A fetch completes them.
SELECT date, cbr_fetch(date::date, '{USD, EUR}') FROM (SELECT DISTINCT date FROM t_currency) days ORDER BY date;
SELECT char_code, value, date, cbr_id, effective_date FROM t_currency ORDER BY date, char_code;
DROP TABLE t_currency_of_script;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
