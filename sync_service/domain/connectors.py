"""What a connector promises, and the errors that say what its caller should do.

A connector is our code for one kind of tracker. Everything but `look` is pure. The core knows only this
page; a third tracker is one new folder under `connectors/` and one line in its registry.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from sync_service.domain.issues import Look, Reading, Snapshot


class ConnectorError(Exception):
    """Anything a tracker can do to us; the subclass says what to do about it."""


class Unavailable(ConnectorError):
    """The tracker can't answer now: ask again at `retry_at`, or after our own backoff where it is None.

    `part` is what has to wait: one credential or one of its resources (`installation 7`, `installation 7/core`), whose
    limits are its own; empty for the whole connection. `guessed` says that the tracker told no time: each time that
    it happens again, the wait is longer.
    """

    def __init__(
        self, message: str, retry_at: datetime | None = None, *, part: str = "", guessed: bool = False
    ) -> None:
        super().__init__(message)
        self.retry_at = retry_at
        self.part = part
        self.guessed = guessed


class Gone(ConnectorError):
    """The issue is not there. `proven` says that it was deleted or moved away, not merely hidden from us.

    Where it is known to which place it moved, `successor` and `moved_to` are its new identity and key.
    """

    def __init__(
        self, message: str, *, proven: bool, successor: str | None = None, moved_to: str | None = None
    ) -> None:
        super().__init__(message)
        self.proven = proven
        self.successor = successor
        self.moved_to = moved_to


class Elsewhere(ConnectorError):
    """What was asked for is only a name of an issue: make this `look` instead, which has the issue's identity."""

    def __init__(self, look: Look) -> None:
        super().__init__(f"it is {look.key}")
        self.look = look


class Refused(ConnectorError):
    """Credentials or permission: make no more calls on this connection until somebody mends it."""


class Rejected(ConnectorError):
    """A request or body that will never work: bury it with the message as the reason."""


@dataclass(frozen=True, slots=True)
class Option:
    """One setting of a connection that only this kind of tracker has, as written in the configuration file.

    One that is `for_token` means nothing without one. `label` is its name on pages, where it is not the
    plain `name`.
    """

    name: str
    form: Literal["text", "texts", "flag", "secret", "app", "oauth"]
    help: str
    for_token: bool = False
    label: str = ""

    @property
    def title(self) -> str:
        """Give its name on pages."""
        return self.label or self.name.replace("_", " ").capitalize()


@dataclass(frozen=True, slots=True)
class App:
    """An app registered at the tracker, as which we may call: its id there, and its private key (PEM, in the clear)."""

    id: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Client:
    """An OAuth app registered at the tracker, to which a person may consent: its client id, its secret in the clear."""

    id: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One configured tracker as its connector sees it. `token`, `app` and `client` are in the clear: never log it.

    It has one of them or none. A `client` calls by a person's consent, which brings the `token` of the hour, and
    `site_id`, the tracker's id of the site that the consent is for. `hook_url` is where its webhooks are to be sent.
    `mark` tells what we wrote there from what others did; None before we write. `writes_back` tells whether we are to
    write now, which takes more permissions.
    """

    slug: str
    site: str
    options: Mapping[str, str | bool | Sequence[str]] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    app: App | None = field(default=None, repr=False)
    hook_url: str = ""
    client: Client | None = field(default=None, repr=False)
    site_id: str | None = None
    mark: str | None = None
    writes_back: bool = False

    def texts(self, name: str) -> Sequence[str]:
        """Give the texts of an option, whether one was written or several; none where it is left out."""
        written = self.options.get(name)
        return (written,) if isinstance(written, str) else written if isinstance(written, Sequence) else ()

    @property
    def home(self) -> str:
        """Give our own address, without a slash at its end."""
        return self.hook_url.removesuffix(f"/hooks/{self.slug}")

    @property
    def has_credentials(self) -> bool:
        """Tell whether there is anything to call with."""
        return bool(self.token or self.app)


@dataclass(frozen=True, slots=True)
class Post:
    """A webhook request as received: header names in lower case, body as raw bytes."""

    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class Connector(Protocol):
    """Our code for one kind of tracker."""

    kind: str
    """The word in the configuration file: `github`."""

    title: str
    """The tracker's name for people: `GitHub`."""

    default_site: str | None
    """The address used where the configuration names none; None where it must."""

    options: tuple[Option, ...]
    """Settings beyond the common ones."""

    kept_headers: tuple[str, ...]
    """The request headers stored with a delivery, in lower case; no signature and no secret among them."""

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        """Tell whether `post` was signed with one of `secrets`, in constant time; an empty secret never matches."""
        ...

    def delivery_id(self, post: Post) -> str:
        """Give the tracker's id of the delivery, equal for its repeats (at most 200 characters)."""
        ...

    def read(self, post: Post, connection: Connection) -> Reading:
        """Read a verified delivery, without any call. Raise `Rejected` where the body can't be read."""
        ...

    def key_of(self, text: str) -> str:
        """Give the canonical form of an issue key as people write it; raise `ValueError` with what is allowed."""
        ...

    def look(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Fetch one issue with the connection's credentials. Raises any `ConnectorError`."""
        ...
