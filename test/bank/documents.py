"""The publications of rates.csv, and the documents that the Bank writes facts down in.

An Archive answers which publication is in force on a day; a Document of each kind writes its rows down as the Bank
does, in one of the forms that were seen over the years (FORMS).
"""
import bisect
import csv
import dataclasses
import datetime
import pathlib
from decimal import Decimal
from typing import Optional

RATES = pathlib.Path(__file__).with_name("rates.csv")
ARCHIVE_BEGIN = datetime.date(1992, 7, 1)
ERROR_IN_PARAMETERS = b'<?xml version="1.0" encoding="utf-8" ?><ValCurs>Error in parameters</ValCurs>'
USD = "R01235"


class Markup(str):
    """Text that is XML already, and is written as it is."""


@dataclasses.dataclass
class Row:
    """One currency of a publication, or one record of a series (then with its date), all other fields as text.

    A field that is None is left out of the document.
    """

    id: str
    num_code: str
    char_code: str
    nominal: str
    value: str
    name: str
    unit: str = ""
    date: Optional[datetime.date] = None

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
        for fact in read_facts(path):
            row = row_of(fact)
            self.publications.setdefault(row.date, []).append(row)
        self.dates = sorted(self.publications)

    def in_force(self, day=None):
        """The document of the last publication dated on or before the day (the newest one without a day)."""
        place = bisect.bisect_right(self.dates, day) if day else len(self.dates)
        if place == 0:
            return None
        date = self.dates[place - 1]
        return Daily(date, [dataclasses.replace(row) for row in self.publications[date]])


def read_facts(path):
    """The lines of a file of facts, as dictionaries."""
    with open(path, encoding="utf-8", newline="") as lines:
        yield from csv.DictReader(line for line in lines if not line.startswith("#"))


def row_of(fact):
    """The Row of one line of rates.csv, or of a series, which has no names."""
    fields = [fact[name] for name in ("cbr_id", "num_code", "char_code", "nominal", "value")]
    return Row(*fields, fact.get("name", ""), date=datetime.date.fromisoformat(fact["effective_date"]))


class Document:
    """What all documents have in common. Forms and faults change the attributes."""

    root = "ValCurs"
    title = ""
    row_tag = "Record"
    before = after = ()  # lines around the rows
    content_type = "application/xml"
    named = False  # whether names are written
    text_field = number_field = "value"  # of the row that faults touch: where text, or a bad number, is put

    def __init__(self, rows):
        self.rows = rows
        self.doctype = ""
        self.classic = False
        self.slashes = False
        self.units = True
        self.thousands = ""
        self.encoding = self.declared = "windows-1251"
        self.bom = b""

    def attributes(self):
        """Names and texts of the root's attributes."""
        return [("name", self.title)]

    def row_attributes(self, row):
        """The same of a row's element."""
        raise NotImplementedError

    def fields(self, row):
        """Names and texts of the elements within a row's."""
        raise NotImplementedError

    def subject(self):
        """The row that most faults touch: the last one; None when there is none."""
        return self.rows[-1] if self.rows else None

    def render(self):
        """The bytes of the document; characters outside the encoding become references."""
        return self.bom + self._text().encode(self.encoding, "xmlcharrefreplace")

    def _text(self):
        end = "\r\n" if self.classic else ""
        blank = " " if self.classic else ""
        lines = [f'<?xml version="1.0" encoding="{self.declared}"{blank}?>']
        lines += [self.doctype] if self.doctype else []
        lines += [opening(self.root, self.attributes()), *self.before]
        for row in self.rows:
            lines += self._element(row)
        lines += [*self.after, f"</{self.root}>"]
        return end.join(lines) + end

    def _element(self, row):
        indent = "\t" if self.classic else ""
        yield opening(self.row_tag, self.row_attributes(row))
        for tag, text in self.fields(row):
            if text is not None:
                yield f"{indent}<{tag}>{escaped(text)}</{tag}>"
        yield f"</{self.row_tag}>"

    def day(self, date):
        """A date as this form writes it; text as it is."""
        if not isinstance(date, datetime.date):
            return date
        mark = "/" if self.slashes else "."
        return f"{date.day:02}{mark}{date.month:02}{mark}{date.year:04}"

    def number(self, value):
        """A number as this form writes it."""
        if value is None or isinstance(value, Markup):
            return value
        whole, point, rest = value.partition(".")
        if self.thousands and whole.isdigit():
            whole = f"{int(whole):,}".replace(",", self.thousands)
        return whole + ("," if point else "") + rest

    def rate_fields(self, row):
        """Value and VunitRate of a Row."""
        unit = row.unit.replace(".", ",") if self.units and not self.classic else None
        return [("Value", self.number(row.value)), ("VunitRate", unit)]


