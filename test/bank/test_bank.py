"""Tests of the stand-in itself: the Bank's rules, its forms (against real answers when CBR_CORPUS names them),
and that every fault of the table is what it says.
"""
import gzip
import http.client
import json
import os
import pathlib
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
from documents import FORMS, Row, unit_rate  # noqa: E402
from faults import BLOCK_PAGE, FAULTS, find_fault  # noqa: E402

SCRIPT = str(pathlib.Path(__file__).with_name("bank.py"))
DAY = "02/03/2002"
PATIENCE = 0.4


@pytest.fixture(scope="module")
def bank():
    with Bank() as running:
        yield running


def connect(bank, timeout=10):
    address = urllib.parse.urlsplit(bank.url)
    return http.client.HTTPConnection(address.hostname, address.port, timeout=timeout)


def ask(bank, prefix="", date=DAY, timeout=10):
    """Status, headers and bytes of one answer."""
    connection = connect(bank, timeout)
    try:
        query = f"?date_req={date}" if date is not None else ""
        connection.request("GET", f"{prefix}/scripts/XML_daily.asp{query}")
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


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
    directory = os.environ.get("CBR_CORPUS")
    if not directory:
        pytest.skip("CBR_CORPUS does not name a directory of real answers")
    real = pathlib.Path(directory, "daily", name).read_bytes()
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
    assert "charset=utf-8" in ask(bank, "/form/utf8")[1]["Content-Type"]
    assert ask(bank, "/form/bom")[2].startswith(b"\xef\xbb\xbf<?xml")
    assert b'encoding="windows-1252"' in ask(bank, "/form/windows-1252")[2]
    assert b"<Value>5\xa0960,0000<" in ask(bank, "/form/thousands-nbsp", "30/12/1997")[2]
    assert b"<Value>5 960,0000<" in ask(bank, "/form/thousands-space", "30/12/1997")[2]
    assert b"<Value>5960,0000<" in ask(bank, "", "30/12/1997")[2]


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
    "redirect": answers(302, Location="https://elsewhere.example/scripts/XML_daily.asp"),
    "status-429": answers(429, Retry_After="1", Content_Type="text/html"),
    "retry-after-long": answers(429, Retry_After="3600"),
    "unavailable-once/test": once(503),
    "busy-once/test": once(429, "1"),
    "html": is_page(200),
    "html-403": is_page(403),
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
}


@pytest.mark.parametrize("name", CHECKS)
def test_fault(bank, name):
    CHECKS[name](bank, f"/fault/{name}")


def test_every_fault_is_checked():
    checked = [find_fault(name.partition("/")[0])[0].spec for name in CHECKS]
    assert checked == [entry.spec for entry in FAULTS]


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
