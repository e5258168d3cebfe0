"""A test's view of a container: started in the background, asked by psql from inside, removed with its volumes."""
import os
import shlex
import subprocess
import time

ENGINE = os.environ.get("ENGINE", "docker")
IMAGE = os.environ.get("IMAGE", "cbr-postgres:1.0")
PATIENCE = 180  # seconds; nothing that works comes near it


def engine(*arguments, check=True, **options):
    run = subprocess.run([ENGINE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         universal_newlines=True, check=False, **options)
    assert not check or run.returncode == 0, f"{shlex.join([ENGINE, *arguments])}\n{run.stdout}"
    return run


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"in vain waited for {what}"
        time.sleep(0.1)


class Container:
    """db0 of boss, as docs/deploy.md starts it; `environment` and `options` come on top."""

    def __init__(self, *arguments, image=IMAGE, environment=None, options=()):
        variables = {"POSTGRES_USER": "boss", "POSTGRES_DB": "db0", "POSTGRES_PASSWORD": "open sesame"}
        variables.update(environment or {})
        self.user = variables.get("POSTGRES_USER", "postgres")
        self.database = variables.get("POSTGRES_DB", self.user)
        settings = [f"--env={name}={value}" for name, value in variables.items() if value is not None]
        self.id = engine("run", "--detach", *settings, *options, image, *arguments).stdout.split()[-1]

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        engine("kill", self.id, check=False)  # for where rm would wait for a clean stop
        engine("rm", "--force", "--volumes", self.id)

    def run(self, *command, check=True, user="postgres"):
        return engine("exec", "--user", user, self.id, *command, check=check)

    def sql(self, statement, database=None):
        return self.run("psql", "-X", "-v", "ON_ERROR_STOP=1", "-U", self.user, "-d", database or self.database,
                        "-Atc", statement).stdout.strip()

    def log(self):
        return engine("logs", self.id).stdout

    def state(self):
        return engine("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", self.id).stdout.split()

    def ended(self):
        """The container's last words and status, once it has ended."""
        eventually(lambda: self.state()[0] == "exited", "the end of the container")
        return self.log(), int(self.state()[1])

    def ready(self):
        """The server after the init scripts listens on TCP, the one that they meet does not."""
        def is_ready():
            assert self.state()[0] != "exited", self.log()
            return self.run("pg_isready", "-q", "-h", "127.0.0.1", check=False).returncode == 0

        eventually(is_ready, "the server")
        return self

    def restart(self):
        engine("stop", "--time", "60", self.id)
        engine("start", self.id)
        return self.ready()
