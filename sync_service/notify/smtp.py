"""Send mails to an SMTP server; the error says whether a retry can help."""

import base64
import contextlib
import hmac
import smtplib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Self

from sync_service.notify.mime import Mail
from sync_service.notify.smtp_replies import (
    Permanent,
    Temporary,
    Unreachable,
    one_line,
    refused_mail,
    refused_sender,
)

__all__ = ["Permanent", "Server", "SmtpSession", "Temporary", "Unreachable"]

SECONDS = 30.0
"""Timeout of each step of the SMTP session."""

MOST_CHALLENGES = 5
"""Challenges of a server at one sign-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """The SMTP server to send through.

    `security`: "tls" from the first byte; "starttls", or no mail is sent; "offered", STARTTLS only where the server
    offers it; "plain", never. `ehlo_name`: how we name this machine; None for its own host name.
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "offered", "plain"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ehlo_name: str | None = None

    @property
    def address(self) -> str:
        """Host and port, as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


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

    def check_sender(self, sender: str) -> None:
        """Ask whether the server takes mails from an address, without sending. Raise `Temporary` or `Permanent`."""
        client = self._connected()
        with _translated_errors(sender=sender, recipient=""):
            code, reply = client.mail(sender)
            client.rset()
        if code >= 400:
            raise refused_sender(code, one_line(reply), sender=sender)

    def send(self, mail: Mail) -> None:
        """Send one mail. Raise `Temporary`, `Unreachable` or `Permanent`."""
        try:
            client = self._connected()
            with _translated_errors(sender=mail.sender, recipient=mail.recipient):
                client.send_message(mail.message, mail.sender, [mail.recipient])
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
            except (smtplib.SMTPException, OSError, ValueError) as error:  # ValueError: no host name, no base64
                raise Unreachable(f"{self._server.address} {_reason(error)}") from error
        return self._client

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            context = ssl.create_default_context()
            client: _Client = _TlsClient(
                server.host, server.port, server.ehlo_name, timeout=self._seconds, context=context
            )
        else:
            client = _Client(server.host, server.port, server.ehlo_name, timeout=self._seconds)
        try:
            client.ehlo_or_helo_if_needed()
            _start_tls(client, server)
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


class _Client(smtplib.SMTP):
    """An SMTP client that signs in with users and passwords outside ASCII, in UTF-8 as RFC 4616 says.

    https://www.rfc-editor.org/rfc/rfc4616#section-2
    """

    user: str
    password: str

    def auth(
        self, mechanism: str, authobject: Callable[..., str | None], *, initial_response_ok: bool = True
    ) -> tuple[int, bytes]:
        """Sign in by a mechanism; `authobject` answers each challenge. Raise `SMTPAuthenticationError`."""
        first = authobject() if initial_response_ok else None
        code, reply = self.docmd("AUTH", mechanism if first is None else f"{mechanism} {_base64(first)}")
        for _ in range(MOST_CHALLENGES):
            if code != 334:
                break
            code, reply = self.docmd(_base64(authobject(base64.decodebytes(reply)) or ""))
        if code not in (235, 503):
            raise smtplib.SMTPAuthenticationError(code, self._without_password(reply))
        return code, reply

    def _without_password(self, reply: bytes) -> bytes:
        """Return a reply without the password; some servers repeat a command that they refuse."""
        plain = (self.password, f"\0{self.user}\0{self.password}")
        for form in sorted({*map(_base64, plain), self.password} - {""}, key=len, reverse=True):
            reply = reply.replace(form.encode(), "…".encode())
        return reply

    def auth_login(self, challenge: object = None) -> str:
        """Return the user, then the password."""
        return self.user if challenge is None else self.password

    def auth_cram_md5(self, challenge: bytes | None = None) -> str | None:  # type: ignore[override]  # typeshed has two signatures for what is one
        """Return the answer to a challenge, as RFC 2195 says."""
        if challenge is None:
            return None
        return f"{self.user} {hmac.new(self.password.encode(), challenge, 'md5').hexdigest()}"


class _TlsClient(_Client, smtplib.SMTP_SSL):
    """The same with TLS from the first byte."""


class _TlsRefused(smtplib.SMTPException):
    """The server offers STARTTLS and then refuses it."""


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _start_tls(client: smtplib.SMTP, server: Server) -> None:
    offered = server.security == "offered" and client.has_extn("starttls")
    if server.security != "starttls" and not offered:
        return
    try:
        client.starttls(context=_context(server))
    except (smtplib.SMTPResponseException, ssl.SSLError) as error:
        hint = "; with smtp+plain:// in SMTP_URL mails are sent without encryption" if offered else ""
        raise _TlsRefused(f"it offers STARTTLS and fails at it: {_words(error)}{hint}") from error
    client.ehlo()


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
def _translated_errors(*, sender: str, recipient: str) -> Iterator[None]:
    """Translate the SMTP library's errors for one mail to our three errors."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code, reply = next(iter(error.recipients.values()))
        raise refused_mail(code, one_line(reply), sender=sender, recipient=recipient) from error
    except smtplib.SMTPSenderRefused as error:
        raise refused_sender(error.smtp_code, one_line(error.smtp_error), sender=sender) from error
    except smtplib.SMTPResponseException as error:
        text = one_line(error.smtp_error)
        raise refused_mail(error.smtp_code, text, sender=sender, recipient=recipient) from error
    except smtplib.SMTPNotSupportedError as error:
        raise Permanent(_reason(error)) from error  # a non-ASCII address, and the server accepts none
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(_reason(error)) from error


def _reason(error: Exception) -> str:
    refused = isinstance(error, smtplib.SMTPResponseException)
    return f"refuses us: {_words(error)}" if refused else f"can't be used: {_words(error)}"


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {one_line(error.smtp_error)}"
    return str(error) or type(error).__name__
