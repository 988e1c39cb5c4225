"""Signing in at an SMTP server, how we name ourselves, and encryption that is offered and refused."""

import socket
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Thread

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sync_service.notify.smtp import Server, SmtpSession, Unreachable
from tests.notify.servers import certificate, serving
from tests.notify.test_smtp import delivery
from tests.support.servers import MailServer

PASSWORD = "pässwörd-密码-🔑"


def let_in(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
    """Accept one user, whose name and password are outside ASCII."""
    known = isinstance(given, LoginPassword) and (given.login, given.password) == ("jörg".encode(), PASSWORD.encode())
    return AuthResult(success=known, handled=False)


@pytest.mark.parametrize("other", ["LOGIN", "PLAIN"])
def test_a_password_outside_ascii_is_sent_in_utf_8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str) -> None:
    """By each mechanism: https://www.rfc-editor.org/rfc/rfc4616#section-2."""
    tls = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    kept = MailServer()
    with serving(
        kept, tls_context=tls, authenticator=let_in, auth_required=True, auth_exclude_mechanism=[other]
    ) as port:
        server = Server(host="localhost", port=port, security="starttls", user="jörg", password=PASSWORD)
        with SmtpSession(server) as session:
            session.send(delivery())
        wrong = Server(host="localhost", port=port, security="starttls", user="jörg", password="ü")
        with SmtpSession(wrong) as session, pytest.raises(Unreachable, match="535"):
            session.send(delivery())
    assert len(kept.messages) == 1


@contextmanager
def scripted(*replies: str) -> Iterator[tuple[int, list[str]]]:
    """Serve one connection: greet, then answer each line with the next reply; yield the port and the lines received."""
    received: list[str] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with suppress(OSError), connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 hello\r\n")
            for reply, line in zip(replies, lines, strict=False):
                received.append(line.decode("latin-1").strip())
                connection.sendall(reply.encode() + b"\r\n")

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        thread = Thread(target=serve)
        thread.start()
        try:
            yield listener.getsockname()[1], received
        finally:
            thread.join(timeout=10)


def test_cram_md5_works_with_a_password_outside_ascii() -> None:
    """The library could compute no digest of it. The challenge and the digest are those of RFC 2195, in UTF-8."""
    challenge = "334 PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    with scripted("250-x\r\n250 AUTH CRAM-MD5", challenge, "235 in", "250 ok", "221 bye") as (port, received):
        server = Server(host="127.0.0.1", port=port, security="offered", user="tim", password="tänstaaftänstaaf")
        with SmtpSession(server) as session:
            session.open()
    assert received[1] == "AUTH CRAM-MD5"
    user, digest = b64decode(received[2]).decode().split(" ")
    assert (user, len(digest)) == ("tim", 32)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_a_server_that_repeats_the_password_does_not_bring_it_into_the_error(mechanism: str) -> None:
    """Neither as it is nor as it was sent."""
    sent = [b64encode(text).decode() for text in (b"\0okr\0s3kr1t pass", b"s3kr1t pass")]
    refused = f"535 what is {sent[0]} or {sent[1]} or s3kr1t pass?"
    replies = {"PLAIN": [refused], "LOGIN": ["334 UGFzc3dvcmQ6", refused]}[mechanism]
    with scripted(f"250-x\r\n250 AUTH {mechanism}", *replies, "221 bye") as (port, received):
        server = Server(host="127.0.0.1", port=port, security="offered", user="okr", password="s3kr1t pass")
        with SmtpSession(server) as session, pytest.raises(Unreachable, match="535 what is … or … or …\\?"):
            session.open()
    assert len(received) >= len(replies) + 1


def test_a_server_that_challenges_without_end_is_left() -> None:
    """And a challenge that can't be read is an error of the server's, not a crash."""
    with scripted("250-x\r\n250 AUTH LOGIN", *["334 VXNlcm5hbWU6"] * 9) as (port, received):
        server = Server(host="127.0.0.1", port=port, security="offered", user="okr", password="x")
        with SmtpSession(server) as session, pytest.raises(Unreachable, match="334"):
            session.open()
    assert len(received) == 7
    with scripted("250-x\r\n250 AUTH LOGIN", "334 x", "221 bye") as (port, _received):
        server = Server(host="127.0.0.1", port=port, security="offered", user="okr", password="x")
        with SmtpSession(server) as session, pytest.raises(Unreachable, match="can't be used"):
            session.open()


def test_the_name_at_the_greeting_can_be_set() -> None:
    """Some servers refuse a host name that the DNS does not know."""
    with scripted("250 x", "221 bye") as (port, received):
        server = Server(host="127.0.0.1", port=port, security="plain", ehlo_name="okr.example.com")
        with SmtpSession(server) as session:
            session.open()
    assert received[0] == "ehlo okr.example.com"


def test_starttls_that_is_offered_and_refused_says_what_to_set() -> None:
    """The operator decides whether mails may go without encryption; until then they wait."""
    with scripted("250-x\r\n250 STARTTLS", "454 no TLS today", "221 bye") as (port, _received):
        server = Server(host="127.0.0.1", port=port, security="offered")
        with SmtpSession(server) as session, pytest.raises(Unreachable, match=r"454 no TLS today.*smtp\+plain://"):
            session.open()
    with scripted("250-x\r\n250 STARTTLS", "220 go\r\nno TLS at all", "221 bye") as (port, _received):
        server = Server(host="127.0.0.1", port=port, security="offered")
        with SmtpSession(server) as session, pytest.raises(Unreachable, match=r"offers STARTTLS.*smtp\+plain://"):
            session.open()


def test_a_server_with_broken_starttls_can_be_used_without_it() -> None:
    """With `smtp+plain://` the offer is ignored."""
    with scripted("250-x\r\n250 STARTTLS", "221 bye") as (port, received):
        session = SmtpSession(Server(host="127.0.0.1", port=port, security="plain"))
        with session:
            assert session.open() is False
    assert received[1:] == ["quit"]


def test_required_starttls_is_never_left_out() -> None:
    """The error does not suggest to send in clear text."""
    with scripted("250-x\r\n250 STARTTLS", "454 no TLS today", "221 bye") as (port, _received):
        server = Server(host="127.0.0.1", port=port, security="starttls")
        with SmtpSession(server) as session, pytest.raises(Unreachable, match="454 no TLS today") as raised:
            session.open()
    assert "plain" not in str(raised.value)


def test_a_server_is_reached_by_its_ipv6_address() -> None:
    """Its errors name it as a URL does."""
    with closing(socket.create_server(("::1", 0), family=socket.AF_INET6)) as taken:
        port = taken.getsockname()[1]
    server = Server(host="::1", port=port, security="plain")
    with SmtpSession(server) as session, pytest.raises(Unreachable, match=rf"^\[::1\]:{port} can't be used"):
        session.open()


def test_a_host_name_that_can_not_be_is_an_error_of_the_setting() -> None:
    """And not a bug: the mail waits."""
    with SmtpSession(Server(host="x" * 70, port=25, security="plain")) as session, pytest.raises(Unreachable):
        session.open()
