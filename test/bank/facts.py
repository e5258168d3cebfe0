"""The facts beside the publications: series of single currencies, the catalogue, prices of metals, key rates."""
import bisect
import dataclasses
import datetime
import pathlib

from documents import RATES, Archive, Entry, KeyRate, Price, read_facts, row_of

FOLDER = pathlib.Path(__file__).parent
SERIES = FOLDER / "series.csv"
CATALOGUE = FOLDER / "catalogue.csv"
METALS = FOLDER / "metals.csv"
KEY_RATES = FOLDER / "key_rates.csv"


class Facts:
    """What the stand-in knows, from files. Of records in several files the archive's wins, then the last file's."""

    note = ""  # stands before the title of a document

    def __init__(self, archive=None, series=()):
        self.archive = archive or Archive(RATES)
        self.records = {}
        for path in (SERIES, *series):
            for fact in read_facts(path):
                self._enter(row_of(fact))
        for rows in self.archive.publications.values():
            for row in rows:
                self._enter(row)
        self._dates = {cbr_id: sorted(records) for cbr_id, records in self.records.items()}

    def _enter(self, row):
        self.records.setdefault(row.id, {})[row.date] = row

    def currencies(self):
        """The IDs of which there are records."""
        return sorted(self.records)

    def in_force(self, day=None):
        """The daily document of a day (the newest one without a day); None before the first."""
        return self.archive.in_force(day)

    def between(self, cbr_id, first, last):
        """The currency's records of the days, both included."""
        dates = self._dates.get(cbr_id, [])
        found = dates[bisect.bisect_left(dates, first) : bisect.bisect_right(dates, last)]
        return [dataclasses.replace(self.records[cbr_id][date]) for date in found]


def read_catalogue(path=CATALOGUE):
    """Pairs of an Entry and whether its currency was set monthly."""
    fields = ("cbr_id", "parent_id", "num_code", "char_code", "nominal", "eng_name", "name")
    return [(Entry(*(fact[name] for name in fields)), fact["monthly"] == "1") for fact in read_facts(path)]


def read_metals(first, last, path=METALS):
    """The prices of a range of days."""
    prices = [Price(day_of(fact), fact["code"], fact["buy"], fact["sell"]) for fact in read_facts(path)]
    return [price for price in prices if first <= price.date <= last]


def read_key_rates(first, last, path=KEY_RATES):
    """The key rates of a range of days."""
    rates = [KeyRate(day_of(fact), fact["rate"]) for fact in read_facts(path)]
    return [rate for rate in rates if first <= rate.date <= last]


def day_of(fact):
    """The date of a line."""
    return datetime.date.fromisoformat(fact["date"])
