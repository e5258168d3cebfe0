"""The Bank's services: what a request means, and the right document for it."""
import datetime
import re
from xml.etree import ElementTree

from documents import ARCHIVE_BEGIN, Catalogue, KeyRates, Metals, Series
from facts import read_catalogue, read_key_rates, read_metals

KEY_RATE_ACTION = "http://web.cbr.ru/KeyRateXML"
SOAP_FAULT = (
    '<?xml version="1.0" encoding="utf-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/">'
    "<soap:Body><soap:Fault><faultcode>soap:Client</faultcode><faultstring>%s</faultstring><detail /></soap:Fault>"
    "</soap:Body></soap:Envelope>"
)


class BadParameters(Exception):
    """The service has no answer to these parameters."""


def daily(source, query):
    """The publication in force on a day, or the newest one."""
    if "date_req" not in query:
        return source.in_force()
    asked = parse_date(query["date_req"])
    document = source.in_force(asked) if asked and asked >= ARCHIVE_BEGIN else None
    if not document:
        raise BadParameters
    return document


def dynamic(source, query):
    """The records of a currency; none of an ID that nobody knows, nor of a range that ends before it begins."""
    first, last = parse_range(query)
    cbr_id = query.get("VAL_NM_RQ")
    if not cbr_id:
        raise BadParameters
    return Series(cbr_id, first, last, source.between(cbr_id, first, last))


def catalogue(_source, query):
    """All currencies with d=0 or without d; with d=1 those that were set monthly."""
    wanted = query.get("d", "0")
    if wanted not in ("0", "1"):
        raise BadParameters
    return Catalogue([entry for entry, monthly in read_catalogue() if monthly or wanted == "0"])


def metals(_source, query):
    """The prices of a range."""
    first, last = parse_range(query)
    return Metals(first, last, read_metals(first, last))


def key_rates(_source, action, body):
    """The key rates that a SOAP request asks for; BadParameters says what is wrong with it."""
    if action.strip('"') != KEY_RATE_ACTION:
        raise BadParameters("Unknown SOAPAction.")
    first, last = parse_key_rate_request(body)
    return KeyRates(first, last, read_key_rates(first, last))


SERVICES = {
    ("scripts", "XML_daily.asp"): daily,
    ("scripts", "XML_dynamic.asp"): dynamic,
    ("scripts", "XML_valFull.asp"): catalogue,
    ("scripts", "xml_metall.asp"): metals,
    ("DailyInfoWebServ", "DailyInfo.asmx"): key_rates,
}


def right_document(service, source, query):
    """The document that a service of GET answers with, marked where the source is none of facts."""
    document = service(source, query)
    if service in (daily, dynamic):
        document.title = source.note + document.title
    return document


def parse_date(text):
    """A date written dd/mm/yyyy, and nothing else; None for the rest."""
    match = re.fullmatch(r"([0-9]{2})/([0-9]{2})/([0-9]{4})", text)
    try:
        return datetime.date(*map(int, reversed(match.groups()))) if match else None
    except ValueError:
        return None


def parse_range(query):
    """Both ends of the range asked for."""
    ends = [parse_date(query.get(name, "")) for name in ("date_req1", "date_req2")]
    if None in ends:
        raise BadParameters
    return ends


def parse_key_rate_request(body):
    """Both ends of the range in the envelope of KeyRateXML."""
    try:
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise BadParameters("The request is not XML.") from None
    web, soap = "{http://web.cbr.ru/}", "{http://schemas.xmlsoap.org/soap/envelope/}"
    method = root.find(f"{soap}Body/{web}KeyRateXML")
    texts = [method.findtext(web + name) if method is not None else None for name in ("fromDate", "ToDate")]
    try:
        return [datetime.datetime.fromisoformat(text).date() for text in texts]
    except (TypeError, ValueError):
        raise BadParameters("The request has no fromDate and ToDate.") from None
