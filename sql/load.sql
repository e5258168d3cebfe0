-- cbr_load(): stores a document that came from elsewhere.
\set document '<?xml version="1.0" encoding="utf-8"?><ValCurs Date="02.03.2002"><Valute ID="R01235"><NumCode>840</NumCode><CharCode>USD</CharCode><Nominal>1</Nominal><Name>Доллар США</Name><Value>30,9436</Value></Valute><Valute ID="R01239"><NumCode>978</NumCode><CharCode>EUR</CharCode><Nominal>1</Nominal><Name>Евро</Name><Value>26,8343</Value></Valute></ValCurs>'
SELECT cbr_load(:'document');
SELECT cbr_load(convert_to(:'document', 'UTF8'));
SELECT cbr_load(convert_to(:'document', 'UTF8'), '2002-03-03', '{usd}');
SELECT name, char_code, value, date, effective_date FROM t_currency ORDER BY date, char_code;
-- What is known is corrected, as by a fetch.
SELECT cbr_load(convert_to(replace(:'document', '30,9436', '31,0000'), 'UTF8'));
SELECT url, requested_date, effective_date, http_status, bytes, duration_ms, rates, inserted, changed, corrections -> 0 -> 'old' -> 'value' AS old,
       corrections -> 0 -> 'new' -> 'value' AS new
  FROM cbr_fetch_log ORDER BY id;

-- The date must be one on which the document is in force.
SELECT cbr_load(convert_to(:'document', 'UTF8'), '2002-03-01');
SELECT cbr_load(convert_to(:'document', 'UTF8'), '2002-04-03');
SELECT cbr_load(convert_to(:'document', 'UTF8'), '2099-01-01');
SELECT cbr_load(convert_to(:'document', 'UTF8'), '-infinity');
SELECT cbr_load(NULL);
SELECT cbr_load('');
SELECT cbr_load('\x00');
SET cbr.max_response_size = '1kB';
SELECT cbr_load(convert_to(:'document' || repeat(' ', 1024), 'UTF8'));
RESET cbr.max_response_size;
SELECT count(*) FROM t_currency;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
