"""The way out: hands mails to an SMTP server, and says by error whether trying again can help.

What a reply's first digit means: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
"""

import contextlib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from types import TracebackType
from typing import Literal, Self

SECONDS = 30.0
"""How long each step of the conversation may take."""

BUSY = 421
"""The reply of a server that is about to hang up."""

TOO_LARGE = 552


class Temporary(Exception):
    """The mail was not taken now; it may be later."""


class Unreachable(Temporary):
    """The server itself can't be used now, for no mail: away, hung up, or it does not let us in."""


class Permanent(Exception):
    """The mail will never be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where mail is handed in.

    `security`: "tls" from the first byte, "starttls" or no mail at all, or STARTTLS where it is "offered".
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "offered"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class Line:
    """One connection to the server, opened with the first mail and used as long as it works."""

    def __init__(self, server: Server, *, seconds: float = SECONDS) -> None:
        self._server = server
        self._seconds = seconds
        self._client: smtplib.SMTP | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._hang_up()

    def open(self) -> bool:
        """Connect and sign in, without sending; tell whether what follows is encrypted. Raises `Unreachable`."""
        return isinstance(self._connected().sock, ssl.SSLSocket)

    def send(self, message: EmailMessage) -> None:
        """Hand over one mail, from and to whom its headers say. Raises `Temporary`, `Unreachable` or `Permanent`."""
        client = self._connected()
        try:
            with _told_apart():
                client.send_message(message)
        except Unreachable:
            self._hang_up()
            raise

    def _connected(self) -> smtplib.SMTP:
        # A server may hang up between two mails; asking costs less than wondering whether a mail went out.
        if self._client is not None and not _answers(self._client):
            self._hang_up()
        if self._client is None:
            try:
                self._client = self._connect()
            except (smtplib.SMTPException, OSError) as error:
                raise Unreachable(f"{self._server.host}:{self._server.port} {_reason(error)}") from error
        return self._client

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            context = ssl.create_default_context()
            client: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=self._seconds, context=context)
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=self._seconds)
        try:
            client.ehlo_or_helo_if_needed()
            if server.security == "starttls" or (server.security == "offered" and client.has_extn("starttls")):
                client.starttls(context=_context(server))
                client.ehlo()
            if server.user is not None:
                client.login(server.user, server.password or "")
        except BaseException:
            client.close()
            raise
        return client

    def _hang_up(self) -> None:
        if self._client is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self._client.quit()
            self._client.close()
            self._client = None


def _context(server: Server) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.security == "offered":
        # The alternative is no encryption at all. https://www.rfc-editor.org/rfc/rfc7435#section-3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _answers(client: smtplib.SMTP) -> bool:
    try:
        return client.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


@contextlib.contextmanager
def _told_apart() -> Iterator[None]:
    """Turn what the SMTP library raises while a mail is handed over into our three errors."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        raise _meaning(code, f"{code} {_text(reply)}") from error
    except smtplib.SMTPSenderRefused as error:
        reason = f"{error.smtp_code} {_text(error.smtp_error)} (to our address, {error.sender})"
        if error.smtp_code in (BUSY, TOO_LARGE):
            raise _meaning(error.smtp_code, reason) from error
        raise Temporary(reason) from error  # the operator mends that, and no mail should be lost meanwhile
    except smtplib.SMTPResponseException as error:
        raise _meaning(error.smtp_code, f"{error.smtp_code} {_text(error.smtp_error)}") from error
    except smtplib.SMTPNotSupportedError as error:
        raise Permanent(_reason(error)) from error  # an address outside ASCII, and the server takes none
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(_reason(error)) from error


def _meaning(code: int, reason: str) -> Exception:
    if code == BUSY:
        return Unreachable(reason)
    return Permanent(reason) if code >= 500 else Temporary(reason)


def _reason(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"refuses us: {error.smtp_code} {_text(error.smtp_error)}"
    return f"can't be used: {error or type(error).__name__}"


def _text(reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return " ".join(text.split())[:400]
