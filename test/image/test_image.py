"""The container image, in containers: what is in it, its first start, later starts, and pg_cron at work."""
import json
import os
import pathlib
import re
import sys

import pytest
from container import IMAGE, Container, engine, eventually

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "bank"))

from bank import Bank  # noqa: E402

BASE = os.environ.get("BASE_IMAGE", "postgres:12")
EXTENSIONS = "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension WHERE extname <> 'plpgsql'"
JOBS = "SELECT schedule, command, database, username FROM cron.job"
SETTINGS = ("SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN"
            " ('shared_preload_libraries', 'cron.database_name', 'cron.use_background_workers')")


@pytest.fixture(scope="module")
def started():
    with Container() as container:
        yield container.ready()


@pytest.fixture(scope="module")
def bank():
    """The stand-in, and its root as containers see it: this machine is their gateway."""
    with Bank(host="0.0.0.0") as server:
        yield server


def seen_from(container, bank):
    gateway = json.loads(engine("inspect", container.id).stdout)[0]["NetworkSettings"]["Gateway"]
    return bank.url.replace("0.0.0.0", gateway)


@pytest.fixture
def volume():
    name = engine("volume", "create").stdout.strip()
    yield f"--volume={name}:/var/lib/postgresql/data"
    engine("volume", "rm", "--force", name)


# ------------------------------------------------------------------------------------------------- what is in it

def environment_of(image):
    variables = json.loads(engine("image", "inspect", image).stdout)[0]["Config"]["Env"]
    return dict(variable.split("=", 1) for variable in variables)


def test_server_is_the_base_s_very_release(started):
    base = environment_of(BASE)
    package = f"postgresql-{base['PG_MAJOR']}"
    assert started.run("dpkg-query", "-W", "-f", "${Version}", package).stdout == base["PG_VERSION"]
    with Container("sleep", "600", image=BASE) as plain:
        version = plain.run("postgres", "--version").stdout
    assert started.run("postgres", "--version").stdout == version


@pytest.mark.parametrize("tool", ["gcc", "g++", "cc", "c++", "clang", "ld", "as", "make", "python3"])
def test_nothing_to_build_with(started, tool):
    run = started.run("which", tool, check=False)
    assert (run.returncode, run.stdout) == (1, "")


def test_module_finds_all_its_libraries(started):
    module = started.run("bash", "-c", "ldd /usr/lib/postgresql/$PG_MAJOR/lib/cbr.so").stdout
    assert "libcurl" in module and "libxml2" in module
    assert "not found" not in module
    assert started.run("bash", "-c", "ls /etc/ssl/certs/*.0 | wc -l").stdout.strip() > "100"


def test_no_secret_and_no_rubbish_in_the_layers():
    assert environment_of(IMAGE) == environment_of(BASE)
    history = engine("history", "--no-trunc", IMAGE).stdout
    assert "POSTGRES_PASSWORD" not in history and "PGPASSWORD" not in history
    with Container("sleep", "600") as container:
        assert container.run("bash", "-c", "ls -A /var/lib/apt/lists /var/cache/apt/*.bin /src 2>/dev/null",
                             check=False).stdout.strip() == "/var/lib/apt/lists:"


def build(base):
    extra = os.environ.get("BUILD_OPTIONS", "").split()
    return engine("build", *extra, "--build-arg", f"BASE_IMAGE={base}",
                  "-f", str(ROOT / "Dockerfile.postgres"), str(ROOT), check=False)


@pytest.fixture
def image_on_base(tmp_path):
    """Makes a small image on the base; gives its name."""
    made = []

    def make(*lines):
        file = tmp_path / "Dockerfile"
        file.write_text("\n".join([f"FROM {BASE}", *lines]) + "\n")
        made.append(f"cbr-test-base:{os.getpid()}-{len(made)}")
        engine("build", "-f", str(file), "-t", made[-1], str(tmp_path))
        return made[-1]

    yield make
    for name in made:
        engine("rmi", "--force", name)


KEY = "/usr/local/share/keyrings/postgres.gpg.asc"  # where the public image has that of PostgreSQL's repositories
ASKED = re.compile(r"^\S+ https://apt-archive\.postgresql\.org/pub/repos/apt \w+-pgdg-archive InRelease", re.M)


@pytest.mark.parametrize("with_key", [False, True])
def test_release_that_is_nowhere_is_no_image(image_on_base, with_key):
    """No other release is taken in its place; the archive is asked first, if there is a key to trust it by."""
    key = f"mkdir -p $(dirname {KEY}); test -s {KEY} || echo none >{KEY}" if with_key else f"rm -f {KEY}"
    run = build(image_on_base("USER root", "ENV PG_VERSION=1.2.3-nowhere", f"RUN {key}"))
    assert run.returncode != 0
    package = f"postgresql-{environment_of(BASE)['PG_MAJOR']}"
    assert f"Version '1.2.3-nowhere' for '{package}' was not found" in run.stdout
    assert bool(ASKED.search(run.stdout)) == with_key
    assert (f"the package source lacks {package}=1.2.3-nowhere" in run.stdout) == (not with_key)


