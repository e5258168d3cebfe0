"""The manifests on a real cluster, put there by scripts/cluster: where the pods run, the old script's procedure, what
survives, what is refused. README.md tells what the cluster must be like.
"""
import base64
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "bank"))

from bank import Bank  # noqa: E402

NAMESPACE = "cbr-test"
OVERLAY = ROOT / "k8s" / "overlays" / "test"
IMAGE = "cbr-postgres:1.0"
DIRECTORIES = "/var/tmp/cbr-cluster-test"  # on the nodes, by the overlay
PATIENCE = 300  # seconds; nothing that works comes near it
START, END = "--------- start script ---------", "---------- end script ----------"


def command(*words, check=True, **options):
    run = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True, check=False,
                         **options)
    assert not check or run.returncode == 0, f"{words}\n{run.stdout}"
    return run


def kubectl(*words, **options):
    return command("kubectl", "--namespace", NAMESPACE, *words, **options)


def get(*words):
    return json.loads(kubectl("get", *words, "-o", "json").stdout)


def eventually(condition, what):
    end = time.monotonic() + PATIENCE
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"in vain waited for {what}"
        time.sleep(0.5)


def script(verb, **environment):
    return command(str(ROOT / "scripts" / "cluster"), verb, env=dict(os.environ, OVERLAY=str(OVERLAY), **environment))


def sql(statement):
    return kubectl("exec", "deployment/postgres-deployment", "--", "psql", "-X", "-v", "ON_ERROR_STOP=1", "-U", "boss",
                   "-d", "db0", "-Atc", statement).stdout.strip()


def database_pods():
    """All there are, those that are ending among them: their containers may be gone, or still run."""
    return get("pods", "-l", "app=postgres")["items"]


def database_pod():
    """The only one, once it is ready."""
    pods = database_pods()
    conditions = pods[0]["status"].get("conditions", []) if len(pods) == 1 else []
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return pods[0] if ready and "deletionTimestamp" not in pods[0]["metadata"] else None


def in_application(*words, check=True):
    return kubectl("exec", "deployment/app-deployment", "--", *words, check=check)


def run_pod(name, shell, role, user=999, labels=None, volume="/var/tmp", environment=None):
    """Runs shell words in a pod that ends; gives what it said. The node's `volume` is its /node."""
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "restartPolicy": "Never", "nodeSelector": {"role": role}, "securityContext": {"runAsUser": user},
            "containers": [{"name": name, "image": IMAGE, "imagePullPolicy": "Never", "command": ["bash", "-c", shell],
                            "env": [{"name": n, "value": v} for n, v in (environment or {}).items()],
                            "volumeMounts": [{"name": "node", "mountPath": "/node"}]}],
            "volumes": [{"name": "node", "hostPath": {"path": volume}}]}}
    in_default = ("kubectl", "--namespace", "default")
    command(*in_default, "delete", "pod", name, "--ignore-not-found")
    command(*in_default, "apply", "-f", "-", input=json.dumps(pod))

    def phase():
        found = command(*in_default, "get", "pod", name, "-o", "jsonpath={.status.phase}").stdout
        return found in ("Succeeded", "Failed") and found

    try:
        ended = eventually(phase, f"pod {name} to end")
        return ended, command(*in_default, "logs", name).stdout
    finally:
        command(*in_default, "delete", "pod", name, "--wait")


def clean_nodes():
    for role in ("database", "app"):
        ended, said = run_pod(f"cbr-test-clean-{role}", f"rm -rf /node/{pathlib.Path(DIRECTORIES).name}", role, user=0)
        assert ended == "Succeeded", said


@pytest.fixture(scope="session", autouse=True)
def deployed():
    """The test overlay on an empty place, with the stand-in for the Bank."""
    for name in ("KUBECONFIG", "BANK_HOST"):
        assert os.environ.get(name), f"{name} is not set; see test/cluster/README.md"
    with Bank(host=os.environ["BANK_HOST"]) as bank:
        script("image")
        if kubectl("get", "namespace", NAMESPACE, check=False).returncode == 0:
            script("down")
        clean_nodes()
        try:
            script("up", LOAD_IMAGE="")
            sql(f"ALTER DATABASE db0 SET cbr.base_url = '{bank.url}'")
            yield
        finally:
            script("down")
            clean_nodes()


@pytest.fixture(autouse=True)
def settled(deployed):
    """No test begins amid what the one before it has set going."""
    eventually(database_pod, "the one database pod to be ready")


@pytest.fixture(scope="session")
def log_of_procedure(deployed):
    return script("test").stdout


# ------------------------------------------------------------------------------------------------- manifests

