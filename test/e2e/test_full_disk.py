"""A disk that fills up under a backfill: a small tmpfs in a namespace of its own, for which no privilege is needed.

The tests are in full_disk.py, which runs inside.
"""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

INSIDE = ["--map-root-user", "--mount", "sh", "-c",
          'mount -t tmpfs -o size=80m tmpfs "$0" && chmod 700 "$0" && exec unshare --map-user="$1" --map-group="$2" "$3" '
          '-m pytest -q -p no:cacheprovider "$4"']


def test_full_disk_in_a_namespace_of_its_own(tmp_path):
    unshare = shutil.which("unshare")
    if not unshare or subprocess.run([unshare, "--map-root-user", "--mount", "true"], capture_output=True).returncode != 0:
        pytest.skip("this system lets its users make no namespaces")
    tests = pathlib.Path(__file__).with_name("full_disk.py")
    environment = dict(os.environ, CBR_SMALL_DISK=str(tmp_path))
    done = subprocess.run([unshare, *INSIDE, str(tmp_path), str(os.getuid()), str(os.getgid()), sys.executable, str(tests)],
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
