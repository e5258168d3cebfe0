"""cbr_schedule over a real pg_cron, from pg_cron's own database and from another one; a job that really runs."""
import os
import pathlib
import subprocess

import pytest

from cluster import bindir, eventually
from session import Session

COMMAND = "SELECT public.cbr_fetch(NULL::pg_catalog.date, NULL::pg_catalog.text[])"
JOB = "SELECT status, return_message FROM cron.job_run_details d JOIN cron.job j USING (jobid) WHERE j.jobname = %s"


@pytest.fixture(scope="module")
def cron_server(make_cluster):
    share = subprocess.run([str(bindir() / "pg_config"), "--sharedir"], stdout=subprocess.PIPE, check=True)
    if not (pathlib.Path(os.fsdecode(share.stdout).strip()) / "extension" / "pg_cron.control").exists():
        pytest.skip("this server has no pg_cron")
    server = make_cluster("shared_preload_libraries = 'pg_cron'\ncron.database_name = 'jobs'\n"
                          "cron.use_background_workers = on\nmax_worker_processes = 20\n")
    server.start()
    server.execute("CREATE DATABASE jobs")
    server.execute("CREATE DATABASE rates")
    for database in ("jobs", "rates"):
        server.execute("CREATE EXTENSION cbr", database)
    return server


@pytest.fixture
def jobs(cron_server, bank):
    session = Session(cron_server, bank.url, database="jobs")
    yield session
    session.close()


@pytest.fixture
def rates(cron_server, bank):
    session = Session(cron_server, bank.url, database="rates")
    yield session
    session.close()


def test_pg_cron_that_is_not_installed_is_told_of(jobs, rates):
    jobs.rows("DROP EXTENSION IF EXISTS pg_cron")
    for session in (jobs, rates):
        error = session.error("SELECT cbr_schedule()")
        assert error.pgcode == "55000"
        assert 'pg_cron is not installed in database "jobs"' in error.diag.message_primary
        assert "CREATE EXTENSION pg_cron" in error.diag.message_hint


@pytest.fixture
def installed(jobs):
    jobs.rows("CREATE EXTENSION IF NOT EXISTS pg_cron")
    return jobs


def knows_databases(installed):
    """Whether this pg_cron can run jobs in another database than its own: 1.4 and newer."""
    return installed.value("SELECT count(*) FROM pg_proc WHERE proname = 'schedule_in_database'") > 0


@pytest.fixture
def elsewhere(installed, rates):
    """A session in another database than pg_cron's."""
    if not knows_databases(installed):
        pytest.skip("this pg_cron is older than 1.4")
    return rates


@pytest.fixture
def both(installed, rates):
    """Sessions in all databases that this pg_cron runs jobs in."""
    return [installed, rates] if knows_databases(installed) else [installed]


def test_old_pg_cron_is_told_of(installed, rates):
    if knows_databases(installed):
        pytest.skip("this pg_cron is 1.4 or newer")
    error = rates.error("SELECT cbr_schedule()")
    assert error.pgcode == "0A000"
    assert "another database than its own" in error.diag.message_primary
    assert 'install cbr in database "jobs"' in error.diag.message_hint


def outcome(installed, name):
    """How the job's first run ended: (status, message)."""
    ended = JOB + " AND status IN ('succeeded', 'failed')"
    return eventually(lambda: installed.rows(ended, name), f"the run of {name}")[0]


def test_jobs_really_run(cron_server, both, bank):
    """One that succeeds in the last database, and where that is not pg_cron's, one that fails in pg_cron's."""
    for session in both:
        name = session.value("SELECT current_database()")
        fault = "" if session is both[-1] else "/fault/html"
        cron_server.execute(f"ALTER DATABASE {name} SET cbr.base_url = '{bank.url}{fault}'")
        session.value("SELECT cbr_schedule('* * * * *', current_database())")
    installed = both[0]
    name = both[-1].value("SELECT current_database()")
    assert outcome(installed, name)[0] == "succeeded"
    assert installed.rows("SELECT database, username FROM cron.job WHERE jobname = %s", name) == [(name, "postgres")]
    assert both[-1].stored() == (3, 1)
    for session in both[:-1]:
        status, message = outcome(installed, session.value("SELECT current_database()"))
        assert status == "failed"
        assert "it is an HTML page, not XML" in message
    for session in both:
        assert session.value("SELECT cbr_unschedule(current_database())") is True
        assert session.value("SELECT cbr_unschedule(current_database())") is False


def test_same_name_is_one_job(installed, both):
    for session in both:
        session.value("SELECT cbr_schedule('5 4 * * *')")
        session.value("SELECT cbr_schedule()")
        name = session.value("SELECT current_database()")
        assert installed.rows("SELECT schedule, command FROM cron.job WHERE database = %s", name) == [
            ("*/20 13-16 * * *", COMMAND)]
        assert session.value("SELECT cbr_unschedule()") is True


def test_error_of_pg_cron_is_passed_on(installed, both):
    plain = installed.error("SELECT cron.schedule('job', 'soon', 'SELECT 1')")
    for session in both:
        error = session.error("SELECT cbr_schedule('soon')")
        assert error.pgcode == plain.pgcode
        assert "invalid schedule" in error.diag.message_primary
        assert error.diag.message_primary == plain.diag.message_primary
    assert installed.value("SELECT count(*) FROM cron.job WHERE jobname = 'cbr-fetch'") == 0


