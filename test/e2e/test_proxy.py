"""A proxy that lies: over https it can hinder a fetch, and neither read, nor change, nor learn anything."""
import socket
import ssl

import pytest

from certificates import LONG, Authority
from proxy import ESTABLISHED, Proxy, tunnel
from session import DAY, words

SECRET = "s3cret-of-the-proxy"
DOCUMENT = b"<ValCurs Date=\"02.03.2002\"/>"


def say(answer):
    def behave(client, _head):
        client.sendall(answer)
        client.shutdown(socket.SHUT_WR)
        client.recv(65536)
    return behave


def repeat(start, line):
    def behave(client, _head):
        client.sendall(start)
        while True:
            client.sendall(line * 1000)
    return behave


def impersonate(certificate, read):
    """Says that the tunnel stands, and plays the service itself; what it gets to read is added to the list."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate["tls_cert"], certificate["tls_key"])

    def behave(client, _head):
        client.sendall(ESTABLISHED)
        with context.wrap_socket(client, server_side=True) as secure:
            read.append(secure.recv(65536))
            secure.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DOCUMENT) + DOCUMENT)
    return behave


LIES = {
    "says it stands and answers in the clear": say(
        ESTABLISHED + b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(DOCUMENT) + DOCUMENT),
    "answers instead of the service": say(b"HTTP/1.1 407 No\r\nContent-Length: %d\r\n\r\n" % len(DOCUMENT) + DOCUMENT),
    "redirects": say(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    "speaks something else": say(b"SSH-2.0-OpenSSH\r\n"),
    "closes": say(b""),
    "never ends its headers": repeat(b"HTTP/1.1 200 OK\r\n", b"X: " + b"y" * 100 + b"\r\n"),
    "never ends a line": repeat(b"HTTP/1.1 200 OK\r\nX: ", b"y"),
    "asks for other credentials for ever": say(
        b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n"),
}


@pytest.mark.parametrize("lie", LIES)
def test_proxy_that_lies_about_a_tunnel_is_an_error_and_nothing_is_stored(session, lie):
    with Proxy(LIES[lie]) as proxy:
        session.use("https://bank.example", proxy=f"http://user:{SECRET}@{proxy.address}", timeout="2s")
        error = session.fetch_error()
    assert error.pgcode[:2] in ("08", "54")
    assert SECRET not in words(error)
    assert all(head.startswith(b"CONNECT bank.example:443 ") for head in proxy.heads) and proxy.heads
    assert session.stored() == (0, 0)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_headers_without_end_are_not_read_without_end(session, scheme):
    """Not until cbr.timeout, which some libcurls would not even look at."""
    with Proxy(LIES["never ends its headers"]) as proxy:
        session.use(f"{scheme}://bank.example", proxy=f"http://{proxy.address}", timeout="1h")
        error = session.fetch_error()
    assert (error.pgcode, error.diag.message_primary) == (
        "54000", "headers of the answer from bank.example are larger than 262144 bytes")


@pytest.mark.parametrize("subject, trusted", [("DNS:bank.example", False), ("DNS:elsewhere.example", True)])
def test_proxy_that_plays_the_service_gets_to_read_nothing(
        session, authority, openssl, tmp_path, subject, trusted):
    issuer = authority if trusted else Authority(openssl, tmp_path)
    read = []
    with Proxy(impersonate(issuer.issue(f"played-{trusted}", subject, LONG), read)) as proxy:
        session.use("https://bank.example", proxy=f"http://{proxy.address}", ca_file=authority.certificate)
        error = session.fetch_error()
    assert error.pgcode == "08001"
    assert error.diag.message_primary == "TLS with bank.example failed"
    assert proxy.heads and b"".join(read) == b""
    assert session.stored() == (0, 0)


def test_play_would_work_with_the_right_certificate(session, authority):
    """That the test above can fail: with a trusted certificate of the right name the proxy is believed."""
    read = []
    with Proxy(impersonate(authority.issue("bank.example", "DNS:bank.example", LONG), read)) as proxy:
        session.use("https://bank.example", proxy=f"http://{proxy.address}", ca_file=authority.certificate)
        assert session.fetch_error().pgcode == "2200M"  # its document holds no rate
    assert b"XML_daily" in read[0]


def test_honest_tunnel_carries_the_fetch_and_the_password_stays_with_the_proxy(
        session, authority, secure_bank):
    with Proxy(tunnel) as proxy:
        session.use(secure_bank.url, proxy=f"http://user:{SECRET}@{proxy.address}", ca_file=authority.certificate)
        assert session.fetch() == 3
    assert b"Proxy-Authorization: Basic " in proxy.heads[0]
    assert b"XML_daily" not in proxy.heads[0]
    assert [name for name in secure_bank.recorded()[0]["headers"] if name.lower().startswith("proxy")] == []
    assert SECRET not in str(session.rows("SELECT l::text FROM cbr_fetch_log l"))


@pytest.mark.parametrize("tail", ["\r\nX-Planted: 1", "\nX-Planted: 1", " X-Planted: 1", "/\r\n\r\nGET /x"])
def test_line_ends_in_the_proxys_url_make_no_header(session, bank, tail):
    with Proxy(say(b"")) as proxy:
        session.use("http://bank.example", proxy=f"http://{proxy.address}{tail}", timeout="2s")
        assert session.fetch_error().pgcode[:2] in ("08", "XX")
    assert not any(b"X-Planted" in head or b"GET /x" in head for head in proxy.heads)
    session.set("proxy", "")
    assert session.use().fetch(DAY) == 3