def validate(directory):
    tool = os.environ.get("KUBE_TOOL")
    words = [tool, "validate"] if tool else ["kubectl", "apply", "--dry-run=server", "--validate=strict"]
    return command(*words, "-k", str(directory), check=False)


@pytest.mark.parametrize("directory", ["base", "overlays/k3d", "overlays/test"])
def test_manifests_are_valid(directory):
    run = validate(ROOT / "k8s" / directory)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("file, right, wrong", [("postgres.yaml", "readinessProbe:", "readynessProbe:"),
                                                ("postgres.yaml", "targetPort:", "targetport:"),
                                                ("app.yaml", "nodeSelector:", "nodeselector:"),
                                                ("network-policy.yaml", "policyTypes:", "policyType:")])
def test_misspelled_field_is_not(tmp_path, file, right, wrong):
    shutil.copytree(ROOT / "k8s", tmp_path / "k8s")
    manifest = tmp_path / "k8s" / "base" / file
    text = manifest.read_text()
    assert right in text
    manifest.write_text(text.replace(right, wrong, 1))
    run = validate(tmp_path / "k8s" / "overlays" / "test")
    assert run.returncode != 0
    assert f'unknown field "{wrong[:-1]}"' in run.stdout


# ------------------------------------------------------------------------------------------------- the old procedure

@pytest.mark.parametrize("app, role", [("postgres", "database"), ("cbr-app", "app")])
def test_pod_is_on_the_node_of_its_role(app, role):
    pods = get("pods", "-l", f"app={app}")["items"]
    assert len(pods) == 1
    node = get("node", pods[0]["spec"]["nodeName"])
    assert node["metadata"]["labels"]["role"] == role


def test_procedure(log_of_procedure):
    assert "EUR       |       1 | 26.8343 | 2002-03-02 | 2002-03-02" in log_of_procedure
    assert "GBP       |       1 | 43.8254 | 2002-03-02 | 2002-03-02" in log_of_procedure
    assert "USD       |       1 | 30.9436 | 2002-03-02 | 2002-03-02" in log_of_procedure
    assert "all is well" in log_of_procedure


def test_date_is_the_old_script_s_unless_given(log_of_procedure):
    said = in_application("cbr-fetch").stdout
    assert "requested date 2002-03-02" in said
    assert "currency with ID: R01235, Nominal: 1, Value: 30.9436, Name: Доллар США, Date: 2002-03-02 00:00:00" in said


def test_dates_are_fetched_one_by_one(log_of_procedure):
    """A date that is none fails the call, and not the other dates."""
    run = in_application("cbr-fetch", "03.03.2002", "31.02.2002", "2002-03-04", "05.03.2002", check=False)
    assert run.returncode == 1
    assert 'ERROR:  date/time field value out of range: "2002-02-31"' in run.stdout
    assert "ERROR:  not a date of the form dd.mm.yyyy: 2002-03-04" in run.stdout
    assert sql("SELECT date::date, count(*) FROM t_currency WHERE date > '2002-03-02' GROUP BY 1 ORDER BY 1") == (
        "2002-03-03|3\n2002-03-05|3")


def test_log_is_on_the_node(log_of_procedure):
    ended, log = run_pod("cbr-test-log", "cat /node/cbr-cluster-test/app/logs.txt", "app")
    assert ended == "Succeeded"
    before = log.count(START)
    in_application("cbr-fetch", "02.03.2002", "03.03.2002")
    _, log = run_pod("cbr-test-log", "cat /node/cbr-cluster-test/app/logs.txt", "app")
    assert log.count(START) == log.count(END) == before + 1
    run = log.split(START)[-1]
    assert run.startswith("\nconnection: boss@postgres-service:5432/db0\nrequested date 2002-03-02\n"
                          "response status: 200\n")
    assert "\nrequested date 2002-03-03\n" in run
    assert run.endswith(f"\n{END}\n")


def test_password_is_the_secret_s_alone(log_of_procedure):
    password = base64.b64decode(get("secret", "postgres-secret")["data"]["password"]).decode()
    assert len(password) >= 24
    seen = [in_application("cat", "/app/logs.txt").stdout, kubectl("logs", "deployment/postgres-deployment").stdout,
            kubectl("get", "pods,deployments", "-o", "yaml").stdout, log_of_procedure]
    assert all(seen)
    assert not [text for text in seen if password in text]
    refused = in_application("env", "POSTGRES_PASSWORD=123", "cbr-fetch", check=False)
    assert refused.returncode == 1
    assert 'password authentication failed for user "boss"' in refused.stdout


# ------------------------------------------------------------------------------------------------- what survives

def rows():
    return sql("SELECT count(*), md5(string_agg(t::text, '' ORDER BY id)) FROM t_currency t")


