"""One mail as it goes over the wire: headers that say it was sent by a machine, a text and an HTML version."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from sync_service.mail.render import Content


class Unaddressable(ValueError):
    """An address that no mail can be sent to."""


def host_of(sender: str) -> str:
    """Give the host of a sender like `OKR Sync <okr@example.com>`, in ASCII, for Message-IDs."""
    return _ascii(parseaddr(sender)[1]).rpartition("@")[2]


def build(content: Content, *, sender: str, recipient: str, message_id: str, created_at: datetime) -> EmailMessage:
    """Build the mail. Raises `Unaddressable`."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(*parseaddr(sender))
    message["To"] = _address("", recipient)
    # The library would decode what looks encoded, line breaks and all.
    message["Subject"] = content.subject.replace("=?", "= ?")
    message["Date"] = format_datetime(created_at)
    message["Message-ID"] = message_id
    # Nobody's absence note shall answer a machine. https://www.rfc-editor.org/rfc/rfc3834#section-5
    message["Auto-Submitted"] = "auto-generated"
    # https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail/ced68690-498a-4567-9d14-5c01f974d8b1
    message["X-Auto-Response-Suppress"] = "All"
    # Not every server takes eight bits; this goes through all of them.
    message.set_content(content.text, cte="quoted-printable")
    message.add_alternative(content.html, subtype="html", cte="quoted-printable")
    return message


def _address(name: str, address: str) -> Address:
    try:
        return Address(name, addr_spec=_ascii(address))
    except (ValueError, IndexError) as error:
        raise Unaddressable(f"{address!r} is not an e-mail address") from error


def _ascii(address: str) -> str:
    """Write a host of other letters the way the mail system does."""
    name, at, host = address.rpartition("@")
    if not (name and host) or any(char.isspace() for char in address):
        raise Unaddressable(f"{address!r} is not an e-mail address")
    try:
        return name + at + host.encode("idna").decode()
    except UnicodeError as error:
        raise Unaddressable(f"{address!r} is not an e-mail address") from error
