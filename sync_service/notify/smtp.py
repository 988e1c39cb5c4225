"""Send mails to an SMTP server; the error says whether a retry can help.

What the first digit of a reply means: https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1
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
"""Timeout of each step of the SMTP session."""

BUSY = 421
"""The reply code of a server that is about to close the connection."""

TOO_LARGE = 552


class Temporary(Exception):
    """The server did not accept the mail now; it may accept it later."""


class Unreachable(Temporary):
    """The server can't be used now, for any mail: no answer, a closed connection, or a failed login."""


class Permanent(Exception):
    """The server will never accept the mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The SMTP server to send through.

    `security`: "tls" from the first byte; "starttls", or no mail is sent; "offered", STARTTLS only where the server
    offers it.
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "offered"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)


class SmtpSession:
    """One SMTP session, opened with the first mail and used as long as it works.

    `unreachable`: the last mail found no server that can take mails now.
    """

    def __init__(self, server: Server, *, seconds: float = SECONDS) -> None:
        self._server = server
        self._seconds = seconds
        self._client: smtplib.SMTP | None = None
        self.unreachable = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._close()

    def open(self) -> bool:
        """Connect and log in, without sending; return whether the session is encrypted. Raise `Unreachable`."""
        return isinstance(self._connected().sock, ssl.SSLSocket)

    def send(self, message: EmailMessage) -> None:
        """Send one mail, from and to its headers' addresses. Raise `Temporary`, `Unreachable` or `Permanent`."""
        try:
            client = self._connected()
            with _translated_errors():
                client.send_message(message)
        except Unreachable:
            self.unreachable = True
            self._close()
            raise

    def _connected(self) -> smtplib.SMTP:
        # A server may close the session between two mails. A NOOP is cheaper than not knowing whether a mail was sent.
        if self._client is not None and not _answers(self._client):
            self._close()
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

    def _close(self) -> None:
        if self._client is not None:
            with contextlib.suppress(smtplib.SMTPException, OSError):
                self._client.quit()
            self._client.close()
            self._client = None


def _context(server: Server) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if server.security == "offered":
        # Without this there would be no encryption at all. https://www.rfc-editor.org/rfc/rfc7435#section-3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _answers(client: smtplib.SMTP) -> bool:
    try:
        return client.noop()[0] == 250
    except (smtplib.SMTPException, OSError):
        return False


@contextlib.contextmanager
def _translated_errors() -> Iterator[None]:
    """Translate the SMTP library's errors for one mail to our three errors."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        raise _error_of(code, f"{code} {_text(reply)}") from error
    except smtplib.SMTPSenderRefused as error:
        reason = f"{error.smtp_code} {_text(error.smtp_error)} (to our address, {error.sender})"
        if error.smtp_code in (BUSY, TOO_LARGE):
            raise _error_of(error.smtp_code, reason) from error
        raise Temporary(reason) from error  # the operator can fix that, and no mail should be lost meanwhile
    except smtplib.SMTPResponseException as error:
        raise _error_of(error.smtp_code, f"{error.smtp_code} {_text(error.smtp_error)}") from error
    except smtplib.SMTPNotSupportedError as error:
        raise Permanent(_reason(error)) from error  # a non-ASCII address, and the server accepts none
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(_reason(error)) from error


def _error_of(code: int, reason: str) -> Exception:
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
