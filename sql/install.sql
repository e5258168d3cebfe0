-- What CREATE EXTENSION brings, that each object says what it is, and that pg_dump keeps the data.
CREATE EXTENSION cbr;
SELECT oid AS cbr FROM pg_extension WHERE extname = 'cbr' \gset

SELECT p.oid::regprocedure AS function, p.provolatile, p.proparallel, p.prosecdef,
       has_function_privilege('pg_monitor', p.oid, 'EXECUTE') AS anyone_may_call
  FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
 WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = :cbr
 ORDER BY p.proname;

SELECT c.oid::regclass AS relation, c.relkind, coalesce(c.relacl::text, '') <> '' AS has_grants
  FROM pg_depend d JOIN pg_class c ON c.oid = d.objid
 WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_extension'::regclass AND d.refobjid = :cbr
 ORDER BY c.relname;

-- Objects, columns and indexes without a comment: none.
SELECT pg_describe_object(d.classid, d.objid, 0) AS uncommented
  FROM pg_depend d
 WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = :cbr
   AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass)
   AND obj_description(d.objid, d.classid::regclass::name) IS NULL
UNION ALL
SELECT a.attrelid::regclass || '.' || a.attname
  FROM pg_attribute a
 WHERE a.attrelid IN ('t_currency'::regclass, 'cbr_fetch_log'::regclass) AND a.attnum > 0
   AND col_description(a.attrelid, a.attnum) IS NULL
UNION ALL
SELECT i.indexrelid::regclass::text
  FROM pg_index i
 WHERE i.indrelid IN ('t_currency'::regclass, 'cbr_fetch_log'::regclass)
   AND obj_description(i.indexrelid, 'pg_class') IS NULL;

SELECT obj_description(oid, 'pg_extension') AS extension FROM pg_extension WHERE extname = 'cbr';

-- What pg_dump takes along with the extension.
SELECT unnest(extconfig)::regclass::text COLLATE "C" AS dumped FROM pg_extension WHERE extname = 'cbr' ORDER BY 1;

-- The first five columns are those of the script that this extension replaces.
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull
  FROM pg_attribute WHERE attrelid = 't_currency'::regclass AND attnum > 0 ORDER BY attnum;
SELECT pg_get_indexdef(indexrelid) AS index FROM pg_index WHERE indrelid = 't_currency'::regclass ORDER BY 1 COLLATE "C";
SELECT attname, format_type(atttypid, atttypmod) AS type, attnotnull
  FROM pg_attribute WHERE attrelid = 'cbr_fetch_log'::regclass AND attnum > 0 ORDER BY attnum;

-- It leaves without a trace, and comes again.
DROP EXTENSION cbr;
SELECT count(*) AS left_behind FROM pg_class WHERE relname LIKE 'cbr%' OR relname LIKE 't\_currency%';
CREATE EXTENSION cbr;
