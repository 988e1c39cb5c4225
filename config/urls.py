"""Parse the URLs among the settings: database, Redis, SMTP server, and our own base URL.

Each function takes what the operator wrote and returns what the code uses, or raises `ValueError` with the reason.
"""

from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import SplitResult, unquote, urlsplit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

POSTGRES_DRIVER = "postgresql+psycopg"
POSTGRES_SCHEMES = frozenset({"postgres", "postgresql", POSTGRES_DRIVER})
REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """The SMTP server that takes our mails.

    `security`: "tls" from the first byte; "starttls", or else no mail is sent; "offered": STARTTLS if the server has
    it.
    """

    host: str
    port: int
    security: Literal["tls", "starttls", "offered"]
    user: str | None = None
    password: str | None = field(default=None, repr=False)


def database_url(written: str) -> str:
    """Return an SQLAlchemy URL. `postgres://` and `postgresql://`, as platforms write them, get our driver."""
    scheme, separator, rest = written.partition("://")
    if scheme in POSTGRES_SCHEMES and separator:
        return f"{POSTGRES_DRIVER}://{rest}"
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return written
    raise ValueError("it is neither a PostgreSQL URL nor sqlite:///FILE")


def redis_url(written: str) -> str:
    """Return the URL of a Redis or Valkey server, as redis-py takes it."""
    parts = split(written)
    if parts.scheme not in REDIS_SCHEMES:
        raise ValueError(f"its scheme is {parts.scheme or 'missing'}, not redis, rediss or unix")
    if not (parts.path if parts.scheme == "unix" else parts.hostname):
        raise ValueError("it names no server")
    return written


def smtp_server(written: str) -> SmtpServer:
    """Return the SMTP server. A password is never sent unencrypted, except to this machine.

    `smtps://` uses TLS from the first byte (port 465). `smtp+starttls://` requires STARTTLS (port 587). `smtp://` uses
    STARTTLS if the server offers it (port 25); with a password it requires it (port 587).
    """
    parts = split(written)
    if parts.scheme not in {"smtp", "smtps", "smtp+starttls"}:
        raise ValueError(f"its scheme is {parts.scheme or 'missing'}, not smtp, smtps or smtp+starttls")
    if not parts.hostname:
        raise ValueError("it names no server")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("nothing may follow the port")
    if parts.scheme == "smtps":
        security: Literal["tls", "starttls", "offered"] = "tls"
    elif parts.scheme == "smtp+starttls" or (parts.password is not None and parts.hostname not in LOOPBACK):
        security = "starttls"
    else:
        security = "offered"
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or {"tls": 465, "starttls": 587, "offered": 25}[security],
        security=security,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )


def base_url(written: str) -> str:
    """Return the URL at which people reach the pages, without a slash at the end."""
    parts = split(written)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it is not an http or https address")
    if parts.username or parts.query or parts.fragment:
        raise ValueError("it may hold no user, query or fragment")
    return written.rstrip("/")


def split(written: str) -> SplitResult:
    """Split a URL. Raise `ValueError` for a bad port too, which the standard library detects only on access."""
    parts = urlsplit(written)
    if parts.port == 0:
        raise ValueError("port 0 is not an address")
    return parts
