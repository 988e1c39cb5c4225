"""What a connector may be able to do besides: each ability is a protocol of its own, looked for where it is used.

A connector that lacks one is none the worse: what needs the ability says that this tracker can't do it. Every call
may raise any `ConnectorError` unless it says otherwise. Abilities that call need credentials.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

from sync_service.domain.connectors import App, Connection, Elsewhere, Gone, Rejected
from sync_service.domain.issues import Observation, ScopeRef, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A scope to be asked for changes: its name, and the tracker's id of it where that is known.

    `since` None asks for everything there is.
    """

    name: str
    id: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of what a scope has to show: oldest change first.

    `cursor` is where the next page begins, None at the end. `expected` is about how many issues there are in all, where
    the tracker tells. `newest` is the tracker's own time of the newest change on the page.
    """

    observations: tuple[Observation, ...]
    cursor: str | None
    expected: int | None = None
    newest: datetime | None = None


@runtime_checkable
class Lists(Protocol):
    """What a connector can do besides, whose tracker can be asked for the changes of a scope."""

    def changes(self, connection: Connection, *, asked: Asked, cursor: str | None) -> Page:
        """Fetch a page of the issues that changed since a moment. Raises any `ConnectorError`.

        A cursor stays good for days, and whatever changes between two pages comes on a later one.
        """
        ...


@runtime_checkable
class Parts(Protocol):
    """What a connector can do besides, one of whose connections has several limits that don't stop each other."""

    def part(self, connection: Connection, *, about: str) -> str:
        """Name the part of a connection that a call would use, as `Unavailable.part` does; makes no call.

        The call is `about` an issue, by its identity, or about a scope, by the tracker's id of it or its name.
        """
        ...


Seen = Snapshot | Elsewhere | Gone | Rejected
"""What a look at one of many issues gives: the issue, or the error that is about it alone."""


@runtime_checkable
class LooksTogether(Protocol):
    """Looks at many issues with one call, or a few."""

    least_together: int
    """How many issues it takes for that to be cheaper than looking at each."""

    most_together: int
    """How many issues one call may be about."""

    def part_together(self, connection: Connection, *, about: str) -> str:
        """Name the part of a connection that a look at many would use, as `Parts.part` does for one; makes no call."""
        ...

    def look_together(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, Seen]:
        """Fetch issues, given as identity → key, of which all use one part of the connection.

        A snapshot is the one that a look at this issue alone gives. What is left out of the answer is to be looked at
        by itself; so is all of it where this raises.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What came of an errand: its outcome in words, what to remember until the next, and when that is.

    `again` None waits for the errand's usual interval.
    """

    outcome: str
    memory: str | None = None
    again: timedelta | None = None


@runtime_checkable
class RunsErrands(Protocol):
    """Has something to do for a connection every now and then: missed deliveries asked for, webhooks kept alive."""

    def errands(self, connection: Connection) -> Mapping[str, timedelta]:
        """Name the errands of a connection, each with its interval; makes no call."""
        ...

    def run(self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None) -> Ran:
        """Run one errand, given the watched scopes, and what the last run wanted to be remembered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person's consent lets us call with, in the clear: the token of the hour, and what the next one is for.

    `refresh` is good for one renewal, which gives another. `site_id` is the tracker's id of the connection's site.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime
    site_id: str


@runtime_checkable
class TakesConsent(Protocol):
    """Lets a person consent at the tracker that we call it, where a connection has a `client` (OAuth 2.0)."""

    def consent_address(self, connection: Connection, *, redirect: str, state: str) -> str:
        """Give the address at the tracker where a person consents, which leads back to `redirect`; makes no call."""
        ...

    def consent(self, connection: Connection, *, code: str, redirect: str) -> Consent:
        """Turn the code that came back into a consent. Raise `Refused` where it does not reach the site."""
        ...

    def renew(self, connection: Connection, *, refresh: str) -> Consent:
        """Renew a consent. Raise `Refused` where it has ended: then a person must consent again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ByHand:
    """What somebody types and ticks at the tracker to make a webhook there.

    `where` is the way to the form, in the tracker's words. `fields` are names with what to put in; the secret's is
    left to who shows it, by the name `secret_field`. `events` are the boxes to tick. `greets` tells whether the tracker
    sends something at once.
    """

    where: str
    url_field: str
    secret_field: str
    fields: Sequence[tuple[str, str]]
    events: Sequence[str]
    greets: bool


@runtime_checkable
class Guides(Protocol):
    """Tells how its tracker is connected. Nothing here calls."""

    credentials_help: str
    """What a token needs to be allowed to do, in the tracker's words."""

    scope_word: str
    """What people call a scope: `repository`."""

    scope_example: str
    """A scope's name as people write it: `acme/checkout`."""

    def site_of(self, written: str) -> str:
        """Give the site that is meant by an address as people know it; what is none comes back as it is."""
        ...

    def by_hand(self, *, scopes: Sequence[str]) -> ByHand:
        """Give the values for a webhook that is made by hand for these scopes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Introduced:
    """Who we are to a tracker. `lacks` are what the credentials may not do; an app is installed at `install_url`."""

    name: str
    lacks: Sequence[str] = ()
    install_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The scopes that credentials see, each a name and what else people call it, and whether there are more."""

    scopes: Sequence[tuple[str, str]]
    more: bool


@runtime_checkable
class Offers(Protocol):
    """Tells who one is by a connection's credentials, and which scopes they see. Every call may raise."""

    def introduce(self, connection: Connection) -> Introduced:
        """Ask the tracker who we are, by calls whose number is bounded."""
        ...

    def offer(self, connection: Connection, *, most: int) -> Offer:
        """List about as many scopes at most, as they now are."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class HookMade:
    """What came of making one webhook: where, whether it is there now, and what was done or why not."""

    where: str
    made: bool
    says: str


@runtime_checkable
class MakesHooks(Protocol):
    """Makes webhooks by calls. One that goes to the same address is changed, and never a second one made."""

    def hooks_by(self, credentials: str) -> Literal["each", "one"] | None:
        """Tell what a kind of credentials (`token`, `app`, `consent`) makes: a webhook in each scope, or one for all.

        None where they make none, or where it is made without being asked for. Makes no call.
        """
        ...

    def make_hooks(
        self, connection: Connection, *, scopes: Sequence[str], hook_url: str, secret: str
    ) -> Sequence[HookMade]:
        """Make what brings the deliveries of these scopes to an address; what went wrong with one stands beside it.

        Raise what is about all of them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppWanted:
    """The app to register at a tracker: its name, whose it is (empty: of who is signed in there), and our addresses.

    `back_url` is where one comes back to with a code, `installed_url` after an installation. `writes_back`: whether
    the connection is to write on issues.
    """

    name: str
    organization: str
    home_url: str
    hook_url: str
    back_url: str
    installed_url: str
    writes_back: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppForm:
    """A form that registers an app: where a browser is to send it, its fields, and what it asks for in words."""

    action: str
    fields: Mapping[str, str]
    asks: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class AppMade:
    """A registered app; `secret` is that of its webhook, None where it has none."""

    name: str
    app: App
    secret: str | None = field(repr=False)


@runtime_checkable
class MakesApps(Protocol):
    """Lets people register an app with one press of a button there, and takes what the tracker hands over."""

    def app_form(self, *, site: str, wanted: AppWanted, state: str) -> AppForm:
        """Give the form; `state` comes back with the code. Makes no call; raise `ValueError` where it can't be made."""
        ...

    def take_app(self, *, site: str, code: str) -> AppMade:
        """Turn the code that one came back with into the app, once. Raise any `ConnectorError`."""
        ...
