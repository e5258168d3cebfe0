-- Each setting: its default, who may change it, and what it refuses.
LOAD 'cbr';
SELECT name, boot_val, unit, context, vartype, min_val, max_val, enumvals
  FROM pg_settings WHERE name LIKE 'cbr.%' ORDER BY name COLLATE "C";

SET cbr.base_url = 'ftp://www.cbr.ru';
SET cbr.base_url = 'file:///etc/passwd';
SET cbr.base_url = 'www.cbr.ru';
SET cbr.base_url = '';
SET cbr.base_url = 'https://boss:123@www.cbr.ru';
SET cbr.base_url = 'https://www.cbr.ru/?x=1';
SET cbr.base_url = 'https://www.cbr.ru/#x';
SET cbr.base_url = E'https://www.cbr.ru/\nX: y';
SET cbr.base_url = 'HTTP://mirror.example:8080/cbr/';
SHOW cbr.base_url;
RESET cbr.base_url;
SET cbr.currencies = 'USD, EU';
SET cbr.currencies = '';
SET cbr.currencies = usd, 'R01239';
SHOW cbr.currencies;
-- The server's words for a number out of range differ between its versions.
\set VERBOSITY sqlstate
SET cbr.timeout = 0;
SET cbr.retries = -1;
SET cbr.max_connections = 17;
SET cbr.max_response_size = 0;
\set VERBOSITY default
SET cbr.timeout = '5min';
SHOW cbr.timeout;
SET cbr.user_agent = E'a\nb: c';
SET cbr.missing_rate = 'zero';
SET cbr.missing_rate = 'null';
RESET ALL;

-- A mirror may have a path, with a slash at its end or without.
SELECT current_setting('cbr.base_url') AS bank \gset
\set url :bank '/mirror/of/rates/'
SET cbr.base_url = :'url';
SELECT cbr_fetch('2002-03-02');
SELECT regexp_replace(url, '^http://[^/]*', '') FROM cbr_fetch_log;

-- An ordinary role may not redirect requests, nor look at the proxy, which may hold a password.
CREATE ROLE regress_cbr_user;
SET ROLE regress_cbr_user;
SET cbr.base_url = 'http://127.0.0.1:1';
SET cbr.proxy = 'http://127.0.0.1:1';
SET cbr.ca_file = '/tmp/ca.pem';
SET cbr.user_agent = 'me';
SET cbr.max_response_size = '1GB';
SET cbr.request_interval = 0;
SET cbr.max_connections = 16;
SELECT count(*) AS proxy_shown FROM pg_settings WHERE name = 'cbr.proxy' AND setting IS NOT NULL;
SET cbr.timeout = '1min';
SET cbr.retries = 0;
SET cbr.currencies = '*';
RESET ROLE;
DROP ROLE regress_cbr_user;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;

-- What is set before the library is loaded holds; what is malformed does not.
\c -
SET cbr.currencies = 'JPY';
SET cbr.timeout = 'soon';
SELECT cbr_fetch('2002-03-02');
SELECT char_code FROM t_currency;
SHOW cbr.timeout;
TRUNCATE t_currency, cbr_fetch_log RESTART IDENTITY;
