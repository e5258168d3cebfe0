"""The facts of rates.csv and the documents made of them.

An Archive answers which publication is in force on a day; a Document writes it down as the Bank does,
in one of the forms that were seen over the years (FORMS).
"""
import bisect
import csv
import dataclasses
import datetime
import pathlib
from decimal import Decimal

RATES = pathlib.Path(__file__).with_name("rates.csv")
ARCHIVE_BEGIN = datetime.date(1992, 7, 1)
ERROR_IN_PARAMETERS = b'<?xml version="1.0" encoding="utf-8" ?><ValCurs>Error in parameters</ValCurs>'
USD = "R01235"


class Markup(str):
    """Text that is XML already, and is written as it is."""


@dataclasses.dataclass
class Row:
    """One currency of a publication, all fields as text; a field that is None is left out of the document."""

    id: str
    num_code: str
    char_code: str
    nominal: str
    value: str
    name: str
    unit: str = ""

    def __post_init__(self):
        self.unit = self.unit or unit_rate(self.value, self.nominal)

    def revalue(self, value, nominal=None):
        """Change the rate the way the Bank would: VunitRate follows."""
        self.value, self.nominal = value, nominal or self.nominal
        self.unit = unit_rate(self.value, self.nominal)


def unit_rate(value, nominal):
    """VunitRate: trailing zeros cut, and scientific with two digits of exponent below 0.0001."""
    rate = (Decimal(value) / Decimal(nominal)).normalize()
    exponent = rate.adjusted()
    if not rate:
        return "0"
    if exponent >= -4:
        return format(rate, "f")
    return f"{format(rate.scaleb(-exponent), 'f')}E{exponent:+03d}"


class Archive:
    """All publications written down, by date."""

    def __init__(self, path=RATES):
        self.publications = {}
        with open(path, encoding="utf-8", newline="") as lines:
            for fact in csv.DictReader(line for line in lines if not line.startswith("#")):
                date = datetime.date.fromisoformat(fact["effective_date"])
                self.publications.setdefault(date, []).append(row_of(fact))
        self.dates = sorted(self.publications)

    def in_force(self, day=None):
        """The document of the last publication dated on or before the day (the newest one without a day)."""
        place = bisect.bisect_right(self.dates, day) if day else len(self.dates)
        if place == 0:
            return None
        date = self.dates[place - 1]
        return Document(date, [dataclasses.replace(row) for row in self.publications[date]])


def row_of(fact):
    """The Row of one line of rates.csv."""
    return Row(fact["cbr_id"], fact["num_code"], fact["char_code"], fact["nominal"], fact["value"], fact["name"])


class Document:
    """A daily document: what is in it, and the form it is written in. Forms and faults change its attributes."""

    def __init__(self, date, rows):
        self.date = date  # a date; or text, written as it is; or None, no Date at all
        self.rows = rows
        self.root = "ValCurs"
        self.doctype = ""
        self.classic = False
        self.slashes = False
        self.thousands = ""
        self.encoding = self.declared = "windows-1251"
        self.bom = b""

    def usd(self):
        """The row of the US dollar, which most faults touch."""
        return next(row for row in self.rows if row.id == USD)

    def render(self):
        """The bytes of the document; characters outside the encoding become references."""
        return self.bom + self._text().encode(self.encoding, "xmlcharrefreplace")

    def _text(self):
        end = "\r\n" if self.classic else ""
        blank = " " if self.classic else ""
        date = "" if self.date is None else f' Date="{self._date()}"'
        lines = [f'<?xml version="1.0" encoding="{self.declared}"{blank}?>']
        lines += [self.doctype] if self.doctype else []
        lines += [f'<{self.root}{date} name="Foreign Currency Market">']
        lines += [end.join(self._row(row)) for row in self.rows]
        lines += [f"</{self.root}>"]
        return end.join(lines) + end

    def _date(self):
        if isinstance(self.date, str):
            return self.date
        return self.date.strftime("%d/%m/%Y" if self.slashes else "%d.%m.%Y")

    def _row(self, row):
        indent = "\t" if self.classic else ""
        fields = [
            ("NumCode", row.num_code),
            ("CharCode", row.char_code),
            ("Nominal", row.nominal),
            ("Name", row.name),
            ("Value", self._value(row.value)),
            ("VunitRate", None if self.classic else row.unit.replace(".", ",")),
        ]
        yield "<Valute>" if row.id is None else f'<Valute ID="{row.id}">'
        for tag, text in fields:
            if text is not None:
                yield f"{indent}<{tag}>{escaped(text)}</{tag}>"
        yield "</Valute>"

    def _value(self, value):
        if value is None:
            return None
        whole, point, rest = value.partition(".")
        if self.thousands and whole.isdigit():
            whole = f"{int(whole):,}".replace(",", self.thousands)
        return whole + ("," if point else "") + rest


def escaped(text):
    """Text as XML character data."""
    if isinstance(text, Markup):
        return text
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def form_classic(document):
    """Layout before 2019: lines with CRLF and tabs, a blank before ?>, a final newline, no VunitRate."""
    document.classic = True


def form_slashes(document):
    """Date with slashes, as in documents of 2011 and 2013."""
    document.slashes = True


def form_utf8(document):
    """UTF-8, and declared so."""
    document.encoding = document.declared = "utf-8"


def form_bom(document):
    """UTF-8, declared so, with a byte order mark."""
    form_utf8(document)
    document.bom = b"\xef\xbb\xbf"


def form_windows_1252(document):
    """Declared windows-1252 with ASCII names (the code for the name), like English documents."""
    document.encoding = document.declared = "windows-1252"
    for row in document.rows:
        row.name = row.char_code


def form_thousands_nbsp(document):
    """Values from 1000 on with U+00A0 between thousands."""
    document.thousands = "\u00a0"


def form_thousands_space(document):
    """Values from 1000 on with a blank between thousands."""
    document.thousands = " "


FORMS = {
    "classic": form_classic,
    "slashes": form_slashes,
    "utf8": form_utf8,
    "bom": form_bom,
    "windows-1252": form_windows_1252,
    "thousands-nbsp": form_thousands_nbsp,
    "thousands-space": form_thousands_space,
}
