#!/usr/bin/env bash
# On the first start: both extensions in POSTGRES_DB, and a pg_cron job that fetches the rates.
#
# CBR_SCHEDULE is the job's schedule, in GMT, which is Moscow's time less three hours, all year. Without it the job runs
# every 20 minutes from 16 to 19 o'clock in Moscow, when the next day's rates appear; with "off" there is none.
set -euo pipefail

sql() { psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" "$@"; }

sql <<<'CREATE EXTENSION pg_cron; CREATE EXTENSION cbr;'
case ${CBR_SCHEDULE:-default} in
    off) ;;
    default) sql <<<'SELECT cbr_schedule();' ;;
    *) sql -v schedule="$CBR_SCHEDULE" <<<"SELECT cbr_schedule(:'schedule');" ;;
esac