def test_deleting_the_database_pod_loses_nothing(log_of_procedure):
    stored, old = rows(), database_pod()["metadata"]["name"]
    assert int(stored.split("|")[0]) >= 3
    kubectl("delete", "pod", old, "--wait=false")

    def replaced():
        pod = database_pod()
        return pod and pod["metadata"]["name"] != old and pod

    new = eventually(replaced, "another database pod")
    assert rows() == stored
    log = kubectl("logs", new["metadata"]["name"]).stdout
    assert "database system was shut down at" in log  # it was let finish
    assert "database system was not properly shut down" not in log


def test_crash_of_the_server_loses_nothing(log_of_procedure):
    """SIGQUIT is a crash on demand. The container starts anew in its pod, and the server recovers."""
    stored, pod = rows(), database_pod()
    name = pod["metadata"]["name"]
    restarts = pod["status"]["containerStatuses"][0]["restartCount"]
    kubectl("exec", name, "--", "bash", "-c", "kill -QUIT 1", check=False)

    def restarted():
        now = database_pod()
        return now and now["status"]["containerStatuses"][0]["restartCount"] == restarts + 1

    eventually(restarted, "the container's restart")
    assert rows() == stored
    assert "database system was not properly shut down; automatic recovery in progress" in kubectl("logs", name).stdout
    assert in_application("cbr-fetch").returncode == 0


def test_there_are_never_two_servers(log_of_procedure):
    """A rollout ends the old pod before the new one begins."""
    old = database_pod()["metadata"]["name"]
    kubectl("rollout", "restart", "deployment/postgres-deployment")

    def replaced():
        running = [p["metadata"]["name"] for p in database_pods() if p["status"]["phase"] == "Running"]
        assert len(running) <= 1, running
        pod = database_pod()
        return pod and pod["metadata"]["name"] != old

    eventually(replaced, "the rollout")


# ------------------------------------------------------------------------------------------------- what is refused

def test_server_has_no_more_rights_than_it_needs():
    for deployment in ("postgres-deployment", "app-deployment"):
        shell = "id -u; grep CapEff /proc/self/status | cut -f2; touch /usr/mine; ls /var/run/secrets"
        inside = kubectl("exec", f"deployment/{deployment}", "--", "bash", "-c", shell, check=False)
        assert inside.stdout.splitlines()[:2] == ["999", "0" * 16]
        assert "Read-only file system" in inside.stdout
        assert "cannot access '/var/run/secrets'" in inside.stdout


def test_without_its_node_the_database_waits():
    deployment = json.loads(kubectl("get", "deployment", "postgres-deployment", "-o", "json").stdout)
    spec = deployment["spec"]["template"]["spec"]
    spec["nodeSelector"] = {"role": "nowhere"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "postgres-nowhere"}, "spec": spec}
    kubectl("apply", "-f", "-", input=json.dumps(pod))
    try:
        def unschedulable():
            conditions = get("pod", "postgres-nowhere")["status"].get("conditions", [])
            return [c["message"] for c in conditions if c.get("reason") == "Unschedulable"]

        message = eventually(unschedulable, "the scheduler's verdict")[0]
        assert "node" in message
        found = get("pod", "postgres-nowhere")
        assert found["status"]["phase"] == "Pending"
        assert "nodeName" not in found["spec"]
    finally:
        kubectl("delete", "pod", "postgres-nowhere", "--wait")


def test_stranger_gets_nothing():
    """A pod without the label that the policy asks for. Where the network plugin enforces policies it cannot connect;
    where it does not, the password is what stops it."""
    address = get("service", "postgres-service")["spec"]["clusterIP"]
    _, said = run_pod("cbr-test-stranger", f"psql -X -h {address} -U boss -d db0 -Atc 'SELECT 1'; echo status $?", "app",
                      environment={"PGPASSWORD": "123", "PGCONNECT_TIMEOUT": "10"})
    assert "status 2" in said
    if "password authentication failed" in said:
        pytest.skip("this cluster's network plugin enforces no NetworkPolicy: a stranger reached the server, "
                    "and its password was refused")
    assert "timeout expired" in said or "Connection refused" in said


# ------------------------------------------------------------------------------------------------- pg_cron

def test_pg_cron_keeps_fetching(log_of_procedure):
    assert sql("SELECT schedule FROM cron.job WHERE jobname = 'cbr-fetch'") == "*/20 13-16 * * *"
    sql("SELECT cbr_schedule('* * * * *', 'every-minute')")
    succeeded = ("SELECT count(*) FROM cron.job_run_details d JOIN cron.job USING (jobid)"
                 " WHERE jobname = 'every-minute' AND d.status = 'succeeded'")
    eventually(lambda: sql(succeeded) != "0", "a run of the job")
    assert sql("SELECT cbr_unschedule('every-minute')") == "t"
