"""cbr_schedule over a real pg_cron, from pg_cron's own database and from another one; a job that really runs."""
import os
import pathlib
import subprocess

import pytest

from cluster import bindir, eventually
from session import Session

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


def test_jobs_really_run(cron_server, installed, rates, bank):
    cron_server.execute(f"ALTER DATABASE jobs SET cbr.base_url = '{bank.url}/fault/html'")
    cron_server.execute(f"ALTER DATABASE rates SET cbr.base_url = '{bank.url}'")
    installed.value("SELECT cbr_schedule('* * * * *', 'here')")
    rates.value("SELECT cbr_schedule('* * * * *', 'there')")
    for name in ("here", "there"):
        eventually(lambda name=name: [row for row in installed.rows(JOB, name) if row[0] in ("succeeded", "failed")], name)
    assert installed.rows(JOB, "there")[0][0] == "succeeded"
    assert rates.stored() == (3, 1)
    status, message = installed.rows(JOB, "here")[0]
    assert status == "failed"
    assert "it is an HTML page, not XML" in message
    assert rates.value("SELECT cbr_unschedule('there')") is True
    assert rates.value("SELECT cbr_unschedule('there')") is False
    assert installed.value("SELECT cbr_unschedule('here')") is True


def test_same_name_is_one_job(installed, rates):
    for session in (installed, rates):
        session.value("SELECT cbr_schedule('5 4 * * *')")
        session.value("SELECT cbr_schedule()")
        name = session.value("SELECT current_database()")
        assert installed.rows("SELECT schedule, command FROM cron.job WHERE database = %s", name) == [
            ("*/20 13-16 * * *", "SELECT public.cbr_fetch()")]
        assert session.value("SELECT cbr_unschedule()") is True


def test_error_of_pg_cron_is_passed_on(installed, rates):
    for session in (installed, rates):
        assert "invalid schedule" in session.error("SELECT cbr_schedule('soon')").diag.message_primary


def test_role_needs_the_right_to_call_it_and_pg_cron_s_own(cron_server, installed, bank):
    cron_server.execute("CREATE ROLE planner LOGIN")
    session = Session(cron_server, bank.url, database="rates", user="planner")
    assert session.error("SELECT cbr_schedule()").pgcode == "42501"
    cron_server.execute("GRANT EXECUTE ON FUNCTION cbr_schedule(text, text) TO planner", "rates")
    assert session.error("SELECT cbr_schedule()").pgcode == "42501"  # no USAGE on schema cron
    session.close()