def test_names_of_any_kind_reach_pg_cron_as_they_are(installed, both):
    name = "it's a \"job\"; \\ '); DROP TABLE t_currency; --"
    for session in both:
        session.value("SELECT cbr_schedule('5 4 * * *', %s)", name)
        assert installed.rows("SELECT jobname, command FROM cron.job") == [(name, COMMAND)]
        assert session.value("SELECT cbr_unschedule(%s)", name) is True
        assert session.error("SELECT cbr_schedule('5 4 * * *', repeat('x', 2000))").pgcode == "22001"


def test_job_calls_cbr_fetch_and_no_overload_that_someone_planted(installed, elsewhere):
    """A call without arguments is ambiguous beside it, and the job would be stopped."""
    elsewhere.rows("CREATE FUNCTION cbr_fetch() RETURNS text LANGUAGE sql AS $$ SELECT 'planted' $$")
    try:
        assert elsewhere.error("SELECT cbr_fetch()").pgcode == "42725"
        elsewhere.value("SELECT cbr_schedule('5 4 * * *', 'sound')")
        command = installed.value("SELECT command FROM cron.job WHERE jobname = 'sound'")
        assert elsewhere.use().value(command) == 3
    finally:
        elsewhere.rows("DROP FUNCTION cbr_fetch()")
        elsewhere.value("SELECT cbr_unschedule('sound')")


def test_job_of_another_database_is_left_alone(installed, elsewhere):
    """The same name in two databases is two jobs, or an error; never one that moved."""
    installed.rows("DELETE FROM cron.job")
    installed.value("SELECT cbr_schedule('5 4 * * *', 'own')")
    assert elsewhere.value("SELECT cbr_unschedule('own')") is False
    elsewhere.value("SELECT cbr_schedule('6 4 * * *', 'other')")
    assert installed.value("SELECT cbr_unschedule('other')") is False
    assert installed.rows("SELECT jobname, database FROM cron.job ORDER BY 1") == [("other", "rates"), ("own", "jobs")]
    assert elsewhere.value("SELECT cbr_unschedule('other')") is True
    assert installed.value("SELECT cbr_unschedule('own')") is True


@pytest.mark.parametrize("analyzed", [False, True])
def test_jobs_of_other_names_and_roles_are_left_alone(cron_server, installed, elsewhere, analyzed):
    """Whatever the plan: with few jobs and statistics it reads the whole table."""
    installed.rows("DELETE FROM cron.job")
    for number in range(3):
        installed.rows("SELECT cron.schedule(%s, '5 4 * * *', 'VACUUM')", f"vacuum {number}")
    installed.rows("UPDATE cron.job SET username = 'somebody' WHERE jobname = 'vacuum 2'")
    elsewhere.value("SELECT cbr_schedule()")
    if analyzed:
        installed.rows("ANALYZE cron.job")
    try:
        assert elsewhere.value("SELECT cbr_unschedule('no such job')") is False
        assert installed.value("SELECT count(*) FROM cron.job") == 4
        assert elsewhere.value("SELECT cbr_unschedule()") is True
        assert installed.rows("SELECT jobname FROM cron.job ORDER BY 1") == [(f"vacuum {n}",) for n in range(3)]
    finally:
        installed.rows("DELETE FROM cron.job")


@pytest.mark.parametrize("sql", ["SELECT cbr_schedule()", "SELECT cbr_unschedule()"])
def test_pg_cron_that_is_not_loaded_is_told_of(session, sql):
    error = session.error(sql)
    assert error.pgcode == "55000"
    assert error.diag.message_primary == "pg_cron is not loaded"
    assert "shared_preload_libraries" in error.diag.message_hint


def test_role_needs_the_right_to_call_it_and_pg_cron_s_own(cron_server, installed, elsewhere, bank):
    cron_server.execute("CREATE ROLE planner LOGIN")
    session = Session(cron_server, bank.url, database="rates", user="planner")
    assert session.error("SELECT cbr_schedule()").pgcode == "42501"
    cron_server.execute("GRANT EXECUTE ON FUNCTION cbr_schedule(text, text) TO planner", "rates")
    error = session.error("SELECT cbr_schedule()")
    assert error.pgcode == "42501"
    assert "permission denied for schema cron" in error.diag.message_primary
    cron_server.execute("GRANT USAGE ON SCHEMA cron TO planner", "jobs")
    installed.rows("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA cron TO planner")
    assert session.value("SELECT cbr_schedule()") > 0
    assert installed.rows("SELECT username, database FROM cron.job") == [("planner", "rates")]
    assert installed.value("SELECT cbr_unschedule()") is False  # it is none of the superuser's
    assert session.value("SELECT count(cbr_schedule()) FROM generate_series(1, 2)") == 2
    cron_server.execute("GRANT EXECUTE ON FUNCTION cbr_unschedule(text) TO planner", "rates")
    assert session.value("SELECT cbr_unschedule()") is True
    session.close()
