"""A long history that was made up, for benchmarks: no rate in it was ever published, and its documents say so.

Every currency of the catalogue that has ISO codes of its own has a record for each Tuesday to Saturday from FIRST to
LAST. The same seed makes the same history on every machine: values are whole numbers of 1/10000 on a random walk.
"""
import bisect
import datetime
import random

from documents import Daily, Row
from facts import read_catalogue

FIRST = datetime.date(1992, 7, 1)
LAST = datetime.date(2026, 4, 25)
LOWEST, HIGHEST = 1_0000, 5000_0000  # of Value, in 1/10000
STEP = 100  # the walk's longest step: one part in this many


class Synthetic:
    """A source like Facts, by a seed."""

    note = "Synthetic "

    def __init__(self, seed):
        self.seed = seed
        self.dates = publication_days(FIRST, LAST)
        self.entries = {entry.id: entry for entry in with_codes()}
        self._values = {}

    def currencies(self):
        """The IDs of which there are records."""
        return list(self.entries)

    def in_force(self, day=None):
        """The daily document of a day (the newest one without a day); None before the first."""
        place = bisect.bisect_right(self.dates, day) if day else len(self.dates)
        if place == 0:
            return None
        return Daily(self.dates[place - 1], [self._row(cbr_id, place - 1) for cbr_id in self.entries])

    def between(self, cbr_id, first, last):
        """The currency's records of the days, both included."""
        if cbr_id not in self.entries:
            return []
        places = range(bisect.bisect_left(self.dates, first), bisect.bisect_right(self.dates, last))
        return [self._row(cbr_id, place) for place in places]

    def _row(self, cbr_id, place):
        entry = self.entries[cbr_id]
        value = self._walk(cbr_id)[place]
        text = f"{value // 10000}.{value % 10000:04}"
        code, date = entry.num_code.zfill(3), self.dates[place]
        return Row(cbr_id, code, entry.char_code, entry.nominal, text, entry.name, date=date)

    def _walk(self, cbr_id):
        if cbr_id not in self._values:
            self._values[cbr_id] = walk(random.Random(f"{self.seed}/{cbr_id}"), len(self.dates))
        return self._values[cbr_id]


def walk(chance, length):
    """Values of a random walk within bounds; random() alone is drawn, which is the same in every Python."""
    values = [10_0000 + int(chance.random() * 90_0000)]
    while len(values) < length:
        width = values[-1] // STEP
        step = int((2 * chance.random() - 1) * width)
        values.append(min(max(values[-1] + step, LOWEST), HIGHEST))
    return values


def publication_days(first, last):
    """The days from Tuesday to Saturday."""
    days = (first + datetime.timedelta(days=offset) for offset in range((last - first).days + 1))
    return [day for day in days if 1 <= day.weekday() <= 5]


def with_codes():
    """The entries of the catalogue with both ISO codes, one for each code."""
    found = {}
    for entry, _monthly in read_catalogue():
        if entry.num_code and entry.char_code:
            found.setdefault(entry.char_code, entry)
    return found.values()