class Daily(Document):
    """XML_daily: all currencies of one publication."""

    title = "Foreign Currency Market"
    row_tag = "Valute"
    named = True
    text_field = "name"

    def __init__(self, date, rows):
        super().__init__(rows)
        self.date = date  # a date; or text, written as it is; or None, no Date at all

    def attributes(self):
        return [("Date", self.day(self.date)), ("name", self.title)]

    def row_attributes(self, row):
        return [("ID", row.id)]

    def fields(self, row):
        first = [("NumCode", row.num_code), ("CharCode", row.char_code), ("Nominal", row.nominal), ("Name", row.name)]
        return first + self.rate_fields(row)

    def subject(self):
        return us_dollar(self.rows)


class Series(Document):
    """XML_dynamic: one currency's records in a range of days."""

    title = "Foreign Currency Market Dynamic"

    def __init__(self, cbr_id, first, last, rows):
        super().__init__(rows)
        self.id, self.first, self.last = cbr_id, first, last

    def attributes(self):
        echo = [("ID", self.id), ("DateRange1", self.day(self.first)), ("DateRange2", self.day(self.last))]
        return [*echo, ("name", self.title)]

    def row_attributes(self, row):
        return [("Date", self.day(row.date)), ("Id", row.id)]

    def fields(self, row):
        return [("Nominal", row.nominal), *self.rate_fields(row)]


@dataclasses.dataclass
class Entry:
    """One currency of the catalogue."""

    id: str
    parent: str
    num_code: str
    char_code: str
    nominal: str
    eng_name: str
    name: str


class Catalogue(Document):
    """XML_valFull: all currencies there are."""

    root = "Valuta"
    title = "Foreign Currency Market Lib"
    row_tag = "Item"
    named = True
    text_field = "name"
    number_field = "nominal"

    def row_attributes(self, row):
        return [("ID", row.id)]

    def fields(self, row):
        first = [("Name", row.name), ("EngName", row.eng_name), ("Nominal", row.nominal)]
        codes = [("ISO_Num_Code", row.num_code), ("ISO_Char_Code", row.char_code)]
        return [*first, ("ParentCode", row.parent.ljust(10)), *codes]

    def subject(self):
        return us_dollar(self.rows)


@dataclasses.dataclass
class Price:
    """One metal on one day."""

    date: datetime.date
    code: str
    buy: str
    sell: str


class Metals(Document):
    """xml_metall: the prices of precious metals in a range of days."""

    root = "Metall"
    title = "Precious metals quotations"
    text_field = number_field = "buy"

    def __init__(self, first, last, rows):
        super().__init__(rows)
        self.first, self.last = first, last

    def attributes(self):
        echo = [("FromDate", self.first), ("ToDate", self.last)]
        return [*((name, date.isoformat().replace("-", "")) for name, date in echo), ("name", self.title)]

    def row_attributes(self, row):
        return [("Date", self.day(row.date)), ("Code", row.code)]

    def fields(self, row):
        return [("Buy", self.number(row.buy)), ("Sell", self.number(row.sell))]


@dataclasses.dataclass
class KeyRate:
    """The key rate on one day."""

    date: datetime.date
    rate: str


class KeyRates(Document):
    """The answer of the SOAP method KeyRateXML: UTF-8, decimal points, the newest day first."""

    root = "soap:Envelope"
    row_tag = "KR"
    before = (
        "<soap:Body>",
        '<KeyRateXMLResponse xmlns="http://web.cbr.ru/">',
        "<KeyRateXMLResult>",
        '<KeyRate xmlns="">',
    )
    after = ("</KeyRate>", "</KeyRateXMLResult>", "</KeyRateXMLResponse>", "</soap:Body>")
    content_type = "text/xml"
    text_field = number_field = "rate"

    def __init__(self, first, last, rows):
        super().__init__(sorted(rows, key=lambda row: row.date, reverse=True))
        self.first, self.last = first, last
        self.encoding = self.declared = "utf-8"

    def attributes(self):
        return [
            ("xmlns:soap", "http://schemas.xmlsoap.org/soap/envelope/"),
            ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
            ("xmlns:xsd", "http://www.w3.org/2001/XMLSchema"),
        ]

    def row_attributes(self, row):
        return []

    def fields(self, row):
        return [("DT", f"{row.date.isoformat()}T00:00:00+03:00"), ("Rate", row.rate)]


def us_dollar(rows):
    """The row of the US dollar; None when it is not there."""
    return next((row for row in rows if row.id == USD), None)


def opening(tag, attributes):
    """A start tag; an attribute that is None is left out."""
    quoted = [f' {name}="{quote(text)}"' for name, text in attributes if text is not None]
    return f"<{tag}{''.join(quoted)}>"


def quote(text):
    """Text as it stands between double quotes."""
    return escaped(text).replace('"', "&quot;")


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


def form_no_unit(document):
    """One line without VunitRate, as from 2019 to 2023."""
    document.units = False


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
    for row in document.rows if document.named else []:
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
    "no-unit": form_no_unit,
    "utf8": form_utf8,
    "bom": form_bom,
    "windows-1252": form_windows_1252,
    "thousands-nbsp": form_thousands_nbsp,
    "thousands-space": form_thousands_space,
}
