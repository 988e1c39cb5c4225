"""Parse the URLs among the settings: database, Redis, SMTP server, and our own base URL.

Each function takes what the operator wrote and returns what the code uses, or raises `ValueError` with the reason.
"""

import importlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from redis import Redis

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

POSTGRES_DRIVER = "postgresql+psycopg"
POSTGRES_SCHEMES = frozenset({"postgres", "postgresql", POSTGRES_DRIVER})
REDIS_SCHEMES = frozenset({"redis", "rediss", "unix"})

ESCAPES = "in a user or password, write @ as %40, : as %3A, / as %2F, ? as %3F, # as %23 and % as %25"


Security = Literal["tls", "starttls", "offered", "plain"]

SMTP_SECURITY: Mapping[str, Security] = {
    "smtp": "offered",
    "smtps": "tls",
    "smtp+starttls": "starttls",
    "smtp+plain": "plain",
}
SMTP_PORTS: Mapping[Security, int] = {"tls": 465, "starttls": 587, "offered": 25, "plain": 25}

_EHLO_NAME = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|\[(?:[0-9.]+|IPv6:[0-9A-Fa-f:.]+)\]", re.ASCII
)
_PATH = re.compile(r"(?:/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpServer:
    """The SMTP server that takes our mails.

    `security`: "tls" from the first byte; "starttls", or else no mail is sent; "offered": STARTTLS if the server has
    it; "plain": never. `ehlo_name`: how we name this machine to it; None for its own host name.
    """

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    ehlo_name: str | None = None


def database_url(written: str) -> str:
    """Return an SQLAlchemy URL. `postgres://` and `postgresql://`, as platforms write them, get our driver."""
    scheme, separator, rest = written.partition("://")
    if scheme in POSTGRES_SCHEMES and separator:
        return _postgresql_url(f"{POSTGRES_DRIVER}://{rest}")
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return _sqlite_url(rest[1:])
    raise ValueError("it is neither a PostgreSQL URL nor sqlite:///FILE")


def _postgresql_url(url: str) -> str:
    parts = split(url)
    if url.count("@") > 1 or parts.fragment:
        raise ValueError(f"it can't be read as an address; {ESCAPES}")
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        _check_option(name, value)
    return url


def _check_option(name: str, value: str) -> None:
    """Raise `ValueError` for an option that neither PostgreSQL's own library nor psycopg takes from an address."""
    if name == "prepare_threshold":
        if not (value.isdecimal() or value.lower() == "none"):
            raise ValueError("its option prepare_threshold is a whole number, or none")
        return
    psycopg = importlib.import_module("psycopg")  # only with PostgreSQL: it takes time and memory
    try:
        psycopg.conninfo.make_conninfo(**{name: value})
    except psycopg.ProgrammingError:
        raise ValueError(
            f"it has the option {name!r}, which PostgreSQL's library does not know; leave it out"
            " (a pooler such as PgBouncer is recognised without an option)"
        ) from None
    if name == "connect_timeout" and not value.isdecimal():
        raise ValueError("its option connect_timeout is a whole number of seconds")


def _sqlite_url(path: str) -> str:
    if "?" in path:
        raise ValueError("a SQLite file takes no options; remove what follows the question mark")
    return f"sqlite:///{expanded(Path(path))}"


def expanded(path: Path) -> Path:
    """Return a path with `~` and `~USER` as the home directory. Raise `ValueError` when there is no such home."""
    try:
        return path.expanduser()
    except RuntimeError:
        raise ValueError("it begins with the home directory of an unknown user") from None


def redis_url(written: str) -> str:
    """Return the URL of a Redis or Valkey server, as redis-py takes it."""
    parts = split(written)
    if parts.scheme not in REDIS_SCHEMES:
        raise ValueError(f"its scheme is {parts.scheme or 'missing'}, not redis, rediss or unix")
    if not (parts.path if parts.scheme == "unix" else parts.hostname):
        raise ValueError("it names no server")
    try:
        Redis.from_url(written).connection_pool.make_connection()  # it connects when first used
    except (ValueError, TypeError):
        raise ValueError("it has an option, or a value of one, that redis-py does not know") from None
    return written


def smtp_server(written: str) -> SmtpServer:
    """Return the SMTP server. A password is never sent unencrypted, except to this machine.

    `smtps://` uses TLS from the first byte (port 465). `smtp+starttls://` requires STARTTLS (port 587). `smtp://` uses
    STARTTLS if the server offers it (port 25); with a password it requires it (port 587). `smtp+plain://` never does.
    """
    parts = split(written)
    security = SMTP_SECURITY.get(parts.scheme)
    if security is None:
        raise ValueError(f"its scheme is {parts.scheme or 'missing'}, not {listed(SMTP_SECURITY)}")
    if not parts.hostname:
        raise ValueError("it names no server")
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("nothing may follow the port")
    if parts.password is not None and parts.hostname not in LOOPBACK:
        if security == "plain":
            raise ValueError("a password is never sent without encryption")
        security = "starttls" if security == "offered" else security
    return SmtpServer(
        host=parts.hostname,
        port=parts.port or SMTP_PORTS[security],
        security=security,
        user=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password is not None else None,
    )


def base_url(written: str) -> str:
    """Return the URL at which people reach the pages, without a slash at the end."""
    parts = split(written)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("it is not an http or https address")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("it may hold no user, query or fragment")
    if any(sign.isspace() for sign in parts.netloc):
        raise ValueError("its host may hold no space, also not at the end")
    path = parts.path.rstrip("/")
    if not _PATH.fullmatch(path) or {".", ".."} & set(path.split("/")):
        raise ValueError("its path may hold only letters, digits, and - . _ ~ between single slashes")
    return f"{parts.scheme}://{parts.netloc}{path}"


def ehlo_name(written: str) -> str:
    """Return the name by which we greet the SMTP server: a host name, or an IP address in brackets."""
    if not _EHLO_NAME.fullmatch(written):
        raise ValueError("it is neither a host name nor an address in brackets")
    return written


def listed(names: Iterable[str]) -> str:
    """Join names as in a sentence: "smtp, smtps or smtp+plain"."""
    *first, last = names
    return f"{', '.join(first)} or {last}"


def split(written: str) -> SplitResult:
    """Split a URL. Raise `ValueError` for a bad port too, which the standard library detects only on access.

    The message quotes nothing of the URL: a sign that was not escaped makes a password look like a port.
    """
    try:
        parts = urlsplit(written)
        port = parts.port
    except ValueError:
        raise ValueError(f"it can't be read as an address with a port; {ESCAPES}") from None
    if "@" in written.replace(parts.netloc, "", 1) and parts.scheme != "unix":  # a socket's path may have one
        raise ValueError(f"it can't be read as an address; {ESCAPES}")
    if port == 0:
        raise ValueError("port 0 is not an address")
    return parts
