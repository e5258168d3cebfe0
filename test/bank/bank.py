#!/usr/bin/env python3
"""A loopback stand-in for the Bank of Russia's service of exchange rates, for the tests and the demo.

It answers from files of facts in the Bank's forms, and misbehaves on demand (bank.py --list).
"""
import argparse
import datetime
import itertools
import json
import os
import pathlib
import select
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from documents import ARCHIVE_BEGIN, ERROR_IN_PARAMETERS, FORMS, RATES, Archive, KeyRates  # noqa: E402
from facts import Facts  # noqa: E402
from faults import FAULTS, Answer, find_fault  # noqa: E402
from service import SERVICES, SOAP_FAULT, BadParameters, key_rates, parse_date, right_document  # noqa: E402
from static import write_answers  # noqa: E402
from synthetic import LAST, Synthetic  # noqa: E402

DEFAULT_SEED = "1"
POLL_SECONDS = 0.1


class ClientGone(ConnectionError):
    """The client closed the connection, or the server is stopping."""


class NotFound(Exception):
    """The path names nothing that is served here."""


class Bank:
    """The running stand-in: a context manager that serves from a thread of its own."""

    def __init__(
        self, rates=RATES, host="127.0.0.1", port=0, tls_cert=None, tls_key=None, series=(), synthetic=None
    ):
        self.archive = Archive(rates)
        self.facts = Facts(self.archive, series)
        self.seed = DEFAULT_SEED if synthetic is True else synthetic  # of paths that name none; None: facts
        self.requests = []
        self._seen = set()
        self._synthetic = {}
        self._lock = threading.Lock()
        self._server = Server((host, port), Handler)
        self._server.bank = self
        self._server.tls = server_context(tls_cert, tls_key) if tls_cert else None
        self._hung = HungPort(host)
        scheme = "https" if tls_cert else "http"
        self.url = f"{scheme}://{host}:{self._server.server_address[1]}"
        self.hung_url = f"{scheme}://{host}:{self._hung.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(POLL_SECONDS,), daemon=True)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exception):
        self.stop()

    def start(self):
        """Serve from now on."""
        self._thread.start()

    def stop(self):
        """End the service, and with it the connections that still hang."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server.drop_connections()
        self._hung.close()

    def source(self, seed=None):
        """The facts, or what was made up by a seed."""
        seed = self.seed if seed is None else seed
        if seed in (None, False):
            return self.facts
        with self._lock:
            if seed not in self._synthetic:
                self._synthetic[seed] = Synthetic(seed)
            return self._synthetic[seed]

    def record(self, method, target, headers, connection, **more):
        """Keep a request for tests to look at."""
        entry = {"method": method, "target": target, "headers": headers, "connection": connection, **more}
        with self._lock:
            self.requests.append(entry)

    def recorded(self):
        """The requests so far, safe from requests that come meanwhile."""
        with self._lock:
            return list(self.requests)

    def forget(self):
        """Forget the requests so far."""
        with self._lock:
            self.requests.clear()

    def first_time(self, *key):
        """Whether the key was never seen before."""
        with self._lock:
            first = key not in self._seen
            self._seen.add(key)
            return first

    def answer(self, target, action=None, body=None):
        """The answer to a request target, faults included; NotFound when the path is not the service's.

        A POST has a body, and the SOAPAction named by its headers.
        """
        path, query = split_target(target)
        service, seed, forms, faults = parse_path(path)
        if (service is key_rates) != (body is not None):
            return plain(self, 405, "not by this method")
        answer = self._call(action or "", body) if body is not None else self._right_answer(service, seed, query)
        for form in forms:
            form(answer.document)
        for entry, number, key in faults:
            entry.function(answer, number, key)
        answer.finish()
        return answer

    def _right_answer(self, service, seed, query):
        source = self.source(seed)
        try:
            answer = Answer(self, parse_date(query.get("date_req", "")), right_document(service, source, query))
        except BadParameters:
            answer = Answer(self, None, source.in_force())
            answer.replace(ERROR_IN_PARAMETERS)
        answer.query = query
        return answer

    def _call(self, action, body):
        try:
            return Answer(self, None, key_rates(None, action, body))
        except BadParameters as problem:
            answer = Answer(self, None, KeyRates(None, None, []))
            answer.replace((SOAP_FAULT % problem).encode("ascii"), None, 500)
            return answer


def split_target(target):
    """Path and parameters of a request target, also of the absolute form that is sent to a proxy."""
    parts = urllib.parse.urlsplit(target)
    return parts.path, dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))


def parse_path(path):
    """Service, seed, forms and faults of a path; what else stands before the service is a mirror's prefix."""
    segments = [urllib.parse.unquote(segment) for segment in path.split("/")]
    service = SERVICES.get(tuple(segments[-2:]))
    if not service:
        raise NotFound(path)
    seed, forms, faults = None, [], []
    rest = iter(segments[:-2])
    for segment in rest:
        if segment == "form":
            forms.append(find_form(next(rest, "")))
        elif segment == "fault":
            faults.append(take_fault(rest))
        elif segment == "synthetic":
            seed = next(rest, "")
    return service, seed, forms, faults


