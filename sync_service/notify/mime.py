"""Build the MIME message of a mail: headers that mark it as automatic, a text part and an HTML part."""

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from sync_service.notify.render import Content


class Unaddressable(ValueError):
    """An address that is not a valid e-mail address."""


def host_of(sender: str) -> str:
    """Return the host of a sender like `OKR Sync <okr@example.com>`, in ASCII, for Message-IDs."""
    return _ascii(parseaddr(sender)[1]).rpartition("@")[2]


def build(content: Content, *, sender: str, recipient: str, message_id: str, created_at: datetime) -> EmailMessage:
    """Build the mail. Raise `Unaddressable` for an invalid address."""
    message = EmailMessage(policy=SMTP)
    message["From"] = _address(*parseaddr(sender))
    message["To"] = _address("", recipient)
    # The library would decode text that looks like an encoded word, with its line breaks.
    message["Subject"] = content.subject.replace("=?", "= ?")
    message["Date"] = format_datetime(created_at)
    message["Message-ID"] = message_id
    # No out-of-office reply to a machine. https://www.rfc-editor.org/rfc/rfc3834#section-5
    message["Auto-Submitted"] = "auto-generated"
    # https://learn.microsoft.com/openspecs/exchange_server_protocols/ms-oxcmail/ced68690-498a-4567-9d14-5c01f974d8b1
    message["X-Auto-Response-Suppress"] = "All"
    # Not every server accepts eight-bit bodies; this encoding passes through all of them.
    message.set_content(content.text, cte="quoted-printable")
    message.add_alternative(content.html, subtype="html", cte="quoted-printable")
    return message


def _address(name: str, address: str) -> Address:
    try:
        return Address(name, addr_spec=_ascii(address))
    except (ValueError, IndexError) as error:
        raise Unaddressable(f"{address!r} is not an e-mail address") from error


def _ascii(address: str) -> str:
    """Return an address with its host in ASCII (IDNA)."""
    name, at, host = address.rpartition("@")
    if not (name and host) or any(char.isspace() for char in address):
        raise Unaddressable(f"{address!r} is not an e-mail address")
    try:
        return name + at + host.encode("idna").decode()
    except UnicodeError as error:
        raise Unaddressable(f"{address!r} is not an e-mail address") from error
