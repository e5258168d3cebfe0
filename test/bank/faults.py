"""The table of faults: what may go wrong between the Bank and a client, one small function for each.

A fault gets the Answer the service would give, and changes its document, its bytes or its way over the wire. One that
is about some kinds of documents leaves the others as they are.
"""
import collections
import datetime
import gzip
import re
import socket
import struct
import zlib

from documents import ERROR_IN_PARAMETERS, Catalogue, Daily, KeyRates, Markup, Metals, Series

Fault = collections.namedtuple("Fault", "spec pattern takes_key function description")
FAULTS = []
RATES = (Daily, Series)
LISTS = (Daily, Catalogue)
RANGES = (Series, Metals, KeyRates)
BOMB_MEGABYTES = 100
STALE_DAYS = 40
BLOCK_PAGE = b"""<!DOCTYPE html>
<html><head><title>One moment</title></head>
<body><h1>Your visit is being checked</h1><p>Turn on scripts and load the page again.</p></body></html>
"""


class Answer:
    """One answer on its way: made right by the service, then spoilt by the faults of the path."""

    def __init__(self, bank, asked=None, document=None):
        self.bank = bank
        self.asked = asked
        self.document = document
        self.query = {}  # the parameters, each with one value
        self.status = 200
        self.headers = {}
        self.body = None  # bytes instead of the document
        self.edits = []  # functions of the bytes to the bytes
        self.waits = 0.0
        self.deliver = deliver_whole

    def replace(self, body, content_type=None, status=200, **headers):
        """Answer with these bytes instead of the document."""
        self.body, self.status = body, status
        self.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
        if content_type:
            self.headers["Content-Type"] = content_type

    def finish(self):
        """Settle the bytes and the Content-Type."""
        if self.body is None:
            self.body = self.document.render()
        if self.document:
            self.headers.setdefault("Content-Type", f"{self.document.content_type}; charset={self.document.declared}")
        for edit in self.edits:
            self.body = edit(self.body)


def fault(spec, description, kinds=None, of_row=False):
    """Enter a function into the table. Capitals in the spec are the parts a path fills in; a path may be
    in either case.

    With kinds, the fault is about documents of these classes only; with of_row, about the row that faults touch.
    """
    name, slash, _ = spec.partition("/")
    pattern = re.compile(re.sub(r"[A-Z]+", r"(\\d+)", name), re.IGNORECASE)

    def enter(function):
        def applied(answer, number, key):
            document = answer.document
            if (not kinds or isinstance(document, kinds)) and (not of_row or document.subject()):
                function(answer, number, key)

        FAULTS.append(Fault(spec, pattern, bool(slash), applied, description))
        return function

    return enter


def find_fault(name):
    """The Fault of a name and the number in the name, if any; (None, None) when there is no such fault."""
    for entry in FAULTS:
        match = entry.pattern.fullmatch(name)
        if match:
            return entry, (match.group(1) if match.groups() else None)
    return None, None


# Ways over the wire: functions of the handler of the connection and the finished answer.


def deliver_whole(handler, answer):
    """The right way."""
    if answer.status in (204, 304):
        handler.head(answer)
        return
    handler.head(answer, ("Content-Length", len(answer.body)))
    handler.wfile.write(answer.body)


def deliver_nothing(handler, _answer):
    handler.wait()


def deliver_head(handler, answer):
    handler.head(answer, ("Content-Length", len(answer.body)))
    handler.wait()


def deliver_half(handler, answer):
    handler.head(answer, ("Content-Length", len(answer.body)))
    handler.wfile.write(half(answer.body))


def deliver_half_and_hang(handler, answer):
    deliver_half(handler, answer)
    handler.wait()


def deliver_half_and_close(handler, answer):
    deliver_half(handler, answer)
    handler.close_connection = True


def deliver_half_of_chunks(handler, answer):
    handler.head(answer, ("Transfer-Encoding", "chunked"))
    handler.chunk(half(answer.body))
    handler.close_connection = True


def deliver_drops(handler, answer):
    handler.head(answer, ("Content-Length", len(answer.body)))
    for place in range(len(answer.body)):
        handler.wfile.write(answer.body[place : place + 1])
        handler.wait(0.05)


def deliver_close(handler, _answer):
    handler.close_connection = True