# ------------------------------------------------------------------------------------------------- the first start

def test_first_start(started):
    assert started.sql(EXTENSIONS) == "cbr pg_cron"
    assert started.sql(EXTENSIONS, "postgres") == ""
    command = "SELECT public.cbr_fetch(NULL::pg_catalog.date, NULL::pg_catalog.text[])"
    assert started.sql(JOBS) == f"*/20 13-16 * * *|{command}|db0|boss"
    assert started.sql(SETTINGS) == ("cron.database_name=db0 cron.use_background_workers=on"
                                     " shared_preload_libraries=pg_cron")


def test_init_can_leave_the_schedule_out():
    with Container(environment={"CBR_SCHEDULE": "off"}) as container:
        container.ready()
        assert container.sql(EXTENSIONS) == "cbr pg_cron"
        assert container.sql(JOBS) == ""


def test_schedule_that_is_none_fails_the_first_start():
    with Container(environment={"CBR_SCHEDULE": "soon"}) as container:
        log, status = container.ended()
        assert "invalid schedule: soon" in log
        assert status != 0


def test_database_of_any_name():
    name = "it's a \"base\" $HOME"
    with Container(environment={"POSTGRES_DB": name}) as container:
        container.ready()
        assert container.sql(EXTENSIONS) == "cbr pg_cron"
        assert container.sql("SHOW cron.database_name") == name


def test_database_named_after_the_user(tmp_path):
    (tmp_path / "user").write_text("boss\n")
    (tmp_path / "password").write_text("open sesame\n")
    tmp_path.chmod(0o755)
    files = {"POSTGRES_DB": None, "POSTGRES_USER": None, "POSTGRES_PASSWORD": None,
             "POSTGRES_USER_FILE": "/run/given/user", "POSTGRES_PASSWORD_FILE": "/run/given/password"}
    with Container(environment=files, options=[f"--volume={tmp_path}:/run/given:ro"]) as container:
        container.user = container.database = "boss"
        container.ready()
        assert container.sql(EXTENSIONS) == "cbr pg_cron"
        assert container.sql("SHOW cron.database_name") == "boss"


def test_without_a_password_nothing_starts():
    with Container(environment={"POSTGRES_PASSWORD": None}) as container:
        log, status = container.ended()
        assert "POSTGRES_PASSWORD" in log
        assert status == 1


# ----------------------------------------------------------------------------------------------- arguments, passwords

def test_arguments_come_on_top():
    with Container("-c", "work_mem=5MB", "-c", "shared_preload_libraries=pg_cron,auto_explain") as container:
        container.ready()
        assert container.sql("SHOW work_mem") == "5MB"
        assert container.sql("SHOW shared_preload_libraries") == "pg_cron,auto_explain"
        assert container.sql("SHOW cron.database_name") == "db0"


@pytest.mark.parametrize("arguments", [["postgres", "--version"], ["--version"], ["-V"], ["psql", "--version"]])
def test_other_commands_run_as_they_are(arguments):
    run = engine("run", "--rm", IMAGE, *arguments)
    assert run.stdout.startswith("psql (" if arguments[0] == "psql" else "postgres (")


def test_wrong_password_is_refused(started):
    def login(password):
        address = started.run("hostname", "-i").stdout.split()[0]  # 127.0.0.1 would be trusted
        return started.run("env", f"PGPASSWORD={password}", "psql", "-X", "-h", address, "-U", "boss", "-d", "db0",
                           "-Atc", "SELECT 'in'", check=False)

    assert login("open sesame").stdout == "in\n"
    refused = login("123")
    assert refused.returncode == 2
    assert 'password authentication failed for user "boss"' in refused.stdout


# ------------------------------------------------------------------------------------------------- later starts

ROWS = "SELECT count(*), sum(value) FROM t_currency"


def test_restart_keeps_what_was_stored(bank):
    with Container() as container:
        container.ready()
        container.sql(f"ALTER DATABASE db0 SET cbr.base_url = '{seen_from(container, bank)}'")
        assert container.sql("SELECT cbr_fetch('2002-03-02')") == "3"
        stored = container.sql(ROWS)
        assert stored == "3|101.6033"
        container.restart()
        assert "database system was not properly shut down" not in container.log()
        assert container.sql(ROWS) == stored
        assert container.sql(EXTENSIONS) == "cbr pg_cron"
        assert container.sql(JOBS).count("cbr_fetch") == 1


