"""What the reply of an SMTP server means: a refusal of our address loses no mail, wherever it comes."""

import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session

from sync_service.notify.smtp import Permanent, Server, SmtpSession, Temporary, Unreachable
from tests.notify.servers import serving
from tests.notify.test_smtp import delivery
from tests.support.servers import MailServer

ABOUT_US = [
    "553 5.7.1 <okr@example.com>: Sender address rejected: not owned by user okr",
    "553 sender okr@example.com is not yours",
    "550 5.1.8 <OKR@example.com>: Domain not found",
    "550 5.7.60 Client does not have permissions to send as this one",
    "554 5.2.252 SendAsDenied; okr not allowed to send as nobody",
    "554 Message rejected: Email address is not verified. Check okr@example.com",
    "554 5.7.1 <ana@example.com>: Relay access denied",
    "550 relay not permitted",
    "530 5.7.0 Authentication required",
]
ABOUT_THE_MAIL = [
    "550 5.1.1 <ana@example.com>: no such user (mail from okr@example.com)",
    "553 5.1.3 bad recipient address",
    "550 ana@example.com: unknown",
    "554 5.7.1 looks like spam",
    "552 5.3.4 okr@example.com sent too much",
]


def server_at(port: int) -> Server:
    """Return the settings of a server on loopback."""
    return Server(host="127.0.0.1", port=port, security="plain")


@pytest.mark.parametrize("answer", ABOUT_US)
def test_a_refusal_of_our_address_is_temporary_wherever_it_comes(mail: MailServer, answer: str) -> None:
    """Many servers check the sender only at RCPT, some only after DATA. The operator can fix it."""
    mail.refusals["ana@example.com"] = answer
    with SmtpSession(server_at(mail.port)) as session:
        with pytest.raises(Temporary, match="about our address") as raised:
            session.send(delivery())
        assert raised.type is Temporary
        mail.refusals.clear()
        mail.rejection = answer
        with pytest.raises(Temporary, match="about our address"):
            session.send(delivery())


@pytest.mark.parametrize("answer", ABOUT_THE_MAIL)
def test_a_refusal_of_recipient_or_content_is_permanent(mail: MailServer, answer: str) -> None:
    """Also where the reply names our address besides."""
    mail.refusals["ana@example.com"] = answer
    with SmtpSession(server_at(mail.port)) as session:
        with pytest.raises(Permanent):
            session.send(delivery())
        mail.refusals.clear()
        mail.rejection = answer
        with pytest.raises(Permanent):
            session.send(delivery())


def test_the_recipients_own_address_says_nothing_about_us(mail: MailServer) -> None:
    """It may contain such a word."""
    mail.refusals["sender@relay.example"] = "550 sender@relay.example: unknown"
    with SmtpSession(server_at(mail.port)) as session, pytest.raises(Permanent):
        session.send(delivery("sender@relay.example"))


@pytest.mark.parametrize(("answer", "error"), [("550 not yours", Temporary), ("421 going down", Unreachable)])
def test_whether_a_server_takes_our_address_is_asked_without_sending(answer: str, error: type[Exception]) -> None:
    """Doctor asks so."""

    class Picky:
        def __init__(self) -> None:
            self.mails = 0

        async def handle_MAIL(  # noqa: N802  # aiosmtpd's name
            self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
        ) -> str:
            self.mails += 1
            envelope.mail_from = address
            return "250 fine" if address == "good@example.com" else answer

    with serving(picky := Picky()) as port, SmtpSession(server_at(port)) as session:
        session.check_sender("good@example.com")
        with pytest.raises(Temporary, match=answer) as raised:
            session.check_sender("okr@example.com")
    assert raised.type is error
    assert picky.mails == 2
