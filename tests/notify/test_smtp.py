"""SMTP: the dialogue with a server, and what its replies mean for a mail."""

import asyncio
import socket
import ssl
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from sync_service.notify.mime import Content, Mail, build
from sync_service.notify.smtp import Permanent, Server, SmtpSession, Temporary, Unreachable
from tests.notify.servers import certificate, serving
from tests.notify.services import NOW
from tests.support.servers import MailServer


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    """Return a server context with a certificate, stored as `cert.pem`."""
    return certificate(tmp_path)


def delivery(to: str = "ana@example.com") -> Mail:
    """Return a small mail."""
    return build(
        Content("KR-1", "It moved.\n", "<p>It moved.</p>"),
        sender="okr@example.com",
        recipient=to,
        message_id="<1@example.com>",
        created_at=NOW,
    )


def at(port: int) -> Server:
    """Return the settings of a server on loopback."""
    return Server(host="127.0.0.1", port=port, security="offered")


def test_one_connection_carries_many_mails(mail: MailServer) -> None:
    """The first mail opens it."""
    with SmtpSession(at(mail.port)) as line:
        for name in ("ana", "bo", "cy"):
            line.send(delivery(f"{name}@example.com"))
    assert mail.recipients == [["ana@example.com"], ["bo@example.com"], ["cy@example.com"]]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ("451 try later", Temporary),
        ("452 mailbox full", Temporary),
        ("421 going down", Unreachable),
        ("550 no such user", Permanent),
        ("553 not a mailbox", Permanent),
    ],
)
def test_the_reply_about_a_recipient_decides_on_a_retry(mail: MailServer, answer: str, error: type[Exception]) -> None:
    """4xx is temporary and 5xx is permanent. The next mail is sent either way."""
    mail.refusals["ana@example.com"] = answer
    with SmtpSession(at(mail.port)) as line:
        with pytest.raises((Temporary, Permanent), match=answer) as raised:
            line.send(delivery())
        assert raised.type is error
        line.send(delivery("bo@example.com"))
    assert mail.recipients == [["bo@example.com"]]


@pytest.mark.parametrize(
    ("answer", "error"), [("452 disk full", Temporary), ("554 looks like spam", Permanent), ("421 bye", Unreachable)]
)
def test_the_reply_about_the_content_decides_on_a_retry(mail: MailServer, answer: str, error: type[Exception]) -> None:
    """The same holds after the mail was transferred."""
    mail.rejection = answer
    with SmtpSession(at(mail.port)) as line, pytest.raises((Temporary, Permanent), match=answer) as raised:
        line.send(delivery())
    assert raised.type is error


@pytest.mark.parametrize(
    ("answer", "error"),
    [("550 not your address", Temporary), ("552 too much", Permanent), ("421 bye", Unreachable), ("450 no", Temporary)],
)
def test_a_refused_sender_loses_no_mail(answer: str, error: type[Exception]) -> None:
    """The operator can fix that. Only a mail that is too large fails for good."""

    class Picky:
        async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
            self, _server: SMTP, _session: Session, _envelope: Envelope, _address: str, _options: list[str]
        ) -> str:
            return answer

    with serving(Picky()) as port, SmtpSession(at(port)) as line:
        with pytest.raises((Temporary, Permanent), match=r"okr@example\.com") as raised:
            line.send(delivery())
        assert raised.type is error


def test_a_refused_connection_is_temporary() -> None:
    """The server may come back."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with SmtpSession(at(port)) as line, pytest.raises(Unreachable, match="refused"):
        line.send(delivery())


def test_a_silent_server_times_out() -> None:
    """It accepts the connection and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server = at(silent.getsockname()[1])
        with SmtpSession(server, seconds=0.05) as line, pytest.raises(Unreachable, match="timed out"):
            line.send(delivery())


def test_a_connection_closed_between_mails_is_opened_again() -> None:
    """The mail is sent once."""
    first, second = MailServer(), MailServer()
    with serving(first) as port:
        line = SmtpSession(at(port))
        line.send(delivery())
    with serving(second, port=port), line:
        line.send(delivery())
    assert (len(first.messages), len(second.messages)) == (1, 1)


def test_a_connection_closed_in_the_middle_is_temporary() -> None:
    """Nobody can know whether the server took the mail, so it is sent again."""

    class Rude:
        async def handle_DATA(self, server: SMTP, _session: Session, _envelope: Envelope) -> str:  # noqa: N802  # as above
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "250 said to nobody"

    with serving(Rude()) as port, SmtpSession(at(port)) as line, pytest.raises(Unreachable, match="can't be used"):
        line.send(delivery())


def test_an_address_outside_ascii_needs_smtputf8(mail: MailServer) -> None:
    """A server without it will never accept the mail."""
    with SmtpSession(at(mail.port)) as line, pytest.raises(Permanent, match="SMTPUTF8"):
        line.send(delivery("jörg@example.com"))


def test_an_address_outside_ascii_is_sent_where_the_server_takes_it() -> None:
    """The subject stays encoded; the address is written as it is."""
    kept = MailServer()
    with serving(kept, enable_SMTPUTF8=True) as port, SmtpSession(at(port)) as line:
        line.send(delivery("jörg@example.com"))
    assert kept.recipients == [["jörg@example.com"]]
    assert kept.messages[0]["To"] == "jörg@example.com"


def let_in_okr(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
    """Accept one user."""
    known = isinstance(given, LoginPassword) and (given.login, given.password) == (b"okr", b"right")
    return AuthResult(success=known, handled=False)


def test_login_works_and_a_wrong_password_keeps_the_mail(
    tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operator can fix a password. It is sent only over TLS, to a server with a trusted certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    kept = MailServer()
    with serving(kept, tls_context=tls, authenticator=let_in_okr, auth_required=True) as port:
        right = Server(host="localhost", port=port, security="starttls", user="okr", password="right")
        with SmtpSession(right) as line:
            line.send(delivery())
        wrong = Server(host="localhost", port=port, security="starttls", user="okr", password="wrong")
        with SmtpSession(wrong) as line, pytest.raises(Unreachable, match="535"):
            line.send(delivery())
    assert len(kept.messages) == 1
    assert "right" not in repr(right)


def test_tls_from_the_first_byte(tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`smtps://` means TLS from the start; an untrusted certificate is refused."""
    kept = MailServer()
    with serving(kept, tls=tls) as port:
        server = Server(host="localhost", port=port, security="tls")
        with SmtpSession(server) as line, pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            line.send(delivery())
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
        with SmtpSession(server) as line:
            line.send(delivery())
    assert len(kept.messages) == 1


def test_starttls_is_used_if_offered_and_required_if_configured(tls: ssl.SSLContext, mail: MailServer) -> None:
    """By default any encryption is better than none. If it is required, nothing is sent in clear text."""
    kept = MailServer()
    with serving(kept, tls_context=tls, require_starttls=True) as port, SmtpSession(at(port)) as line:
        line.send(delivery())
    assert len(kept.messages) == 1
    insisting = Server(host="127.0.0.1", port=mail.port, security="starttls")
    with SmtpSession(insisting) as line, pytest.raises(Unreachable, match="STARTTLS"):
        line.send(delivery())
    assert mail.messages == []