def deliver_reset(handler, _answer):
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.close_connection = True


def deliver_bomb(handler, answer):
    """The right document and blanks after it, deflated piece by piece: nothing large is ever held here."""
    answer.headers["Content-Encoding"] = "gzip"
    handler.head(answer, ("Transfer-Encoding", "chunked"))
    deflater = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    handler.chunk(deflater.compress(answer.body))
    for _ in range(BOMB_MEGABYTES):
        handler.chunk(deflater.compress(b" " * 1_000_000))
    handler.chunk(deflater.flush())
    handler.wfile.write(b"0\r\n\r\n")


def deliver_endless(handler, answer):
    handler.head(answer, ("Transfer-Encoding", "chunked"))
    handler.chunk(answer.body)
    while True:
        handler.chunk(b" " * 65536)


def half(body):
    return body[: len(body) // 2]


def put_text(document, text):
    setattr(document.subject(), document.text_field, text)


# Faults of the transfer.


@fault("latency-MS", "the right answer, MS milliseconds late")
def latency(answer, number, _key):
    answer.waits = int(number) / 1000


@fault("hang", "the request is read, nothing is answered until the client goes away")
def hang(answer, _number, _key):
    answer.deliver = deliver_nothing


@fault("hang-headers", "the headers are sent, the body never")
def hang_headers(answer, _number, _key):
    answer.deliver = deliver_head


@fault("hang-body", "half the body is sent, the rest never")
def hang_body(answer, _number, _key):
    answer.deliver = deliver_half_and_hang


@fault("drip", "the body comes one byte each 50 ms")
def drip(answer, _number, _key):
    answer.deliver = deliver_drops


@fault("closed", "the connection is closed without an answer")
def closed(answer, _number, _key):
    answer.deliver = deliver_close


@fault("reset-once/KEY", "the connection is reset on the first request of KEY, the next ones are answered")
def reset_once(answer, _number, key):
    if answer.bank.first_time("reset-once", key):
        answer.deliver = deliver_reset


@fault("empty", "status 200 and no body")
def empty(answer, _number, _key):
    answer.replace(b"")


@fault("cut", "Content-Length of the whole, half of it sent, connection closed")
def cut(answer, _number, _key):
    answer.deliver = deliver_half_and_close


@fault("cut-chunked", "chunked transfer, closed after half the body without the last chunk")
def cut_chunked(answer, _number, _key):
    answer.deliver = deliver_half_of_chunks


@fault("gzip", "the right answer, Content-Encoding: gzip")
def gzipped(answer, _number, _key):
    answer.headers["Content-Encoding"] = "gzip"
    answer.edits.append(gzip.compress)


@fault("gzip-bomb", f"small gzip body: the right document and {BOMB_MEGABYTES} MB of blanks")
def gzip_bomb(answer, _number, _key):
    answer.deliver = deliver_bomb


@fault("endless", "chunked body without an end: the right document and blanks for ever")
def endless(answer, _number, _key):
    answer.deliver = deliver_endless


@fault("hang-for-id/ID", "hang, where VAL_NM_RQ is the ID named; other requests are answered")
def hang_for(answer, _number, key):
    if answer.query.get("VAL_NM_RQ") == key:
        answer.deliver = deliver_nothing


# Faults of the status and of the kind of page.


@fault("redirect", "302 to another host")
def redirect(answer, _number, _key):
    answer.replace(b"", "text/html", 302, Location="https://elsewhere.example/scripts/XML_daily.asp")


@fault("status-NNN", "status NNN with a short text/html body (429 with Retry-After: 1)")
def status(answer, number, _key):
    page = f"<html><body>status {number}</body></html>\n".encode("ascii")
    answer.replace(page, "text/html", int(number))
    if number == "429":
        answer.headers["Retry-After"] = "1"


@fault("retry-after-long", "429 with Retry-After: 3600")
def retry_after_long(answer, _number, _key):
    status(answer, "429", None)
    answer.headers["Retry-After"] = "3600"


@fault("unavailable-once/KEY", "503 to the first request of KEY, the next ones are answered")
def unavailable_once(answer, _number, key):
    if answer.bank.first_time("unavailable-once", key):
        status(answer, "503", None)


@fault("busy-once/KEY", "429 with Retry-After: 1 to the first request of KEY, the next ones are answered")
def busy_once(answer, _number, key):
    if answer.bank.first_time("busy-once", key):
        status(answer, "429", None)


@fault("html", "200 with a block page as text/html")
def html(answer, _number, _key):
    answer.replace(BLOCK_PAGE, "text/html; charset=utf-8")


@fault("html-403", "403 with a block page as text/html")
def html_403(answer, _number, _key):
    answer.replace(BLOCK_PAGE, "text/html; charset=utf-8", 403)


@fault("fail-for-id/ID", "500, where VAL_NM_RQ is the ID named; other requests are answered")
def fail_for(answer, _number, key):
    if answer.query.get("VAL_NM_RQ") == key:
        status(answer, "500", None)


# Faults of the XML.


@fault("dtd", "a document type with an internal subset")
def dtd(answer, _number, _key):
    root = answer.document.root
    answer.document.doctype = f"<!DOCTYPE {root} [<!ELEMENT {root} ANY>]>"


@fault("entity-bomb", "USD's name (the last record's number) is an entity that grows to 10^9 copies", of_row=True)
def entity_bomb(answer, _number, _key):
    levels = ['<!ENTITY e%d "%s">' % (level, f"&e{level - 1};" * 10) for level in range(1, 10)]
    answer.document.doctype = f'<!DOCTYPE {answer.document.root} [<!ENTITY e0 "rate">' + "".join(levels) + "]>"
    put_text(answer.document, Markup("&e9;"))


@fault("external-entity", "the same text is an external entity, file:///etc/passwd", of_row=True)
def external_entity(answer, _number, _key):
    answer.document.doctype = f'<!DOCTYPE {answer.document.root} [<!ENTITY outside SYSTEM "file:///etc/passwd">]>'
    put_text(answer.document, Markup("&outside;"))


@fault("external-dtd", "a document type elsewhere: /external.dtd of this server, so that a fetch would be recorded")
def external_dtd(answer, _number, _key):
    answer.document.doctype = f'<!DOCTYPE {answer.document.root} SYSTEM "{answer.bank.url}/external.dtd">'


@fault("wrong-root", "the root is Rates")
def wrong_root(answer, _number, _key):
    answer.document.root = "Rates"


@fault("truncated-xml", "a whole transfer of half the XML")
def truncated_xml(answer, _number, _key):
    answer.edits.append(half)


@fault("mislabelled", "UTF-8 bytes under the declaration of another encoding")
def mislabelled(answer, _number, _key):
    answer.document.encoding = "utf-8"


@fault("leading-space", "a newline before the prolog")
def leading_space(answer, _number, _key):
    answer.edits.append(lambda body: b"\n" + body)


@fault("error-in-parameters", "the service's own error document, whatever was asked")
def error_in_parameters(answer, _number, _key):
    answer.replace(ERROR_IN_PARAMETERS)


# Faults of the daily document's date, and of lists.


@fault("no-date", "the root has no Date", Daily)
def no_date(answer, _number, _key):
    answer.document.date = None


@fault("bad-date", "the Date is 31.02.2002", Daily)
def bad_date(answer, _number, _key):
    answer.document.date = "31.02.2002"


@fault("own-date", "the newest publication's rates under the very date that was asked for", Daily)
def own_date(answer, _number, _key):
    answer.document.rows = answer.bank.archive.in_force().rows
    answer.document.date = answer.asked or answer.document.date


@fault("shift-date/N", "the Date is moved by N days (N may be negative)", Daily)
def shift_date(answer, _number, key):
    if re.fullmatch(r"[+-]?\d{1,5}", key):
        answer.document.date += datetime.timedelta(days=int(key))


@fault("stale", f"the Date is {STALE_DAYS} days before the date asked for (before the newest one when none is)", Daily)
def stale(answer, _number, _key):
    answer.document.date = (answer.asked or answer.document.date) - datetime.timedelta(days=STALE_DAYS)


@fault("no-valutes", "the root of a list has no children", LISTS)
def no_valutes(answer, _number, _key):
    answer.document.rows = []


@fault("duplicate-id", "USD's Valute is there twice", LISTS, of_row=True)
def duplicate_id(answer, _number, _key):
    rows = answer.document.rows
    place = rows.index(answer.document.subject())
    rows.insert(place, rows[place])


# Faults of USD's row; in a series, of the last record; in the documents of metals and key rates, of the last one too.


@fault("bad-number", "USD's value is 30,94x6 (metals: Buy; key rates: Rate; catalogue: Nominal)", of_row=True)
def bad_number(answer, _number, _key):
    setattr(answer.document.subject(), answer.document.number_field, "30.94x6")


@fault("zero-value", "USD's value is 0,0000", RATES, of_row=True)
def zero_value(answer, _number, _key):
    answer.document.subject().revalue("0.0000")


@fault("negative-value", "USD's value is below zero", RATES, of_row=True)
def negative_value(answer, _number, _key):
    row = answer.document.subject()
    row.revalue("-" + row.value)


@fault("bad-nominal", "USD's nominal is 1,5", RATES + (Catalogue,), of_row=True)
def bad_nominal(answer, _number, _key):
    answer.document.subject().nominal = "1,5"


@fault("zero-nominal", "USD's nominal is 0", RATES + (Catalogue,), of_row=True)
def zero_nominal(answer, _number, _key):
    answer.document.subject().nominal = "0"


@fault("missing-value", "USD has no Value", RATES, of_row=True)
def missing_value(answer, _number, _key):
    answer.document.subject().value = None


@fault("missing-char-code", "USD has no CharCode", LISTS, of_row=True)
def missing_char_code(answer, _number, _key):
    answer.document.subject().char_code = None


@fault("missing-num-code", "USD has no NumCode", LISTS, of_row=True)
def missing_num_code(answer, _number, _key):
    answer.document.subject().num_code = None


@fault("missing-id", "USD's Valute has no ID", RATES + (Catalogue,), of_row=True)
def missing_id(answer, _number, _key):
    answer.document.subject().id = None


@fault("hostile-name", "USD's name holds quotes, SQL, a backslash and markup, properly escaped", LISTS, of_row=True)
def hostile_name(answer, _number, _key):
    answer.document.subject().name = "O'Brien \"); DROP TABLE t_currency; -- \\ <b>"


@fault("unencodable-name", "USD's name ends with a reference to U+4E2D, which windows-1251 lacks", LISTS, of_row=True)
def unencodable_name(answer, _number, _key):
    row = answer.document.subject()
    row.name = Markup(row.name + "&#x4E2D;")


@fault("corrected", "USD's value is 31.0000: the publication was corrected", RATES, of_row=True)
def corrected(answer, _number, _key):
    answer.document.subject().revalue("31.0000")


@fault("corrected-nominal", "USD's nominal is 10, its value ten times: corrected, the same rate", RATES, of_row=True)
def corrected_nominal(answer, _number, _key):
    row = answer.document.subject()
    whole, _, decimals = row.value.partition(".")
    row.revalue(f"{whole}{decimals[:1]}.{decimals[1:]}0", "10")


# Faults of the documents that answer for a range of days.


@fault("wrong-echo-id", "the series' root has the ID of another currency", Series)
def wrong_echo_id(answer, _number, _key):
    answer.document.id = other_id(answer.document.id)


@fault("wrong-echo-range", "the root's range ends a day later than the one asked for", (Series, Metals))
def wrong_echo_range(answer, _number, _key):
    answer.document.last += datetime.timedelta(days=1)


@fault("record-outside", "the last record is dated the day after the range", (Series, Metals), of_row=True)
def record_outside(answer, _number, _key):
    answer.document.subject().date = answer.document.last + datetime.timedelta(days=1)


@fault("duplicate-record", "the last record is there twice", RANGES, of_row=True)
def duplicate_record(answer, _number, _key):
    answer.document.rows.append(answer.document.subject())


@fault("foreign-id", "the series' records have the Id of another currency, its root the right one", Series)
def foreign_id(answer, _number, _key):
    for row in answer.document.rows:
        row.id = other_id(answer.document.id)


@fault("shuffled", "records out of order: the second, the fourth and so on, then the first, the third", RANGES)
def shuffled(answer, _number, _key):
    answer.document.rows = answer.document.rows[1::2] + answer.document.rows[::2]


@fault("empty-series", "no records", RANGES)
def empty_series(answer, _number, _key):
    answer.document.rows = []


def other_id(cbr_id):
    return "R01035" if cbr_id != "R01035" else "R01239"