def test_new_container_over_the_same_directory(volume, bank):
    with Container(options=[volume]) as container:
        container.ready()
        container.sql(f"ALTER DATABASE db0 SET cbr.base_url = '{seen_from(container, bank)}'")
        container.sql("SELECT cbr_fetch('2002-03-02')")
        engine("stop", "--time", "60", container.id)
    with Container(options=[volume]) as container:
        container.ready()
        assert container.sql(ROWS) == "3|101.6033"
        assert "is already installed" in container.run("psql", "-X", "-U", "boss", "-d", "db0", "-c",
                                                       "ALTER EXTENSION cbr UPDATE").stdout


def test_directory_that_the_base_image_made(volume, bank):
    """The way from a plain postgres: init scripts do not run, pg_cron is loaded all the same, one statement each does
    the rest."""
    with Container(image=BASE, options=[volume]) as plain:
        plain.ready()
        plain.sql("CREATE TABLE mine AS SELECT 1 AS one")
        engine("stop", "--time", "60", plain.id)
    with Container(options=[volume]) as container:
        container.ready()
        assert container.sql("SELECT one FROM mine") == "1"
        assert container.sql(EXTENSIONS) == ""
        container.sql("CREATE EXTENSION pg_cron")
        container.sql("CREATE EXTENSION cbr")
        assert container.sql("SELECT cbr_schedule()") == "1"
        container.sql(f"ALTER DATABASE db0 SET cbr.base_url = '{seen_from(container, bank)}'")
        assert container.sql("SELECT cbr_fetch('2002-03-02')") == "3"


def test_two_servers_never_share_a_directory(volume):
    """The second waits for the end of the first, and then finds a directory that was left in order."""
    with Container(options=[volume]) as first:
        first.ready()
        with Container(options=[volume]) as second:
            eventually(lambda: "another server still runs" in second.log(), "the second to wait")
            first.sql("CREATE TABLE last AS SELECT 1 AS word")
            assert "starting PostgreSQL" not in second.log()
            engine("stop", "--time", "60", first.id)
            second.ready()
            assert second.sql("SELECT word FROM last") == "1"
            assert "was not properly shut down" not in second.log()
            with Container(options=[volume]) as third:
                eventually(lambda: "another server still runs" in third.log(), "the third to wait")
                engine("kill", "--signal", "TERM", third.id)
                assert third.ended()[1] == 1


def test_dump_restores_rates_and_jobs_into_a_new_container(bank):
    with Container() as source:
        source.ready()
        source.sql(f"ALTER DATABASE db0 SET cbr.base_url = '{seen_from(source, bank)}'")
        source.sql("SELECT cbr_fetch('2002-03-02')")
        jobs = source.sql(JOBS)
        dump = source.run("pg_dump", "-U", "boss", "db0").stdout
    with Container(environment={"CBR_SCHEDULE": "off"}) as target:
        target.ready()
        engine("exec", "--interactive", target.id, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "--single-transaction",
               "-U", "boss", "-d", "db0", input=dump)
        assert target.sql(ROWS) == "3|101.6033"
        assert target.sql("SELECT count(*) FROM cbr_fetch_log") == "1"
        assert target.sql(JOBS) == jobs != ""
        target.sql(f"ALTER DATABASE db0 SET cbr.base_url = '{seen_from(target, bank)}'")
        assert target.sql("SELECT cbr_fetch('2002-03-03')") == "3"


# ------------------------------------------------------------------------------------------------- pg_cron

RUNS = "SELECT count(*) FROM cron.job_run_details WHERE status = '{}'"


def test_jobs_run_and_failures_tell_why(bank):
    with Container(environment={"CBR_SCHEDULE": "* * * * *"}) as container:
        container.ready()
        url = seen_from(container, bank)
        container.sql(f"ALTER DATABASE db0 SET cbr.base_url = '{url}'")
        eventually(lambda: container.sql(RUNS.format("succeeded")) != "0", "a job that succeeds")
        assert container.sql(ROWS).startswith("3|")
        assert container.sql("SELECT DISTINCT fetched_by FROM cbr_fetch_log") == "boss"

        container.sql(f"ALTER DATABASE db0 SET cbr.base_url = '{url}/fault/html'")
        failed = ("SELECT return_message FROM cron.job_run_details"
                  " WHERE status = 'failed' AND return_message LIKE '%HTML%' LIMIT 1")
        message = eventually(lambda: container.sql(failed), "a job that fails")
        assert message.startswith(f"ERROR: invalid answer from {url.split('/')[2]}: it is an HTML page, not XML")
        assert "\nDETAIL: " in message and f"{url}/fault/html/scripts/XML_daily.asp" in message
        assert "\nHINT: " in message
