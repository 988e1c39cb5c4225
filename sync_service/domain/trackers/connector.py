"""The connector protocol, and the errors that tell a caller what to do.

A connector is our code for one kind of tracker. Everything except `fetch_issue` is pure. The core knows only this
module; a third tracker is one new folder under `connectors/` and one line in its registry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, runtime_checkable

from sync_service.domain.trackers.observations import FetchNeeded, ParsedDelivery, Snapshot


class ConnectorError(Exception):
    """An error of a call to a tracker; the subclass says what the caller should do."""


class Unavailable(ConnectorError):
    """The tracker cannot answer now: retry at `retry_at`, or after our own backoff when it is None.

    `bucket` is the rate limit bucket that must wait: a credential or one of its resources (`installation 7`,
    `installation 7/core`), each with its own limit; empty for the whole connection. `guessed`: the tracker gave no
    time, so each repetition makes the wait longer.
    """

    def __init__(
        self, message: str, retry_at: datetime | None = None, *, bucket: str = "", guessed: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_at = retry_at
        self.bucket = bucket
        self.guessed = guessed


class Gone(ConnectorError):
    """The issue is not there. `proven`: it was deleted or moved, not merely hidden from us.

    `successor` and `moved_to` are its new identity and key, if known.
    """

    def __init__(
        self, message: str, *, proven: bool, successor: str | None = None, moved_to: str | None = None
    ) -> None:
        super().__init__(message)
        self.proven = proven
        self.successor = successor
        self.moved_to = moved_to


class ResolvedTo(ConnectorError):
    """The requested identity is only another id of an issue: fetch that issue, by its identity, instead."""

    def __init__(self, fetch: FetchNeeded) -> None:
        super().__init__(f"it is {fetch.key}")
        self.fetch = fetch


class Refused(ConnectorError):
    """Bad credentials or missing permission: make no more calls on this connection until somebody fixes it.

    `about_credentials`: the tracker read the credentials and refused them, or they can't be used to call it. A failed
    TLS connection, a redirect or a CAPTCHA says nothing about them.
    """

    def __init__(self, message: str, *, about_credentials: bool = False) -> None:
        super().__init__(message)
        self.about_credentials = about_credentials


class Rejected(ConnectorError):
    """A request or body that will never work: bury it, with the message as the reason."""


class WrongField(ValueError):
    """A field that a person filled in, by its name, does not fit the tracker; the message says what is allowed."""

    def __init__(self, field: str, allowed: str) -> None:
        super().__init__(allowed)
        self.field = field


@dataclass(frozen=True, slots=True)
class Option:
    """A setting of a connection that only this kind of tracker has, as in the configuration file.

    An option `for_token` has a meaning only with a token. `label` is its name on pages, if it differs from `name`.
    """

    name: str
    form: Literal["text", "texts", "flag", "start", "fields", "secret", "app", "oauth"]
    help: str
    for_token: bool = False
    label: str = ""

    @property
    def title(self) -> str:
        """Return its name on pages."""
        return self.label or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class AppKey:
    """A registered app of the tracker that we act as: its id there, and its private key (PEM, not encrypted)."""

    id: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """An OAuth app registered at the tracker, which a person may authorise: client id and secret, not encrypted."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One configured tracker as its connector sees it. `token`, `app` and `client` are not encrypted: never log them.

    At most one of the three is configured. With a `client`, a person's authorisation gives the current access `token`,
    and `site_id`, the tracker's id of the authorised site. `hook_url` is where its webhooks must be sent.
    `owner_marker` tells what we wrote on issues from what others wrote; None before the first write. `writes_back`:
    notes are written on issues, which takes more permissions.
    """

    slug: str
    site: str
    options: Mapping[str, str | bool | Sequence[str] | Mapping[str, Any]] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    app: AppKey | None = field(default=None, repr=False)
    hook_url: str = ""
    client: OAuthClient | None = field(default=None, repr=False)
    site_id: str | None = None
    owner_marker: str | None = None
    writes_back: bool = False

    def texts(self, name: str) -> Sequence[str]:
        """Return the values of a text option, one or several; empty when it is not set."""
        written = self.options.get(name)
        return (written,) if isinstance(written, str) else written if isinstance(written, Sequence) else ()

    @property
    def own_url(self) -> str:
        """Return our own base URL, without a slash at the end."""
        return self.hook_url.removesuffix(f"/hooks/{self.slug}")

    @property
    def has_credentials(self) -> bool:
        """Return whether there are credentials to call with."""
        return bool(self.token or self.app)


@dataclass(frozen=True, slots=True)
class WebhookRequest:
    """A webhook request as received: header names in lower case, body as raw bytes."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Connector(Protocol):
    """Our code for one kind of tracker."""

    kind: str
    """The `kind` in the configuration file: `github`."""

    title: str
    """The name shown to people: `GitHub`."""

    default_site: str | None
    """The site used when the configuration names none; None when it must name one."""

    options: tuple[Option, ...]
    """Settings beyond those that every connection has."""

    stored_headers: tuple[str, ...]
    """Request headers to store with a delivery, in lower case; never a signature or a secret."""

    def verify(self, post: WebhookRequest, secrets: Sequence[str], client: OAuthClient | None = None) -> bool:
        """Return whether `post` was signed with one of `secrets`, in constant time; an empty secret never matches.

        The tracker of an OAuth app may identify itself by a token that is signed with the secret of `client`.
        """
        ...

    def delivery_id(self, post: WebhookRequest) -> str:
        """Return the tracker's id of the delivery, the same for a redelivery (at most 200 characters)."""
        ...

    def parse_delivery(self, post: WebhookRequest, connection: Connection) -> ParsedDelivery:
        """Parse a verified delivery, without any call. Raise `Rejected` when the body is unreadable."""
        ...

    def normalize_key(self, text: str, *, site: str = "") -> str:
        """Return the canonical form of an issue key that a person typed, or of an address at this site.

        Raise `ValueError` with what is allowed.
        """
        ...

    def fetch_issue(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Fetch one issue with the connection's credentials. Raise any `ConnectorError`."""
        ...


@runtime_checkable
class NamesScopes(Protocol):
    """A connector that reads what a person wrote for a scope. Makes no calls."""

    def normalize_scope(self, written: str, *, site: str) -> str:
        """Return a scope's name, from the name or from its address at `site`, the connection's site.

        Raise `ValueError` with what is allowed, as the end of a sentence, when this can't be one scope of that site.
        """
        ...


def read_scope(connector: object, written: str, *, site: str) -> str:
    """Return a scope's name as its connector reads it, or the text itself. Raise `ValueError` with what is allowed."""
    return connector.normalize_scope(written, site=site) if isinstance(connector, NamesScopes) else written
