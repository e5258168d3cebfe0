"""Tests of the stand-in itself: the Bank's rules, its forms (against real answers when CBR_CORPUS names them),
and that every fault of the table is what it says.
"""
import csv
import datetime
import gzip
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import zlib
from decimal import Decimal
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from bank import Bank  # noqa: E402
from documents import FORMS, RATES, Catalogue, Entry, Row, read_facts, unit_rate  # noqa: E402
from facts import SERIES, read_catalogue  # noqa: E402
from faults import BLOCK_PAGE, FAULTS, find_fault  # noqa: E402

SCRIPT = str(pathlib.Path(__file__).with_name("bank.py"))
DAY = "02/03/2002"
PATIENCE = 0.4
FACTS = ["effective_date", "cbr_id", "num_code", "char_code", "nominal", "value"]
MARCH = ("01/03/2026", "17/03/2026")
MARCH_IDS = "R01235 R01239 R01035 R01060 R01090B R01150 R01200 R01300 R01375 R01589 R01700J R01820".split()


@pytest.fixture(scope="module")
def bank():
    with Bank() as running:
        yield running


def connect(bank, timeout=10):
    address = urllib.parse.urlsplit(bank.url)
    return http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)


def ask(bank, prefix="", date=DAY, timeout=10):
    """Status, headers and bytes of one answer of XML_daily."""
    query = f"?date_req={date}" if date is not None else ""
    return request(bank, f"{prefix}/scripts/XML_daily.asp{query}", timeout)


