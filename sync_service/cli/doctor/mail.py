"""Checks of the mail: the sender, and the SMTP server, to which nothing is sent."""

from collections.abc import Iterator
from dataclasses import asdict

from config.settings import Settings
from config.urls import LOOPBACK
from sync_service.domain.people.mail_address import mailbox
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.notify import smtp

SMTP_SECONDS = 10.0

ONLY_HERE = frozenset({"localhost", "local", "internal", "lan", "home", "test", "invalid", "localdomain"})
"""Last labels of hosts that no mail server elsewhere can find. https://www.rfc-editor.org/rfc/rfc6761"""

SET_SENDER = "set OKR_SYNC_MAIL_FROM to an address that your SMTP server sends for, like OKR Sync <okr@example.com>"


def check_smtp(settings: Settings) -> Iterator[Finding]:
    """Check the sender, connect, sign in, and ask whether the server takes the sender, without sending anything."""
    if settings.smtp is None:
        says = "none is set: mails are not sent, but shown to admins on the page Mailbox"
        yield Finding(what="SMTP", well=True, says=says)
        return
    yield from _sender_host(settings)
    server = smtp.Server(**asdict(settings.smtp))
    try:
        with smtp.SmtpSession(server, seconds=SMTP_SECONDS) as session:
            yield _connection(server, encrypted=session.open())
            yield _sender(session, settings)
    except smtp.Unreachable as error:
        mend = "check SMTP_URL with user and password, and that this machine may connect there"
        yield Finding(what="SMTP", well=False, says=str(error), mend=mend)


def _sender_host(settings: Settings) -> Iterator[Finding]:
    """Yield a finding for a sender that mail servers elsewhere refuse. One that somebody set may be for a network."""
    _, address = mailbox(settings.mail_from)
    host = address.rpartition("@")[2]
    if host.startswith("[") or "." not in host or host.rpartition(".")[2] in ONLY_HERE:
        by_default = settings.given_mail_from is None
        says = f"mails come from {address}, which mail servers outside your network refuse"
        if by_default:
            says = f"mails come from {address}, made of the base URL; hardly any mail server accepts that"
        yield Finding(what="sender's host", well=False if by_default else None, says=says, mend=SET_SENDER)


def _connection(server: smtp.Server, *, encrypted: bool) -> Finding:
    as_user = f", signed in as {server.user}" if server.user else ""
    if encrypted or server.host in LOOPBACK:
        return Finding(what="SMTP", well=True, says=f"{server.address} answers{as_user}")
    mend = "write smtp+starttls:// or smtps:// in SMTP_URL, if the server supports it"
    return Finding(what="SMTP", well=None, says=f"{server.address} answers{as_user}, without encryption", mend=mend)


def _sender(session: smtp.SmtpSession, settings: Settings) -> Finding:
    _, address = mailbox(settings.mail_from)
    try:
        session.check_sender(address)
    except (smtp.Temporary, smtp.Permanent) as error:
        if isinstance(error, smtp.Unreachable):
            raise
        return Finding(what="sender", well=False, says=f"the server refuses {address}: {error}", mend=SET_SENDER)
    return Finding(what="sender", well=True, says=f"the server takes mails from {address}")
