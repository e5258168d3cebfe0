"""Certificates are verified, always; and the proxy is the one of the settings, never the environment's."""
import socket
import subprocess

import pytest

from bank import Bank
from certificates import LONG, NOT_YET, OVER
from session import DAY, Session, words


def assert_refused(session, bank):
    error = session.fetch_error()
    assert error.pgcode == "08001"
    assert error.diag.message_primary.startswith("TLS with 127.0.0.1:")
    assert bank.recorded() == []
    assert session.stored() == (0, 0)


def test_certificate_of_an_unknown_authority_is_refused(session, secure_bank):
    session.use(secure_bank.url, retries=3)
    assert_refused(session, secure_bank)


def test_certificate_of_the_authority_in_ca_file_is_accepted(session, secure_bank, authority):
    session.use(secure_bank.url, ca_file=authority.certificate)
    assert session.fetch() == 3
    assert session.stored() == (3, 1)


def test_certificate_that_signed_itself_is_refused(session, authority, openssl, tmp_path):
    """Though it names the right host."""
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "self.key", "-out", "self.pem",
                    "-days", "3650", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName = IP:127.0.0.1"],
                   cwd=tmp_path, check=True, capture_output=True)
    with Bank(tls_cert=tmp_path / "self.pem", tls_key=tmp_path / "self.key") as bank:
        session.use(bank.url, ca_file=authority.certificate)
        assert_refused(session, bank)
        session.rows("RESET cbr.ca_file")
        assert_refused(session, bank)
        session.set("ca_file", tmp_path / "self.pem")  # whoever trusts this one names it
        assert session.fetch() == 3


def test_verification_follows_the_setting_within_a_session(session, secure_bank, authority):
    """A connection that was opened under another setting is not used on."""
    session.use(secure_bank.url, ca_file=authority.certificate).fetch()
    secure_bank.forget()
    session.rows("TRUNCATE t_currency, cbr_fetch_log")
    session.rows("RESET cbr.ca_file")
    assert_refused(session, secure_bank)


@pytest.mark.parametrize("name, subject, dates", [
    ("other-host", "DNS:elsewhere.example", LONG),
    ("other-address", "IP:127.0.0.2", LONG),
    ("expired", "IP:127.0.0.1", OVER),
    ("not-yet-valid", "IP:127.0.0.1", NOT_YET),
])
def test_certificate_of_another_host_or_time_is_refused(session, authority, name, subject, dates):
    with Bank(**authority.issue(name, subject, dates)) as bank:
        session.use(bank.url, ca_file=authority.certificate)
        assert_refused(session, bank)


@pytest.mark.parametrize("content", [None, "this is no certificate\n"])
def test_ca_file_that_is_missing_or_none_is_an_error(session, secure_bank, tmp_path, content):
    file = tmp_path / "ca.pem"
    if content:
        file.write_text(content)
    session.use(secure_bank.url, ca_file=file)
    assert_refused(session, secure_bank)


def test_plain_http_behind_an_https_url_is_refused(session, bank):
    session.use(bank.url.replace("http:", "https:"))
    assert_refused(session, bank)


def test_tls_handshake_that_hangs_is_told_by_its_phase(session):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        session.use(f"https://127.0.0.1:{silent.getsockname()[1]}", connect_timeout="300ms")
        error = session.fetch_error()
    assert error.pgcode == "08001"
    assert "timed out during the TLS handshake" in error.diag.message_primary


# The proxy.


def test_proxy_of_the_setting_is_asked(session, bank):
    session.use("http://bank.example", proxy=bank.url)
    assert session.fetch() == 3
    assert [request["target"] for request in bank.recorded()] == [
        "http://bank.example/scripts/XML_daily.asp?date_req=02/03/2002"]
    assert session.value("SELECT url FROM cbr_fetch_log").startswith("http://bank.example/")


def test_proxy_is_left_as_soon_as_the_setting_is_empty(session, bank):
    with Bank() as proxy:
        session.use(bank.url, proxy=proxy.url).fetch()
        session.set("proxy", "")
        session.fetch("2023-11-02")
        assert len(proxy.recorded()) == len(bank.recorded()) == 1


def test_https_through_a_proxy_is_a_tunnel(session, bank):
    """This stand-in refuses tunnels; the request itself must not reach it in the clear."""
    session.use("https://bank.example", proxy=bank.url)
    assert session.fetch_error().pgcode[:2] == "08"
    assert [request["method"] for request in bank.recorded()] == ["CONNECT"]


def test_refusal_of_a_tunnel_is_told_as_the_proxys(session, bank):
    session.use("https://bank.example", proxy=bank.url)
    assert "proxy" in words(session.fetch_error()).lower()


@pytest.mark.parametrize("variables", [["http_proxy", "HTTP_PROXY"], ["all_proxy", "ALL_PROXY"]])
def test_proxy_of_the_environment_is_ignored(make_cluster, bank, variables):
    with Bank() as proxy:
        server = make_cluster(environment={name: proxy.url for name in variables})
        server.start()
        server.make_template()
        session = Session(server, bank.url, database="cbr_template").use()
        assert session.fetch(DAY) == 3
        session.close()
        assert len(bank.recorded()) == 1
        assert proxy.recorded() == []