def find_form(name):
    """The form of a name."""
    if name not in FORMS:
        raise NotFound(f"form {name}")
    return FORMS[name]


def take_fault(rest):
    """The fault named by the next segment, with its key from the one after it when the fault has keys."""
    name = next(rest, "")
    entry, number = find_fault(name)
    if entry is None:
        raise NotFound(f"fault {name}")
    return entry, number, next(rest, "") if entry.takes_key else ""


class Server(ThreadingHTTPServer):
    """Threads for connections, which are counted, kept in sight, and ended with the server."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    bank = None
    tls = None

    def __init__(self, *arguments):
        self.serials = itertools.count(1)
        self.connections = set()
        super().__init__(*arguments)

    def server_bind(self):
        """Bind without the look-up of the host's name that the standard library makes."""
        socket.socket.bind(self.socket, self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.server_address[:2]

    def get_request(self):
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.tls:
            # The handshake waits for the connection's own thread: a silent client must not stop the others.
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.connections.add(connection)
        return connection, address

    def shutdown_request(self, request):
        """Close a connection; one that lingers for no time is reset, so nothing may be sent before."""
        self.connections.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER):
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def drop_connections(self):
        """Wake the handlers that still wait; below TLS, since they may be reading there."""
        for connection in list(self.connections):
            try:
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
            except OSError:
                pass

    def handle_error(self, request, client_address):
        """Say nothing of clients that went away; other errors are the stand-in's own and are shown."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"

    def setup(self):
        self.serial = next(self.server.serials)
        if self.server.tls:
            self.request.do_handshake()
        super().setup()

    def do_GET(self):
        """Answer the service's requests, and the tests' question what was requested."""
        if self.path == "/requests":
            self._send_json(self.server.bank.recorded())
            return
        self._record()
        self._answer()

    def do_POST(self):
        """Answer the requests of SOAP."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self._record(body=body.decode("utf-8", "replace"))
        self._answer(self.headers.get("SOAPAction"), body)

    def do_DELETE(self):
        """Forget the requests so far."""
        if self.path != "/requests":
            self.send_error(404)
            return
        self.server.bank.forget()
        self._send_json([])

    def do_CONNECT(self):
        """Record and refuse: a proxy of plain HTTP only."""
        self._record()
        answer = plain(self.server.bank, 405, "no tunnels")
        answer.deliver(self, answer)

    def head(self, answer, *fields):
        """Send the status and the headers."""
        self.send_response(answer.status)
        for name, value in itertools.chain(answer.headers.items(), fields):
            self.send_header(name, str(value))
        self.end_headers()

    def chunk(self, data):
        """Send one chunk of a chunked body; empty data would end it, so that is left out."""
        if data:
            self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def wait(self, seconds=None):
        """Wait (for ever without seconds), but no longer than the client does."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            pause = POLL_SECONDS if end is None else max(0, min(POLL_SECONDS, end - time.monotonic()))
            readable, _, _ = select.select([self.connection], [], [], pause)
            if readable and not self.connection.recv(4096):
                raise ClientGone

    def _answer(self, action=None, body=None):
        try:
            answer = self.server.bank.answer(self._target(), action, body)
        except NotFound as missing:
            answer = plain(self.server.bank, 404, f"not here: {missing}")
        if answer.waits:
            self.wait(answer.waits)
        answer.deliver(self, answer)

    def _record(self, **more):
        self.server.bank.record(self.command, self._target(), dict(self.headers.items()), self.serial, **more)

    def _target(self):
        return self.requestline.split()[1]

    def _send_json(self, value):
        answer = Answer(self.server.bank)
        answer.replace(json.dumps(value).encode("utf-8"), "application/json")
        answer.deliver(self, answer)

    def version_string(self):
        return "bank-stand-in"

    def log_message(self, *_arguments):
        """Quiet."""


def plain(bank, status, text):
    """A short answer in words."""
    answer = Answer(bank)
    answer.replace(f"{text}\n".encode("utf-8"), "text/plain; charset=utf-8", status)
    return answer


class HungPort:
    """A listening port that completes no connection: its queue holds one, and that one is its own.

    Linux drops further SYNs, so a client's connect hangs until its own time limit.
    """

    FILLERS = 4

    def __init__(self, host):
        self._sockets = [socket.socket()]
        self._sockets[0].bind((host, 0))
        self._sockets[0].listen(0)
        self.port = self._sockets[0].getsockname()[1]
        for _ in range(self.FILLERS):
            self._fill(host)

    def _fill(self, host):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex((host, self.port))
        self._sockets.append(filler)

    def close(self):
        for each in self._sockets:
            each.close()


def server_context(certificate, key):
    """TLS with the certificate of a test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def listing():
    """The table of faults and forms as text."""
    lines = ["faults, /fault/NAME[/KEY]:"]
    lines += [f"  {entry.spec:<22} {entry.description}" for entry in FAULTS]
    lines += ["forms, /form/NAME:"]
    lines += [f"  {name:<22} {form.__doc__}" for name, form in FORMS.items()]
    return "\n".join(lines)


