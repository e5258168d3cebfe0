-- cbr_parse_daily(): the Bank's document as rows. The documents here are in our own words, in the Bank's forms.
CREATE FUNCTION document(valutes text, attributes text DEFAULT 'Date="02.03.2002" name="Foreign Currency Market"',
                         declaration text DEFAULT '<?xml version="1.0" encoding="windows-1251"?>')
RETURNS bytea LANGUAGE sql AS $$
    SELECT convert_to(declaration || '<ValCurs ' || attributes || '>' || valutes || '</ValCurs>',
                      CASE WHEN declaration ILIKE '%1251%' THEN 'WIN1251' ELSE 'UTF8' END)
$$;
CREATE FUNCTION valute(id text, num_code text, char_code text, nominal text, name text, value text, more text DEFAULT '')
RETURNS text LANGUAGE sql AS $$
    SELECT format('<Valute ID="%s"><NumCode>%s</NumCode><CharCode>%s</CharCode><Nominal>%s</Nominal><Name>%s</Name><Value>%s</Value>%s</Valute>',
                  id, num_code, char_code, nominal, name, value, more)
$$;

-- Today's layout, and the one before 2019.
SELECT * FROM cbr_parse_daily(document(
    valute('R01235', '840', 'USD', '1', 'Доллар США', '30,9436', '<VunitRate>30,9436</VunitRate>') ||
    valute('R01090', '974', 'BYR', '1000', 'Белорусских рублей', '18,4290', '<VunitRate>0,018429</VunitRate>')));
SELECT * FROM cbr_parse_daily(document(
    E'\r\n' || replace(valute('R01010', '036', 'AUD', '1', 'Австралийский доллар', '16,0102'), '><', E'>\r\n\t<') || E'\r\n',
    declaration => E'<?xml version="1.0" encoding="windows-1251" ?>\r\n'));

-- UTF-8, declared or not, with a byte order mark, and windows-1252.
SELECT char_code, name FROM cbr_parse_daily(document(valute('R01239', '978', 'EUR', '1', 'Евро', '26,8343'),
    declaration => '<?xml version="1.0" encoding="utf-8"?>'));
SELECT char_code, name FROM cbr_parse_daily(document(valute('R01239', '978', 'EUR', '1', 'Евро €', '26,8343'), declaration => ''));
SELECT char_code, name FROM cbr_parse_daily('\xefbbbf'::bytea || document(valute('R01239', '978', 'EUR', '1', 'Евро', '26,8343'),
    declaration => '<?xml version="1.0" encoding="utf-8"?>'));
SELECT char_code, name FROM cbr_parse_daily(convert_to('<?xml version="1.0" encoding="windows-1252"?><ValCurs Date="20.01.2007">'
    || valute('R01375', '156', 'CNY', '10', 'China Yuan Renminbi ©', '34,0') || '</ValCurs>', 'WIN1252'));

-- Dates with slashes; numbers with thousands separators, with a point, in scientific notation; digits stay as printed.
SELECT effective_date, nominal, value FROM cbr_parse_daily(document(
    valute('R01235', '840', 'USD', '1 000', 'a', '5 960,0000') || valute('R01239', '978', 'EUR', '1', 'b', '2 153,0000') ||
    valute('R01035', '826', 'GBP', '10', 'c', '43.80') || valute('R01700', '792', 'TRL', '1', 'd', '2,22616E-05') ||
    valute('R01090', '974', 'BYR', '1', 'e', '123456789012345678901234567,0123456789'),
    attributes => 'Date="26/09/2013"'));

-- Text is text: quotes, markup and SQL in a name; white space around it is not part of it; num_code may be missing.
SELECT num_code, name FROM cbr_parse_daily(document(
    valute('R01235', '', 'USD', '1', E'\n  O''Brien &quot;); DROP TABLE t_currency; -- \\ &lt;b&gt; &amp;amp;\n', '1,0') ||
    valute('R01239', '978', 'EUR', '1', '<![CDATA[<Евро>]]>', '1,0')));

-- Elements that nobody knows are passed over, wherever they stand.
SELECT char_code, value FROM cbr_parse_daily(document(
    '<Note><Value>1</Value></Note>' || valute('R01235', '840', 'USD', '1', 'a', '2,0', '<Deep><Value>3</Value></Deep><New/>') || 'text'));

SELECT * FROM cbr_parse_daily(NULL);
-- Only some rows are taken; in the select list, too.
SELECT char_code FROM cbr_parse_daily(document(valute('R01235', '840', 'USD', '1', 'a', '1,0') || valute('R01239', '978', 'EUR', '1', 'b', '2,0'))) LIMIT 1;
SELECT (cbr_parse_daily(document(valute('R01235', '840', 'USD', '1', 'a', '1,0')))).char_code;

DROP FUNCTION document;
DROP FUNCTION valute;
