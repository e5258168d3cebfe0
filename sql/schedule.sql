-- cbr_schedule() where there is no pg_cron; test/e2e has one.
SELECT cbr_schedule();
\echo :LAST_ERROR_SQLSTATE
SELECT cbr_unschedule();
