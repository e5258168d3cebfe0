"""What test_full_disk.py runs where CBR_SMALL_DISK is a small file system: a cluster on it, and a ballast that fills it."""
import os
import pathlib
import shutil

import psycopg2
import pytest

from bank import Bank
from cluster import SETTINGS, TEMPLATE, Cluster, eventually
from session import Session

BACKFILL = "CALL cbr_backfill('1992-07-01', '2026-04-25', '{USD, EUR, GBP, CNY, JPY, CHF, SEK, NOK}')"
TABLE = "SELECT cbr_id, date, value, nominal, effective_date FROM t_currency ORDER BY cbr_id, date"
ROOM = 12 << 20  # for a part of the rates


class SmallCluster(Cluster):
    """Its data, and its WAL if that is wanted, are on the small disk; the sockets are not."""

    def __init__(self):
        super().__init__()
        self.disk = pathlib.Path(os.environ["CBR_SMALL_DISK"])
        self.ballast = self.disk / "ballast"

    def init(self, everything=True):
        small = self.disk / "data"
        self.data.symlink_to(small)
        small.mkdir(mode=0o700)
        self.program("initdb", "-D", self.data, "-A", "trust", "--no-locale", "-E", "UTF8", "-U", "postgres", "--no-sync",
                     "--wal-segsize=1", *([] if everything else ["-X", self.root / "wal"]))
        self.configure(SETTINGS + "min_wal_size = 2MB\nmax_wal_size = 8MB\nautovacuum = off\nwal_recycle = off\n")
        self.data = small.resolve()

    def fill(self):
        """Leaves no more than the room."""
        with open(self.ballast, "wb") as file:
            while True:
                space = os.statvfs(self.disk)
                if space.f_bavail * space.f_frsize <= ROOM:
                    return
                file.write(bytes(256 << 10))
                file.flush()


@pytest.fixture
def synthetic():
    with Bank(synthetic=True) as running:
        yield running


@pytest.fixture(params=[True, False], ids=["with the WAL on it", "with the WAL elsewhere"])
def small(request):
    server = SmallCluster()
    try:
        server.init(request.param)
        server.start()
        server.make_template()
        yield server
    finally:
        server.ballast.unlink(missing_ok=True)
        server.expected_noise += ["No space left on device", "was terminated by signal 6"]
        server.remove()
        shutil.rmtree(server.disk / "data", ignore_errors=True)


def test_backfill_on_a_disk_that_fills_up_keeps_whole_currencies_and_goes_on(small, cluster, database, synthetic):
    undisturbed = Session(cluster, synthetic.url, database=database).use()
    undisturbed.rows(BACKFILL)
    expected = undisturbed.rows(TABLE)
    undisturbed.close()

    small.fill()
    session = Session(small, synthetic.url, database=TEMPLATE).use()
    with pytest.raises(psycopg2.Error) as caught:
        session.rows(BACKFILL)
    # Where the WAL has no room, or a checkpoint what it writes beside, the whole server ends.
    assert caught.value.pgcode in ("53100", "57P02", None)
    assert "No space left on device" in small.log_text()
    session.close()
    small.ballast.unlink()
    if not small.running():
        small.start()

    def reconnect():
        try:
            return Session(small, synthetic.url, database=TEMPLATE).use()
        except psycopg2.OperationalError:
            return None

    again = eventually(reconnect, "the end of recovery")
    kept = again.rows("SELECT cbr_id, count(*) FROM t_currency GROUP BY 1")
    whole = {}
    for row in expected:
        whole[row[0]] = whole.get(row[0], 0) + 1
    assert 0 < len(kept) < 8
    assert all(whole[cbr_id] == count for cbr_id, count in kept)
    assert again.value("SELECT count(*) FROM cbr_fetch_log") == len(kept)
    again.rows(BACKFILL)
    assert again.rows(TABLE) == expected
    again.close()
