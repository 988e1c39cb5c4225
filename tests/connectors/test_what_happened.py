"""Errors of calls say what happened: TLS, redirects and a CAPTCHA are not blamed on the token."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path

import pytest
import responses
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from connectors.http import HttpClient
from connectors.jira.connector import Jira
from connectors.responses import is_about_credentials
from sync_service.domain.trackers.connector import Connection, ConnectorError, Refused, Unavailable


class Answer(BaseHTTPRequestHandler):
    """Answers each GET with an empty object."""

    def do_GET(self) -> None:  # the name of the library
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def write_certificate(file: Path) -> None:
    """Write a new certificate that nobody trusts, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tracker")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))


@contextmanager
def serving_tls(file: Path) -> Iterator[str]:
    """Serve by TLS on a free loopback port; yield the address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = HTTPServer(("127.0.0.1", 0), Answer)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}/private-path"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_certificate_that_is_not_trusted_is_named_as_the_reason(tmp_path: Path) -> None:
    """With what to set, and without the path of the address."""
    write_certificate(tmp_path / "certificate.pem")
    with serving_tls(tmp_path / "certificate.pem") as url, pytest.raises(Unavailable) as caught:
        HttpClient().get(url, authorization=None)
    assert "TLS certificate is not trusted: self-signed certificate" in str(caught.value)
    assert "SSL_CERT_FILE" in str(caught.value)
    assert "private-path" not in str(caught.value)
    assert not is_about_credentials(caught.value)


@pytest.mark.parametrize("setting", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_an_authority_of_ones_own_is_trusted_by_either_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    """Python's TLS knows the first, requests the second."""
    write_certificate(tmp_path / "certificate.pem")
    for other in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(setting, str(tmp_path / "certificate.pem"))
    with serving_tls(tmp_path / "certificate.pem") as url:
        assert HttpClient().get(url, authorization=None).body == {}


def failure_of(url: str, status: int, headers: dict[str, str]) -> ConnectorError:
    """Return the error of a call with this response."""
    with responses.RequestsMock() as mock:
        mock.get(url, status=status, headers=headers, body="{}")
        with pytest.raises(ConnectorError) as caught:
            HttpClient().get(url, authorization="Bearer token")
    return caught.value


def test_a_redirect_to_https_says_to_write_https() -> None:
    """The token was never read."""
    error = failure_of("http://jira.acme.example/x", 301, {"Location": "https://jira.acme.example/x"})
    assert str(error) == "jira.acme.example redirects from http to https: write https in the connection's site"
    assert not is_about_credentials(error)


@pytest.mark.parametrize("status", [401, 403])
def test_a_captcha_says_to_solve_it_in_a_browser(status: int) -> None:
    """Jira asks for it after failed attempts, and then refuses the right token too."""
    reason = "CAPTCHA_CHALLENGE (401); login-url=https://jira.acme.example/login.jsp"
    error = failure_of("https://jira.acme.example/x", status, {"X-Authentication-Denied-Reason": reason})
    assert isinstance(error, Refused)
    assert "CAPTCHA_CHALLENGE (401); sign in as this account in a browser" in str(error)
    assert not is_about_credentials(error)


@pytest.mark.parametrize("status", [401, 403])
def test_only_a_refusal_of_the_tracker_is_about_the_credentials(status: int) -> None:
    """Then a new token helps."""
    assert is_about_credentials(failure_of("https://jira.acme.example/x", status, {}))


def test_a_cloud_token_without_an_email_address_says_so() -> None:
    """A new token would not help."""
    connection = Connection(slug="j", site="https://acme.atlassian.net", token="t")
    with responses.RequestsMock() as mock:
        mock.get("https://acme.atlassian.net/rest/api/2/myself", status=401, json={})
        (found,) = Jira().check_connection(connection, scopes=[], hooked=False)
    assert found.well is False
    assert str(found.mend).startswith("give the connection its email")
