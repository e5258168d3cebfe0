#!/usr/bin/env python3
"""Writes the fuzz targets' seeds: make_seeds.py DIR makes DIR/daily, DIR/dynamic, DIR/decimal and so on anew.

The documents are those of the stand-in for the Bank, in each form and with each fault that changes the bytes.
"""
import datetime
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "bank"))

from documents import ERROR_IN_PARAMETERS, FORMS, USD, Archive, Catalogue, KeyRates, Metals, Series  # noqa: E402
from facts import Facts, read_catalogue, read_key_rates, read_metals  # noqa: E402
from faults import BLOCK_PAGE, FAULTS, Answer  # noqa: E402
from service import SOAP_FAULT  # noqa: E402

DAY = datetime.date(2002, 3, 2)
# The ranges that the targets ask for.
MARCH = (datetime.date(2026, 3, 1), datetime.date(2026, 3, 17))
METALS = (datetime.date(2026, 3, 1), datetime.date(2026, 3, 5))
APRIL = (datetime.date(2024, 4, 1), datetime.date(2024, 4, 30))
ROWS = ("R01035", USD)  # a short document is mutated faster, and the dollar is what faults touch
DECIMALS = [
    "30,9436", "30.9436", "2 153,0000", "2\u00a0153,0000", "1 234 567", "5,88139E-05", "1E+05", "-1,5", " 12,0 ",
    "0,0000", "1234 567", "1,2,3", "2147483647", "2147483648", "9" * 40, "1," + "3" * 39, "+1", "", "1E100", "1 00",
]
DATES = [
    "02.03.2002", "26/09/2013", " 29.02.2000\n", "29.02.1900", "31.02.2002", "02.03/2002", "01.01.0000", "31.12.9999",
    "01.07.1992",
]
LISTS = [
    "USD, EUR, GBP", "*", "usd,r01235", "R01090B", "USD,,EUR", ",", "", "XDR", "*,XDR", " \t", "R1234567890123456",
    "d\u043e\u043b",
]


# What a rule of the daily document turns on: a text in PUBLICATION, and what to put in its place.
PUBLICATION = (
    '<ValCurs Date="02.03.2002"><Valute ID="R01235"><NumCode>840</NumCode><CharCode>USD</CharCode>'
    "<Nominal>1</Nominal><Name>x</Name><Value>30,9436</Value></Valute></ValCurs>"
)
EDGES = [
    *(("30,9436", number) for number in DECIMALS),
    *(("30,9436", number) for number in ("1 2345", "1" * 41, "30,<!-- -->94<b>7</b>36", "<![CDATA[1]]>,5", "&#49;")),
    *((">1<", f">{number}<") for number in ("1 000", "0000000001", "00000000001", "2147483647", "2147483648")),
    *(("02.03.2002", date) for date in DATES),
    *(("<Name>x", "<Name>" + name) for name in ("x" * 4095, "x" * 4096, "<Name>x</Name>", "&lt;&amp;")),
    *((">840<", f">{code}<") for code in ("", "8", "36", "0840", " 840 ", "x")),
    ('ID="', 'p:ID="'),
    ('ID="', 'xmlns:p="u" p:ID="'),
    ("<Value>", '<p:Value xmlns:p="u">2</p:Value><Value>'),
    ("<Valute ", "<Other><Valute ID='R1'/></Other><Valute "),
    ("R01235", "R0123456789012345"),
    ("R01235", "RUB"),
]


class NoBank:
    """What faults ask of the running stand-in."""

    url = "http://127.0.0.1:9"

    def __init__(self, archive):
        self.archive = archive

    def first_time(self, *_key):
        """Nothing was seen before."""
        return True


def makers(archive):
    """For each kind of document a function that makes a short one anew: what is changed is not seen by the next."""

    def daily():
        document = archive.in_force(DAY)
        document.rows = [row for row in document.rows if row.id in ROWS]
        return document

    def dynamic():
        return Series(USD, *MARCH, Facts(archive).between(USD, *MARCH)[:3])

    def catalogue():
        entries = [entry for entry, _ in read_catalogue()]
        return Catalogue([entry for entry in entries if entry.id in ("R01510A", *ROWS)])

    def metals():
        return Metals(*METALS, read_metals(*METALS)[:6])

    def key_rate():
        return KeyRates(*APRIL, read_key_rates(*APRIL))

    return {make.__name__: make for make in (daily, dynamic, catalogue, metals, key_rate)}


def faulty(archive, make, entry):
    """The bytes that a fault sends; None where it has a number or only disturbs the transfer."""
    if entry.pattern.groups or entry.spec == "gzip":
        return None
    answer = Answer(NoBank(archive), DAY, make())
    entry.function(answer, None, "1")
    answer.finish()
    return answer.body


def documents(archive, make):
    """A document of a kind, in each form and with each fault, and what may come instead of it."""
    yield make().render()
    yield ERROR_IN_PARAMETERS
    yield BLOCK_PAGE
    for form in FORMS.values():
        document = make()
        form(document)
        yield document.render()
    for entry in FAULTS:
        body = faulty(archive, make, entry)
        if body:
            yield body


def publications(archive):
    """Daily documents, the whole one of DAY among them."""
    yield archive.in_force(DAY).render()
    before, tag, after = archive.in_force(DAY).render().rpartition(b"</Name>")
    yield before + b"\x98" + tag + after  # no character of windows-1251, in the last currency
    for text, other in EDGES:
        yield PUBLICATION.replace(text, other).encode("utf-8")


def write(folder, seeds):
    """A numbered file for each different seed."""
    folder.mkdir(parents=True)
    for number, seed in enumerate(dict.fromkeys(seeds)):
        (folder / f"{number:03d}").write_bytes(seed)


def main(arguments):
    """Write all seeds below the directory named."""
    if len(arguments) != 1:
        sys.exit("usage: make_seeds.py DIR")
    folder = pathlib.Path(arguments[0])
    archive = Archive()
    seeds = {kind: list(documents(archive, make)) for kind, make in makers(archive).items()}
    seeds["daily"] += publications(archive)
    seeds["key_rate"].append((SOAP_FAULT % "Out of order: no KeyRateXMLResult").encode("utf-8"))
    for room, lines in {"decimal": DECIMALS, "date": DATES, "currency": LISTS}.items():
        seeds[room] = [line.encode("utf-8") for line in lines]
    for room, texts in seeds.items():
        shutil.rmtree(folder / room, ignore_errors=True)
        write(folder / room, texts)


if __name__ == "__main__":
    main(sys.argv[1:])
