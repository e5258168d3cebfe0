-- Names arrive in windows-1251 and are stored in the database's own encoding.
CREATE DATABASE regress_cbr_win1251 TEMPLATE template0 ENCODING 'WIN1251' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE regress_cbr_koi8r TEMPLATE template0 ENCODING 'KOI8R' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE regress_cbr_ascii TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C';
CREATE DATABASE regress_cbr_latin1 TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C';
SELECT current_database() AS home \gset
SELECT current_setting('cbr.base_url') AS bank \gset
\set unencodable :bank '/fault/unencodable-name'
\set utf8 :bank '/form/utf8'

\c regress_cbr_win1251
SET client_encoding = 'UTF8';
CREATE EXTENSION cbr;
SELECT cbr_fetch('2002-03-02');
SELECT name, name::bytea FROM t_currency ORDER BY char_code;
SELECT name FROM cbr_daily('2002-03-02') LIMIT 1;
-- A name that the encoding cannot hold is an error, and nothing is stored; a currency beside it is not concerned.
SET cbr.base_url = :'unencodable';
SELECT cbr_fetch('2002-03-03');
\echo :LAST_ERROR_SQLSTATE
SELECT cbr_fetch('2002-03-03', '{EUR}');
SELECT date, count(*) FROM t_currency GROUP BY date ORDER BY date;
-- Messages that the encoding cannot hold are shown as far as it can.
SELECT * FROM cbr_parse_daily(convert_from('\x3c56616c437572732f3e', 'UTF8')::bytea);
SELECT * FROM cbr_parse_daily('\xe4b8ad');
SELECT cbr_fetch('2002-03-02', '{рубль}');

\c regress_cbr_koi8r
SET client_encoding = 'UTF8';
CREATE EXTENSION cbr;
SET cbr.base_url = :'utf8';
SELECT cbr_fetch('2002-03-02');
SELECT name, name::bytea FROM t_currency ORDER BY char_code;
SET cbr.base_url = :'unencodable';
SELECT cbr_fetch('2002-03-03');
SELECT count(*) FROM t_currency WHERE date = '2002-03-03';

-- SQL_ASCII takes any bytes: UTF-8, as its clients are told nothing else.
\c regress_cbr_ascii
CREATE EXTENSION cbr;
SELECT cbr_fetch('2002-03-02');
SELECT name::bytea FROM t_currency WHERE char_code = 'EUR';

\c regress_cbr_latin1
SET client_encoding = 'UTF8';
CREATE EXTENSION cbr;
SELECT cbr_fetch('2002-03-02', '{EUR}');
SELECT count(*) FROM t_currency;
SELECT * FROM cbr_parse_daily(convert_to('<?xml version="1.0"?><rates>', 'UTF8') || '\xd0b5');

\c :home
DROP DATABASE regress_cbr_win1251;
DROP DATABASE regress_cbr_koi8r;
DROP DATABASE regress_cbr_ascii;
DROP DATABASE regress_cbr_latin1;