def request(bank, target, timeout=10, body=None, headers=None):
    """Status, headers and bytes of one answer; a POST where there is a body."""
    connection = connect(bank, timeout)
    try:
        connection.request("GET" if body is None else "POST", target, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


def corpus():
    directory = os.environ.get("CBR_CORPUS")
    if not directory:
        pytest.skip("CBR_CORPUS does not name a directory of real answers")
    return pathlib.Path(directory)


def root_of(bank, prefix="", date=DAY):
    return ElementTree.fromstring(ask(bank, prefix, date)[2])


def usd_of(root):
    return root.find("Valute[@ID='R01235']")


def usd_text(bank, name, tag):
    return usd_of(root_of(bank, "/fault/" + name)).findtext(tag)


# The service's rules.


@pytest.mark.parametrize(
    "asked, dated, count",
    [
        (None, "25.04.2026", 54),
        ("02/03/2002", "02.03.2002", 17),
        ("02%2F03%2F2002", "02.03.2002", 17),
        ("04/03/2002", "02.03.2002", 17),
        ("31/12/2099", "25.04.2026", 54),
        ("01/07/1992", "01.07.1992", 1),
        ("31/12/1997", "30.12.1997", 1),
        ("01/01/1998", "01.01.1998", 1),
        ("15/10/2015", "15.10.2015", 33),
        ("26/10/2016", "26.10.2016", 33),
        ("02/11/2023", "02.11.2023", 43),
    ],
)
def test_publication_in_force(bank, asked, dated, count):
    status, headers, body = ask(bank, date=asked)
    root = ElementTree.fromstring(body)
    assert (status, headers["Content-Type"]) == (200, "application/xml; charset=windows-1251")
    assert (root.get("Date"), len(root)) == (dated, count)


@pytest.mark.parametrize("asked", ["30/06/1992", "", "2002-03-02", "2/3/2002", "31/02/2002", "02.03.2002", "x"])
def test_error_in_parameters(bank, asked):
    status, _, body = ask(bank, date=asked)
    assert status == 200
    assert body == b'<?xml version="1.0" encoding="utf-8" ?><ValCurs>Error in parameters</ValCurs>'


def test_unit_rate():
    assert unit_rate("5960.0000", "1") == "5960"
    assert unit_rate("12.1149", "100000") == "0.000121149"
    assert unit_rate("58.8139", "1000000") == "5.88139E-05"
    assert Row("R", "1", "X", "10", "36.1010", "x").unit == "3.6101"


def test_mirror_prefix_and_unknown_paths(bank):
    assert root_of(bank, "/some/mirror").get("Date") == "02.03.2002"
    assert ask(bank, "/fault/no-such-fault")[0] == 404
    assert ask(bank, "/form/no-such-form")[0] == 404


# Forms.


@pytest.mark.parametrize(
    "date, prefix, name",
    [
        ("02/11/2023", "", "2023-11-02.ru.raw.xml"),
        ("25/04/2026", "", "2026-04-25.ru.raw.xml"),
        ("02/03/2002", "/form/classic", "2002-03-02.ru.raw.xml"),
        ("26/10/2016", "/form/classic", "2016-10-26.ru.raw.xml"),
    ],
)
def test_form_is_the_real_one(bank, date, prefix, name):
    real = (corpus() / "daily" / name).read_bytes()
    body = ask(bank, prefix, date)[2]
    if b"\r" not in real:  # some were stored with LF line ends
        body = body.replace(b"\r\n", b"\n")
    assert body == real


@pytest.mark.parametrize("form", FORMS)
def test_forms_parse_alike(bank, form):
    plain, formed = root_of(bank), root_of(bank, f"/form/{form}")
    assert [row.findtext("Value") for row in formed] == [row.findtext("Value") for row in plain]


def test_forms_differ(bank):
    assert root_of(bank, "/form/slashes").get("Date") == "02/03/2002"
    assert root_of(bank, "/form/classic/form/slashes").get("Date") == "02/03/2002"
    assert b"VunitRate" not in ask(bank, "/form/no-unit")[2]
    assert "charset=utf-8" in ask(bank, "/form/utf8")[1]["Content-Type"]
    assert ask(bank, "/form/bom")[2].startswith(b"\xef\xbb\xbf<?xml")
    assert b'encoding="windows-1252"' in ask(bank, "/form/windows-1252")[2]
    assert b"<Value>5\xa0960,0000<" in ask(bank, "/form/thousands-nbsp", "30/12/1997")[2]
    assert b"<Value>5 960,0000<" in ask(bank, "/form/thousands-space", "30/12/1997")[2]
    assert b"<Value>5960,0000<" in ask(bank, "", "30/12/1997")[2]


# Series of one currency.


def dynamic(first, last, cbr_id):
    return f"/scripts/XML_dynamic.asp?date_req1={first}&date_req2={last}&VAL_NM_RQ={cbr_id}"


def series_of(bank, first, last, cbr_id="R01235", prefix=""):
    return ElementTree.fromstring(request(bank, prefix + dynamic(first, last, cbr_id))[2])


def dates_of(root):
    return [record.get("Date") for record in root]


@pytest.mark.parametrize(
    "first, last, cbr_id, count, first_record",
    [
        ("01/07/1992", "31/08/1992", "R01235", 18, ("01.07.1992", "1", "125,2600", "125,26")),
        ("30/12/1997", "01/01/1998", "R01235", None, ("30.12.1997", "1", "5960,0000", "5960")),
        ("28/03/2020", "06/04/2020", "R01235", 1, ("28.03.2020", "1", "77,7325", "77,7325")),
        ("01/11/2008", "31/01/2009", "R01060", 3, ("30.11.2008", "1000", "90,0545", "0,0900545")),
        ("01/12/2001", "31/03/2002", "R01239", 79, None),
        ("01/01/2002", "31/12/2020", "R01090", 5, ("02.03.2002", "1000", "18,4290", "0,018429")),
    ],
)
def test_series(bank, first, last, cbr_id, count, first_record):
    root = series_of(bank, first, last, cbr_id)
    assert root.get("ID") == cbr_id
    assert [root.get("DateRange1"), root.get("DateRange2")] == [first.replace("/", "."), last.replace("/", ".")]
    assert count is None or len(root) == count
    assert first_record is None or (root[0].get("Date"), *(field.text for field in root[0])) == first_record
    days = [datetime.datetime.strptime(date, "%d.%m.%Y") for date in dates_of(root)]
    assert days == sorted(set(days)) and {record.get("Id") for record in root} == {cbr_id}


@pytest.mark.parametrize(
    "first, last, cbr_id",
    [
        ("01/03/2026", "02/03/2026", "R01235"),
        ("17/03/2026", "01/03/2026", "R01235"),
        ("01/03/2026", "17/03/2026", "R09999"),
        ("01/03/2026", "17/03/2026", "R01090"),
        ("01/01/1990", "30/06/1992", "R01235"),
    ],
)
def test_empty_series_echo(bank, first, last, cbr_id):
    expected = (
        f'<?xml version="1.0" encoding="windows-1251"?><ValCurs ID="{cbr_id}" DateRange1="{first}" '
        f'DateRange2="{last}" name="Foreign Currency Market Dynamic"></ValCurs>'
    )
    assert request(bank, dynamic(first, last, cbr_id))[2].decode() == re.sub(r"(\d\d)/(\d\d)/", r"\1.\2.", expected)


@pytest.mark.parametrize(
    "target",
    [
        dynamic("1/3/2026", "17/03/2026", "R01235"),
        dynamic("01/03/2026", "31/02/2026", "R01235"),
        dynamic("01/03/2026", "", "R01235"),
        dynamic("01/03/2026", "17/03/2026", ""),
        "/scripts/XML_dynamic.asp",
        "/scripts/xml_metall.asp?date_req1=01/03/2026",
        "/scripts/xml_metall.asp?date_req1=01/03/2026&date_req2=2026-03-05",
        "/scripts/XML_valFull.asp?d=2",
    ],
)
def test_malformed_parameters(bank, target):
    status, _, body = request(bank, target)
    assert (status, body) == (200, b'<?xml version="1.0" encoding="utf-8" ?><ValCurs>Error in parameters</ValCurs>')


def test_an_id_is_echoed_as_text(bank):
    root = series_of(bank, *MARCH, urllib.parse.quote('<"&\'>'))
    assert (root.get("ID"), len(root)) == ('<"&\'>', 0)


def test_series_do_not_add_publications(bank):
    assert root_of(bank, date="17/03/2026").get("Date") == "02.11.2023"


def test_the_dollar_is_in_every_publication_of_the_series(bank):
    days = {bool(fact["cbr_id"] == "R01235"): set() for fact in read_facts(SERIES)}
    for fact in [*read_facts(SERIES), *read_facts(RATES)]:
        days[fact["cbr_id"] == "R01235"].add(fact["effective_date"])
    monthly = {fact["effective_date"] for fact in read_facts(SERIES) if fact["cbr_id"] == "R01060"}
    assert not {day for day in days[False] - days[True] if not (day in monthly and day < "2010")}


def real_series():
    """Addresses, IDs and ranges of the real answers of March 2026."""
    for path in sorted((corpus() / "dynamic" / "2026-03").glob("*.xml")):
        cbr_id, *days = path.stem.split("_")
        yield path, cbr_id, ["/".join(reversed(day.split("-"))) for day in days]


def test_bundled_series_are_the_real_ones(bank):
    found = [entry for entry in real_series() if entry[1] in MARCH_IDS]
    assert len(found) == 2 * len(MARCH_IDS)
    for path, cbr_id, days in found:
        assert request(bank, dynamic(*days, cbr_id))[2] == path.read_bytes(), path.name


def write_facts(path, facts):
    with open(path, "w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerows([FACTS, *facts])


def facts_of(path):
    """The records of a real answer, read by its elements."""
    for record in ElementTree.fromstring(path.read_bytes()):
        date = "-".join(reversed(record.get("Date").split(".")))
        yield [date, record.get("Id"), "", "", record.findtext("Nominal"), record.findtext("Value").replace(",", ".")]


def test_form_of_series_is_the_real_one(tmp_path):
    answers = list(real_series())
    assert len(answers) == 108 and len({cbr_id for _, cbr_id, _ in answers}) == 54
    files = [tmp_path / "short.csv", tmp_path / "long.csv"]  # one answer's facts make the other answer, too
    write_facts(files[0], [fact for path, _, days in answers if days[1] < "10" for fact in facts_of(path)])
    write_facts(files[1], [fact for path, _, days in answers if days[1] > "10" for fact in facts_of(path)])
    for series in (files, files[1:]):
        with Bank(series=series) as loaded:
            for path, cbr_id, days in answers:
                assert request(loaded, dynamic(*days, cbr_id))[2] == path.read_bytes(), path.name


@pytest.mark.parametrize(
    "name, cbr_id",
    [
        ("R01235_2010-03-23_2020-03-20.EVOLUTION666.xml", "R01235"),
        ("R01375_2021-10-24_2021-10-27.alekskarrrl.xml", "R01375"),
    ],
)
def test_form_before_unit_rates(tmp_path, name, cbr_id):
    real = corpus() / "dynamic" / name
    write_facts(tmp_path / "facts.csv", facts_of(real))
    root = ElementTree.fromstring(real.read_bytes())
    days = [root.get(name).replace(".", "/") for name in ("DateRange1", "DateRange2")]
    with Bank(series=[tmp_path / "facts.csv"]) as loaded:
        assert request(loaded, "/form/no-unit" + dynamic(*days, cbr_id))[2] == real.read_bytes()


def test_no_fact_contradicts_the_real_ones():
    known = {(fact["effective_date"], fact["cbr_id"]): fact for fact in read_facts(corpus() / "rates.csv")}
    mine = [*read_facts(SERIES), *read_facts(RATES)]
    both = [(fact, known[fact["effective_date"], fact["cbr_id"]]) for fact in mine
            if (fact["effective_date"], fact["cbr_id"]) in known]
    assert len(both) > 700
    for fact, real in both:
        assert {name: fact[name] for name in FACTS} == real
    with Bank(series=[corpus() / "rates.csv"]) as loaded:
        assert len(series_of(loaded, "01/07/1992", "04/12/2025")) > 7700
        assert root_of(loaded, date="17/03/2026").get("Date") == "02.11.2023"


# The catalogue, metals and key rates.


def test_catalogue(bank):
    items = ElementTree.fromstring(request(bank, "/scripts/XML_valFull.asp?d=0")[2])
    by_id = {item.get("ID"): item for item in items}
    assert len(items) == len(by_id) == 84
    mark = ["Немецкая марка", "Deutsche Mark", "100", "R01510    ", "280", "DEM"]
    assert [field.text for field in by_id["R01510A"]] == mark
    assert by_id["R01010"].findtext("ISO_Num_Code") == "36"
    assert [i.get("ID") for i in items if not i.findtext("ISO_Char_Code")] == ["R01436", "R01720A"]
    assert not {fact["cbr_id"] for fact in read_facts(RATES)} - set(by_id) - {"R01700"}
    assert request(bank, "/scripts/XML_valFull.asp")[2] == request(bank, "/scripts/XML_valFull.asp?d=0")[2]
    monthly = ElementTree.fromstring(request(bank, "/scripts/XML_valFull.asp?d=1")[2])
    assert [item.get("ID") for item in monthly] == ["R01060", "R01100"]


def test_catalogue_is_the_real_one():
    real = (corpus() / "val" / "XML_valFull_2021.xml").read_bytes()
    ids = {item.get("ID") for item in ElementTree.fromstring(real)}
    assert Catalogue([entry for entry, _ in read_catalogue() if entry.id in ids]).render() == real


def test_catalogue_has_the_later_entries():
    text = (corpus() / "val" / "valfull_funcid_embedded.xml").read_text("utf-8")
    later = ElementTree.fromstring(text.partition("?>")[2])
    mine = {entry.id: entry for entry, _ in read_catalogue()}
    assert not {item.get("ID") for item in later} - set(mine)
    real = {item.get("ID") for item in ElementTree.parse(corpus() / "val" / "XML_valFull_2021.xml").getroot()}
    tags = ("ParentCode", "ISO_Num_Code", "ISO_Char_Code", "Nominal", "EngName", "Name")
    for item in later:
        if item.get("ID") not in real:
            texts = [(item.findtext(tag) or "").rstrip() for tag in tags]
            assert Entry(item.get("ID"), *texts) == mine[item.get("ID")]


def metals(first, last):
    return f"/scripts/xml_metall.asp?date_req1={first}&date_req2={last}"


def test_metals(bank):
    root = ElementTree.fromstring(request(bank, metals("01/12/2017", "01/12/2017"))[2])
    assert (root.get("FromDate"), root.get("ToDate"), len(root)) == ("20171201", "20171201", 4)
    assert [root[1].get("Code"), root[1].findtext("Buy"), root[1].findtext("Sell")] == ["2", "31,82", "31,82"]
    empty = ElementTree.fromstring(request(bank, metals("01/01/2018", "01/02/2018"))[2])
    assert (empty.tag, empty.get("FromDate"), empty.get("ToDate"), len(empty)) == ("Metall", "20180101", "20180201", 0)


def test_metals_are_the_real_ones(bank):
    folder = corpus() / "metal"
    real = (folder / "xml_metall_2026-03-01_2026-03-05.xml").read_bytes()
    assert request(bank, metals("01/03/2026", "05/03/2026"))[2] == real
    old = ElementTree.parse(folder / "xml_metall_2017-12-01_Jekk0.xml").getroot()
    mine = ElementTree.fromstring(request(bank, metals("01/12/2017", "01/12/2017"))[2])
    shapes = [[(row.attrib, [field.text for field in row]) for row in root] for root in (old, mine)]
    assert (shapes[0], old.attrib) == (shapes[1], mine.attrib)


SOAP = "/DailyInfoWebServ/DailyInfo.asmx"
ACTION = "http://web.cbr.ru/KeyRateXML"
ENVELOPE = (
    '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
    '<soap:Body><KeyRateXML xmlns="http://web.cbr.ru/"><fromDate>{}T00:00:00</fromDate><ToDate>{}T00:00:00</ToDate>'
    "</KeyRateXML></soap:Body></soap:Envelope>"
)


def key_rates(bank, first="2024-04-24", last="2024-04-26", action=f'"{ACTION}"', prefix="", body=None):
    headers = {"SOAPAction": action, "Content-Type": "text/xml; charset=utf-8"}
    return request(bank, prefix + SOAP, body=body or ENVELOPE.format(first, last), headers=headers)


def days_of(body):
    return [element.text for element in ElementTree.fromstring(body).iter("DT")]


def test_key_rates(bank):
    status, headers, body = key_rates(bank)
    assert (status, headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert days_of(body) == [f"2024-04-{day}T00:00:00+03:00" for day in (26, 25, 24)]
    assert days_of(key_rates(bank, last="2024-04-24", action=ACTION)[2]) == ["2024-04-24T00:00:00+03:00"]
    assert days_of(key_rates(bank, "2020-01-01", "2020-02-01")[2]) == []
    assert bank.requests[-1]["body"] == ENVELOPE.format("2020-01-01", "2020-02-01")


def test_key_rates_are_the_real_ones(bank):
    real = (corpus() / "keyrate" / "soap_KeyRateXML_atomno_fixture.xml").read_bytes()
    mine = key_rates(bank)[2].replace(b' xmlns=""', b"")  # as other answers of the service have it
    assert re.sub(rb">\s+", b">", real) == mine


@pytest.mark.parametrize(
    "arguments",
    [{"action": "http://web.cbr.ru/Saldo"}, {"action": ""}, {"body": "x"}, {"body": "<x/>"}, {"first": "x"}],
)
def test_soap_faults(bank, arguments):
    status, headers, body = key_rates(bank, **arguments)
    assert (status, headers["Content-Type"]) == (500, "text/xml; charset=utf-8")
    fault = ElementTree.fromstring(body).find("*/{http://schemas.xmlsoap.org/soap/envelope/}Fault")
    assert fault.findtext("faultcode") == "soap:Client"


def test_methods(bank):
    assert request(bank, SOAP)[0] == 405
    assert request(bank, "/scripts/XML_daily.asp", body="x")[0] == 405
    assert request(bank, "/scripts/XML_KeyRate.asp")[0] == 404


# Histories that were made up.


def test_synthetic_history(bank):
    whole = ("01/07/1992", "25/04/2026")
    target = "/synthetic/7" + dynamic(*whole, "R01239")
    body = request(bank, target)[2]
    root = ElementTree.fromstring(body)
    assert root.get("name") == "Synthetic Foreign Currency Market Dynamic"
    days = [datetime.datetime.strptime(date, "%d.%m.%Y") for date in dates_of(root)]
    assert len(days) == 8824 and {day.weekday() for day in days} == {1, 2, 3, 4, 5}
    assert all(re.fullmatch(r"[1-9]\d{0,3},\d{4}", record.findtext("Value")) for record in root)
    with Bank(synthetic="7") as another:
        assert request(another, dynamic(*whole, "R01239"))[2] == body
    assert request(bank, target.replace("/7/", "/8/"))[2] != body
    assert request(bank, dynamic(*whole, "R01239"))[2] != body


def test_synthetic_values_stay_the_same(bank):
    first = series_of(bank, "01/07/1992", "03/07/1992", prefix="/synthetic/7")
    assert [record.findtext("Value") for record in first] == ["82,9104", "82,8562", "82,3903"]


def test_synthetic_daily_documents_agree_with_series():
    with Bank(synthetic=True) as made_up:
        root = root_of(made_up, date="05/04/2026")
        assert (root.get("Date"), root.get("name")) == ("04.04.2026", "Synthetic Foreign Currency Market")
        codes = [row.findtext("CharCode") for row in root]
        assert len(codes) == len(set(codes)) == 80
        record = series_of(made_up, "04/04/2026", "04/04/2026")[0]
        assert record.findtext("Value") == usd_of(root).findtext("Value")
        assert ask(made_up, date="30/06/1992")[2].endswith(b"Error in parameters</ValCurs>")


@pytest.mark.parametrize("options, prefix", [([], ""), (["--synthetic", "5"], "/synthetic/5")])
def test_written_answers(bank, tmp_path, options, prefix):
    days = ["--range", "2026-03-01", "2026-03-17"]
    subprocess.run([sys.executable, SCRIPT, *options, *days, "--write-answers", str(tmp_path)], check=True)
    names = [path.name for path in (tmp_path / "XML_dynamic").iterdir()]
    assert "R01235_2026-03-01_2026-03-17.xml" in names and len(names) >= 40
    for name in names[:5] + ["R01235_2026-03-01_2026-03-17.xml"]:
        answer = request(bank, prefix + dynamic(*MARCH, name.partition("_")[0]))[2]
        assert (tmp_path / "XML_dynamic" / name).read_bytes() == answer
    catalogue = request(bank, "/scripts/XML_valFull.asp?d=0")[2]
    assert (tmp_path / "XML_valFull" / "0.xml").read_bytes() == catalogue


# Faults. CHECKS has a function of (bank, prefix) for every entry of the table.


def times_out(bank, prefix):
    with pytest.raises((socket.timeout, TimeoutError)):
        ask(bank, prefix, timeout=PATIENCE)


def drips(bank, prefix):
    connection = connect(bank)
    connection.request("GET", f"{prefix}/scripts/XML_daily.asp")
    response = connection.getresponse()
    start = time.monotonic()
    assert response.read(5) == b"<?xml"
    assert time.monotonic() - start > 0.1
    connection.close()


def closes(bank, prefix):
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        ask(bank, prefix)


def is_cut(bank, prefix):
    with pytest.raises(http.client.IncompleteRead):
        ask(bank, prefix)


def is_late(bank, prefix):
    start = time.monotonic()
    assert ask(bank, prefix)[0] == 200
    assert time.monotonic() - start >= 0.2


def is_gzip(bank, prefix):
    _, headers, body = ask(bank, prefix)
    assert headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(body) == ask(bank)[2]


def is_bomb(bank, prefix):
    body = ask(bank, prefix)[2]
    inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
    size, rest = 0, body
    while rest and not inflater.eof:
        size += len(inflater.decompress(rest, 1 << 20))
        rest = inflater.unconsumed_tail
    assert len(body) < 1_000_000 and size > 100_000_000


def is_endless(bank, prefix):
    connection = connect(bank)
    connection.request("GET", f"{prefix}/scripts/XML_daily.asp")
    assert len(connection.getresponse().read(20_000_000)) == 20_000_000
    connection.close()


def once(status, wait=None):
    def check(bank, prefix):
        first, headers, _ = ask(bank, prefix)
        assert (first, headers["Retry-After"]) == (status, wait)
        assert ask(bank, prefix)[0] == 200

    return check


def reset_once(bank, prefix):
    with pytest.raises(ConnectionResetError):
        ask(bank, prefix)
    assert ask(bank, prefix)[0] == 200


def answers(status, **headers):
    def check(bank, prefix):
        got, got_headers, _ = ask(bank, prefix)
        assert got == status
        for name, value in headers.items():
            assert got_headers[name.replace("_", "-")] == value

    return check


def holds(text):
    return lambda bank, prefix: check_holds(ask(bank, prefix)[2], text)


def check_holds(body, text):
    assert text in body


def is_page(status):
    def check(bank, prefix):
        got, headers, body = ask(bank, prefix)
        assert (got, body) == (status, BLOCK_PAGE) and body.startswith(b"<!DOCTYPE html>")
        assert headers["Content-Type"].startswith("text/html")

    return check


def is_broken(bank, prefix):
    with pytest.raises(ElementTree.ParseError):
        root_of(bank, prefix)


def is_mislabelled(bank, prefix):
    body = ask(bank, prefix)[2]
    assert b'encoding="windows-1251"' in body and "Доллар США" in body.decode("utf-8")


def dated(date):
    return lambda bank, prefix: check_date(root_of(bank, prefix), date)


def check_date(root, date):
    assert root.get("Date") == date and len(root) == 17


def is_own_date(bank, prefix):
    root = root_of(bank, prefix, "29/02/2024")
    assert (root.get("Date"), len(root)) == ("29.02.2024", 54)


def usd(**fields):
    """USD's fields are these; all the other currencies are untouched."""

    def check(bank, prefix):
        root, plain = root_of(bank, prefix), root_of(bank)
        for tag, text in fields.items():
            assert usd_of(root).findtext(tag) == text
        texts = [[ElementTree.tostring(row) for row in each if row.get("ID") != "R01235"] for each in (root, plain)]
        assert texts[0] == texts[1]

    return check


def has_no_id(bank, prefix):
    rows = [row for row in root_of(bank, prefix) if row.get("ID") is None]
    assert [row.findtext("CharCode") for row in rows] == ["USD"]


def is_twice(bank, prefix):
    assert len(root_of(bank, prefix).findall("Valute[@ID='R01235']")) == 2


def series(differs):
    """The series is as told; the daily document is untouched."""

    def check(bank, prefix):
        assert differs(series_of(bank, *MARCH, prefix=prefix), series_of(bank, *MARCH))
        assert ask(bank, prefix)[2] == ask(bank)[2]

    return check


def hangs_for_one(bank, prefix):
    with pytest.raises((socket.timeout, TimeoutError)):
        request(bank, prefix + dynamic(*MARCH, "R01239"), PATIENCE)
    assert len(series_of(bank, *MARCH, prefix=prefix)) == 10
    assert ask(bank, prefix)[0] == 200


def fails_for_one(bank, prefix):
    assert request(bank, prefix + dynamic(*MARCH, "R01239"))[0] == 500
    assert len(series_of(bank, *MARCH, prefix=prefix)) == 10
    assert ask(bank, prefix)[0] == 200


CHECKS = {
    "latency-200": is_late,
    "hang": times_out,
    "hang-headers": times_out,
    "hang-body": times_out,
    "drip": drips,
    "closed": closes,
    "reset-once/test": reset_once,
    "empty": lambda bank, prefix: check_holds([ask(bank, prefix)[2]], b""),
    "cut": is_cut,
    "cut-chunked": is_cut,
    "gzip": is_gzip,
    "gzip-bomb": is_bomb,
    "endless": is_endless,
    "hang-for-ID/R01239": hangs_for_one,
    "redirect": answers(302, Location="https://elsewhere.example/scripts/XML_daily.asp"),
    "status-429": answers(429, Retry_After="1", Content_Type="text/html"),
    "retry-after-long": answers(429, Retry_After="3600"),
    "unavailable-once/test": once(503),
    "busy-once/test": once(429, "1"),
    "html": is_page(200),
    "html-403": is_page(403),
    "fail-for-ID/R01239": fails_for_one,
    "dtd": holds(b"<!DOCTYPE ValCurs [<!ELEMENT"),
    "entity-bomb": holds(b"<Name>&e9;</Name>"),
    "external-entity": holds(b'SYSTEM "file:///etc/passwd"'),
    "external-dtd": holds(b'/external.dtd">'),
    "wrong-root": lambda bank, prefix: check_holds([root_of(bank, prefix).tag], "Rates"),
    "truncated-xml": is_broken,
    "mislabelled": is_mislabelled,
    "leading-space": is_broken,
    "error-in-parameters": holds(b"<ValCurs>Error in parameters</ValCurs>"),
    "no-date": dated(None),
    "bad-date": dated("31.02.2002"),
    "own-date": is_own_date,
    "shift-date/-3": dated("27.02.2002"),
    "stale": dated("21.01.2002"),
    "no-valutes": lambda bank, prefix: check_holds([len(root_of(bank, prefix))], 0),
    "duplicate-id": is_twice,
    "bad-number": usd(Value="30,94x6"),
    "zero-value": usd(Value="0,0000", VunitRate="0"),
    "negative-value": usd(Value="-30,9436", VunitRate="-30,9436"),
    "bad-nominal": usd(Nominal="1,5"),
    "zero-nominal": usd(Nominal="0"),
    "missing-value": usd(Value=None, CharCode="USD"),
    "missing-char-code": usd(CharCode=None, NumCode="840"),
    "missing-num-code": usd(NumCode=None, CharCode="USD"),
    "missing-id": has_no_id,
    "hostile-name": usd(Name="O'Brien \"); DROP TABLE t_currency; -- \\ <b>"),
    "unencodable-name": usd(Name="Доллар США\u4e2d"),
    "corrected": usd(Value="31,0000", VunitRate="31"),
    "corrected-nominal": usd(Value="309,4360", Nominal="10", VunitRate="30,9436"),
    "wrong-echo-id": series(lambda root, plain: root.attrib == {**plain.attrib, "ID": "R01035"}),
    "wrong-echo-range": series(lambda root, plain: root.attrib == {**plain.attrib, "DateRange2": "18.03.2026"}),
    "record-outside": series(lambda root, plain: dates_of(root) == dates_of(plain)[:-1] + ["18.03.2026"]),
    "duplicate-record": series(lambda root, plain: dates_of(root) == dates_of(plain) + dates_of(plain)[-1:]),
    "foreign-id": series(
        lambda root, plain: root.attrib == plain.attrib and {record.get("Id") for record in root} == {"R01035"}
    ),
    "shuffled": series(lambda root, plain: dates_of(root) == dates_of(plain)[1::2] + dates_of(plain)[::2]),
    "empty-series": series(lambda root, plain: root.attrib == plain.attrib and not len(root)),
}


@pytest.mark.parametrize("name", CHECKS)
def test_fault(bank, name):
    CHECKS[name](bank, f"/fault/{name}")


def test_every_fault_is_checked():
    checked = [find_fault(name.partition("/")[0])[0].spec for name in CHECKS]
    assert checked == [entry.spec for entry in FAULTS]


TARGETS = {
    "daily": f"/scripts/XML_daily.asp?date_req={DAY}",
    "series": dynamic(*MARCH, "R01235"),
    "empty": dynamic(*MARCH, "R09999"),
    "catalogue": "/scripts/XML_valFull.asp?d=0",
    "metals": metals("01/03/2026", "05/03/2026"),
    "no-metals": metals("01/03/2020", "05/03/2020"),
    "error": "/scripts/XML_dynamic.asp",
}
DISTURBED = {
    "series": "bad-number zero-value negative-value missing-value bad-nominal zero-nominal missing-id corrected "
    "corrected-nominal dtd entity-bomb external-entity external-dtd wrong-root truncated-xml leading-space empty "
    "status-503 html html-403 redirect error-in-parameters",
    "catalogue": "bad-number bad-nominal zero-nominal missing-id missing-char-code missing-num-code hostile-name "
    "unencodable-name duplicate-id no-valutes dtd entity-bomb external-entity wrong-root truncated-xml mislabelled "
    "status-503 html empty",
    "metals": "bad-number duplicate-record shuffled empty-series record-outside wrong-echo-range dtd entity-bomb "
    "external-entity wrong-root truncated-xml status-503 html empty",
}


@pytest.mark.parametrize("name, target", [(name, each) for each, names in DISTURBED.items() for name in names.split()])
def test_fault_disturbs(bank, name, target):
    plain = request(bank, TARGETS[target])
    assert request(bank, f"/fault/{name}{TARGETS[target]}")[::2] != plain[::2]


@pytest.mark.parametrize("target", TARGETS)
def test_faults_of_documents_suit_all(bank, target):
    transfers = [entry.spec for entry in FAULTS[: [entry.spec for entry in FAULTS].index("redirect")]]
    for entry in FAULTS:
        if entry.spec not in transfers:
            name = entry.spec.replace("NNN", "404").replace("/N", "/1")
            status, _, _ = request(bank, f"/fault/{name}{TARGETS[target]}")
            assert status in (200, 302, 403, 404, 429, 503), name


@pytest.mark.parametrize("target", ["series", "catalogue", "metals", "soap"])
def test_transfer_faults_of_other_documents(bank, target):
    address, body, headers = TARGETS.get(target, SOAP), None, {}
    if target == "soap":
        body, headers = ENVELOPE.format("2024-04-24", "2024-04-26"), {"SOAPAction": ACTION}
    for name, error in {
        "hang": (socket.timeout, TimeoutError),
        "hang-body": (socket.timeout, TimeoutError),
        "cut": http.client.IncompleteRead,
        "cut-chunked": http.client.IncompleteRead,
        "closed": (http.client.RemoteDisconnected, ConnectionResetError),
    }.items():
        with pytest.raises(error):
            request(bank, f"/fault/{name}{address}", PATIENCE, body, headers)
    start = time.monotonic()
    assert request(bank, f"/fault/latency-50{address}", 10, body, headers)[0] == 200
    assert time.monotonic() - start >= 0.05


@pytest.mark.parametrize(
    "name", ["bad-number", "duplicate-record", "shuffled", "empty-series", "wrong-root", "status-503"]
)
def test_faults_of_key_rates(bank, name):
    assert key_rates(bank, prefix=f"/fault/{name}")[::2] != key_rates(bank)[::2]


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_other_documents(bank, form):
    for name, target in TARGETS.items():
        plain = ElementTree.fromstring(request(bank, target)[2])
        formed = ElementTree.fromstring(request(bank, f"/form/{form}{target}")[2])
        assert [formed.tag, len(formed)] == [plain.tag, len(plain)], name
    assert len(days_of(key_rates(bank, prefix=f"/form/{form}")[2])) == 3


def test_faults_touch_the_last_record(bank):
    values = [record.findtext("Value") for record in series_of(bank, *MARCH, prefix="/fault/bad-number")]
    assert values[-1] == "30,94x6" and "30,94x6" not in values[:-1]


def test_corrected_nominal_keeps_the_rate(bank):
    value = usd_text(bank, "corrected-nominal", "Value").replace(",", ".")
    assert Decimal(value) / 10 == Decimal("30.9436")


# The server.


def test_requests_are_recorded(bank):
    connection = connect(bank)
    connection.request("DELETE", "/requests")
    connection.getresponse().read()
    target = f"/scripts/XML_daily.asp?date_req={DAY}"
    for each in (target, "http://www.cbr.ru" + target):
        connection.request("GET", each, headers={"User-Agent": "test"})
        assert connection.getresponse().read().startswith(b"<?xml")
    connection.request("GET", "/requests")
    seen = json.loads(connection.getresponse().read())
    connection.close()
    assert [entry["target"] for entry in seen] == [target, "http://www.cbr.ru" + target]
    assert [entry["method"] for entry in seen] == ["GET", "GET"]
    assert seen[0]["headers"]["User-Agent"] == "test"
    assert seen[0]["connection"] == seen[1]["connection"]
    ask(bank)
    assert bank.requests[-1]["connection"] != seen[1]["connection"]


def test_hung_port_hangs(bank):
    address = urllib.parse.urlsplit(bank.hung_url)
    for _ in range(3):
        with pytest.raises((socket.timeout, TimeoutError)):
            socket.create_connection((address.hostname, address.port), timeout=0.5)


def test_stop_ends_hanging_connections():
    with Bank() as short:
        connections = [connect(short) for _ in range(2)]
        for connection, name in zip(connections, ("hang", "endless")):
            connection.request("GET", f"/fault/{name}/scripts/XML_daily.asp")
        time.sleep(0.2)
        start = time.monotonic()
    assert time.monotonic() - start < 2
    with pytest.raises((http.client.HTTPException, ConnectionError)):
        connections[0].getresponse()
    for connection in connections:
        connection.close()


def test_clients_going_away_leave_no_trace():
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, SCRIPT], **pipes) as server:
        url = server.stdout.readline().split()[1]
        assert server.stdout.readline().startswith("hung http://127.0.0.1:")
        address = urllib.parse.urlsplit(url)
        for name in ("hang", "hang-body", "drip", "endless", "gzip-bomb", "latency-300", "reset-once/a"):
            with socket.create_connection((address.hostname, address.port)) as client:
                client.sendall(f"GET /fault/{name}/scripts/XML_daily.asp HTTP/1.1\r\n\r\n".encode())
                time.sleep(0.05)
        time.sleep(0.5)
        server.send_signal(signal.SIGTERM)
        assert server.wait(5) == 0
        assert server.stderr.read() == ""


def test_run_hands_on_addresses_and_status():
    code = "import os, sys; print(os.environ['CBR_BANK_URL'], os.environ['CBR_BANK_HUNG_URL']); sys.exit(7)"
    command = [sys.executable, SCRIPT, "--run", sys.executable, "-c", code]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    assert done.returncode == 7
    assert [word.rpartition(":")[0] for word in done.stdout.split()] == ["http://127.0.0.1"] * 2
