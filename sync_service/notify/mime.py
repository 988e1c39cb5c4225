"""Build the MIME message of a mail: headers that mark it as automatic, a text part and an HTML part.

Only the standard library is used here and below, so that a test can run it on every Python there is.
"""

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime
from typing import Any

from sync_service.domain.people.mail_address import mailbox, smtp_address
from sync_service.notify.headers import mailbox_value, text_value


class Unaddressable(ValueError):
    """An address that is not a valid e-mail address."""


@dataclass(frozen=True, slots=True)
class Content:
    """A mail without its headers. The subject is one line."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to be sent, and its addresses as SMTP writes them."""

    message: EmailMessage
    sender: str
    recipient: str


class AsWritten(EmailPolicy):
    """Keep the headers as we wrote them: the library's own folding changes texts outside ASCII on Python 3.11."""

    def header_store_parse(self, name: str, value: Any) -> tuple[str, Any]:
        """Return a header unchanged."""
        return name, value


POLICY = AsWritten(linesep="\r\n", refold_source="none")


def host_of(sender: str) -> str:
    """Return the host of a sender like `OKR Sync <okr@example.com>`, in ASCII, for Message-IDs."""
    return _mailbox(sender)[1].rpartition("@")[2]


def build(content: Content, *, sender: str, recipient: str, message_id: str, created_at: datetime) -> Mail:
    """Build the mail. Raise `Unaddressable` for an invalid address."""
    message = EmailMessage(policy=POLICY)
    display, address = _mailbox(sender)
    message["From"] = mailbox_value("From", display=display, address=address)
    message["To"] = to = _address(recipient)
    message["Subject"] = text_value("Subject", content.subject)
    message["Date"] = format_datetime(created_at)
    message["Message-ID"] = message_id
    # No out-of-office reply to a machine. https://www.rfc-editor.org/rfc/rfc3834#section-5
    message["Auto-Submitted"] = "auto-generated"
    # https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail/ced68690-498a-4567-9d14-5c01f974d8b1
    message["X-Auto-Response-Suppress"] = "All"
    # Not every server accepts eight-bit bodies; this encoding passes through all of them.
    message.set_content(content.text, cte="quoted-printable")
    message.add_alternative(content.html, subtype="html", cte="quoted-printable")
    return Mail(message, address, to)


def _mailbox(sender: str) -> tuple[str, str]:
    try:
        return mailbox(sender)
    except ValueError as error:
        raise Unaddressable(str(error)) from error


def _address(written: str) -> str:
    try:
        return smtp_address(written)
    except ValueError as error:
        raise Unaddressable(str(error)) from error