def run(bank, command):
    """Run a command that knows the bank by its environment; its exit status, as a shell tells it."""
    environment = dict(os.environ, CBR_BANK_URL=bank.url, CBR_BANK_HUNG_URL=bank.hung_url)
    try:
        child = subprocess.Popen(command, env=environment)
    except OSError as problem:
        print(f"bank.py: {problem}", file=sys.stderr)
        return 127
    try:
        status = child.wait()
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
    return status if status >= 0 else 128 - status


def serve(bank):
    """Say where, and serve until a signal ends the process."""
    print(f"bank {bank.url}\nhung {bank.hung_url}", flush=True)
    while True:
        signal.pause()


def parse_arguments(arguments):
    """The command line."""
    parser = argparse.ArgumentParser(description="Stand-in for the Bank of Russia's service of rates.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 (default) takes a free one")
    parser.add_argument("--tls-cert", metavar="FILE", help="PEM certificate: serve https")
    parser.add_argument("--tls-key", metavar="FILE", help="PEM key, if not in the file of the certificate")
    parser.add_argument("--rates", metavar="FILE", default=RATES, help="facts to answer from")
    parser.add_argument("--series", metavar="FILE", action="append", default=[], help="more facts for XML_dynamic")
    seed_help = "answer with rates made up by SEED (default 1), as below /synthetic/SEED"
    parser.add_argument("--synthetic", metavar="SEED", nargs="?", const=DEFAULT_SEED, help=seed_help)
    parser.add_argument("--write-answers", metavar="DIR", help="write XML_dynamic of all currencies as files, and end")
    days = {"type": datetime.date.fromisoformat, "default": [ARCHIVE_BEGIN, LAST]}
    parser.add_argument("--range", nargs=2, metavar="YYYY-MM-DD", help="first and last day of those answers", **days)
    parser.add_argument("--list", action="store_true", help="print the faults and forms")
    parser.add_argument("--run", nargs=argparse.REMAINDER, metavar="CMD", help="serve while CMD ARG... runs")
    options = parser.parse_args(arguments)
    if options.run == []:
        parser.error("--run wants a command")
    return options


def main(arguments=None):
    """Do what the command line says; the exit status."""
    options = parse_arguments(arguments)
    if options.list:
        print(listing())
        return 0
    if options.write_answers:
        source = Synthetic(options.synthetic) if options.synthetic else Facts(Archive(options.rates), options.series)
        write_answers(source, options.write_answers, *options.range)
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    service = options.rates, options.host, options.port, options.tls_cert, options.tls_key
    with Bank(*service, options.series, options.synthetic) as bank:
        return run(bank, options.run) if options.run else serve(bank)


if __name__ == "__main__":
    sys.exit(main())
