"""Throwaway PostgreSQL clusters for the end-to-end tests.

Everything of a cluster lives in one short private directory; it listens on a Unix socket there and nowhere else, so
that any number of runs go side by side. A guard process removes it even when the tests are killed.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import psycopg2

POLL_SECONDS = 0.02
TEMPLATE = "cbr_template"
SETTINGS = """
listen_addresses = ''
fsync = off
max_connections = 60
timezone = 'UTC'
datestyle = 'ISO, YMD'
logging_collector = off
log_line_prefix = '%m [%p] %e '
cbr.request_interval = 0
cbr.retries = 0
"""
# Nothing of this may ever stand in a server's log: a process that crashed, or libxml2 and libcurl writing to stderr.
NOISE = re.compile(
    r"terminated by signal|PANIC|TRAP|terminated by exception|Segmentation|AddressSanitizer|runtime error:"
    r"|encoding error|I/O error|I/O warning|parser error|parser warning|namespace error",
)
GUARD = 'cat >/dev/null; "$1" stop -s -D "$2/data" -m immediate >/dev/null 2>&1; rm -rf "$2"'


def bindir():
    """The directory of the server's programs, with cbr installed beside it."""
    return pathlib.Path(os.environ["CBR_BINDIR"])


def eventually(condition, what):
    """The first true value of the condition. For ever: a test's time is limited by the watchdog alone."""
    while True:
        value = condition()
        if value:
            return value
        time.sleep(POLL_SECONDS)


def own_environment(extra=None):
    """The environment without what would lead libpq or libcurl elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    kept = {name: value for name, value in kept.items() if not name.lower().endswith("_proxy")}
    return dict(kept, LC_ALL="C", **(extra or {}))


class Cluster:
    """One server: made by initdb, or by another command that leaves a data directory. Its programs are those of
    CBR_BINDIR, unless another directory is named."""

    def __init__(self, environment=None, programs=None):
        self.programs = programs or bindir()
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cbr-", dir="/tmp"))
        self.data = self.root / "data"
        self.log = self.root / "log"
        self.log.touch()
        self.environment = own_environment(environment)
        self.expected_noise = []
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "guard", str(self.programs / "pg_ctl"), str(self.root)],
            stdin=subprocess.PIPE, start_new_session=True,
        )

    def program(self, name, *arguments, **options):
        """Run a program of the server's to its end; an exit status other than 0 fails the test."""
        options.setdefault("stdout", subprocess.PIPE)
        done = subprocess.run([str(self.programs / name), *map(str, arguments)], env=self.environment,
                              stderr=subprocess.PIPE, **options)
        assert done.returncode == 0, f"{name}: {done.stderr.decode(errors='replace')}\n{self.log_text()[-3000:]}"
        return done.stdout

    def init(self, *options):
        """A new, empty cluster, not yet started."""
        self.program("initdb", "-D", self.data, "-A", "trust", "--no-locale", "-E", "UTF8", "-U", "postgres", "--no-sync",
                     *options)
        self.configure(SETTINGS)

    def copy_of(self, primary):
        """A physical standby of a running cluster, not yet started."""
        self.program("pg_basebackup", "-D", self.data, "-R", "-X", "stream", "-c", "fast", "--no-sync",
                     "-h", primary.root, "-U", "postgres")

    def configure(self, lines):
        """Add lines to postgresql.conf, to hold from the next start or reload."""
        with open(self.data / "postgresql.conf", "a", encoding="utf-8") as file:
            file.write(lines + "\n")

    def start(self):
        """Start the server and wait until it takes connections. pg_ctl must not hold the pipes of a test run."""
        self.program("pg_ctl", "start", "-w", "-s", "-t", "120", "-D", self.data, "-l", self.log, "-o",
                     f"-k {self.root}", stdout=subprocess.DEVNULL)

    def stop(self, mode="fast"):
        """Stop the server, if it runs, and wait until it has ended."""
        if self.running():
            self.program("pg_ctl", "stop", "-w", "-s", "-t", "120", "-D", self.data, "-m", mode)

    def running(self):
        status = subprocess.run([str(self.programs / "pg_ctl"), "status", "-D", str(self.data)], env=self.environment,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return status.returncode == 0

    def postmaster_pid(self):
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def forget_killed_postmaster(self):
        """After a kill -9: wait until no process of the cluster is left, so that it can be started again. The lock
        files go by hand, since a container's init may leave the killed process as a zombie, which looks alive."""
        eventually(lambda: not processes_in(self.data), "the end of the cluster's processes")
        for lock in [self.data / "postmaster.pid", *self.root.glob(".s.PGSQL.*")]:
            lock.unlink()

    def log_text(self):
        return self.log.read_text(errors="replace")

    def expect_killed(self, pid):
        """A test kills this process itself: the line that tells so may stand in the log."""
        self.expected_noise.append(f"(PID {pid}) was terminated by signal 9")

    def remove(self):
        """Stop and delete everything; a failure if the log tells of a crash or holds a library's noise."""
        self.stop("immediate" if self._guard.poll() is not None else "fast")
        text = self.log_text()
        self._guard.stdin.close()
        self._guard.wait()
        shutil.rmtree(self.root, ignore_errors=True)
        noise = [line for line in text.splitlines() if NOISE.search(line)
                 and not any(expected in line for expected in self.expected_noise)]
        assert not noise, "the server log holds what must never be there:\n" + "\n".join(noise[:20])

    def connect(self, database="postgres", user="postgres", **parameters):
        """A psycopg2 connection that commits each statement by itself."""
        connection = psycopg2.connect(host=str(self.root), dbname=database, user=user, **parameters)
        connection.autocommit = True
        return connection

    def execute(self, sql, database="postgres"):
        """Run one statement in a session of its own."""
        connection = self.connect(database)
        try:
            connection.cursor().execute(sql)
        finally:
            connection.close()

    def make_template(self):
        """The database that each test's database is a copy of."""
        self.execute(f"CREATE DATABASE {TEMPLATE}")
        self.execute("CREATE EXTENSION cbr", TEMPLATE)

    def drop_database(self, name):
        """Drop a database and whatever is still connected to it."""
        others = f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = '{name}'"
        connection = self.connect()
        cursor = connection.cursor()

        def nobody_left():
            cursor.execute(others)
            return cursor.fetchone()[0] == 0

        try:
            eventually(nobody_left, "the end of the sessions")
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        finally:
            connection.close()


def processes_in(directory):
    """The processes whose working directory this is: those of a server are in its data directory."""
    found = []
    for entry in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == str(directory):
                found.append(int(entry.name))
        except OSError:
            pass
    return found
