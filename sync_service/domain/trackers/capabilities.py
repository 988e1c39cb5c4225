"""Connector capabilities: optional protocols; callers check for each with `isinstance` where they use it.

A connector may lack any of them: the feature then says that this tracker cannot do it. Every call may raise any
`ConnectorError` unless it says otherwise. Capabilities that make calls need credentials.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, Protocol, runtime_checkable

from sync_service.domain.trackers.connector import AppKey, Connection, Gone, Rejected, ResolvedTo
from sync_service.domain.trackers.observations import Observation, ScopeRef, Snapshot


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangesRequest:
    """A request for the changes of a scope: the scope's name, and the tracker's id of it if known.

    `since` None asks for everything.
    """

    name: str
    id: str | None
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a scope's issues, oldest change first.

    `cursor` is where the next page begins, None at the end. `expected` is about how many issues there are in all, if
    the tracker says. `newest` is the tracker's own time of the newest change on the page.
    """

    observations: tuple[Observation, ...]
    cursor: str | None
    expected: int | None = None
    newest: datetime | None = None


@runtime_checkable
class ListsChanges(Protocol):
    """Lists the changes of a scope, for polling."""

    def list_changes(self, connection: Connection, *, asked: ChangesRequest, cursor: str | None) -> Page:
        """Fetch one page of the issues that changed since a moment. Raise any `ConnectorError`.

        A cursor stays valid for days. An issue that changes between two pages must appear on a later one.
        """
        ...


@runtime_checkable
class HasBuckets(Protocol):
    """Has several rate limit buckets for one connection; a blocked one does not block the others."""

    def bucket_for(self, connection: Connection, *, about: str) -> str:
        """Return the bucket that a call would use, as in `Unavailable.bucket`; makes no call.

        `about` is an issue's identity, or a scope's id at the tracker or its name.
        """
        ...


FetchResult = Snapshot | ResolvedTo | Gone | Rejected
"""The result for one of many issues: its snapshot, or an error that is about this issue alone."""


@runtime_checkable
class BatchFetch(Protocol):
    """Fetches many issues with one call, or a few."""

    min_batch: int
    """From this number of issues on, one batch is cheaper than single fetches."""

    max_batch: int
    """The most issues of one batch."""

    def bucket_for_batch(self, connection: Connection, *, about: str) -> str:
        """Return the bucket that a batch fetch would use, as `HasBuckets.bucket_for` does; makes no call."""
        ...

    def fetch_issues(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, FetchResult]:
        """Fetch issues, given as identity → key; all use one bucket of the connection.

        Each snapshot equals what `fetch_issue` returns. Issues missing in the result must be fetched one by one; all of
        them, when this raises.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskResult:
    """The result of a scheduled task: its outcome in words, its `memory` for the next run, and when that is.

    `next_run_in` None: after the task's usual interval. `problem`: what it could not do, for a person to know.
    """

    outcome: str
    memory: str | None = None
    next_run_in: timedelta | None = None
    problem: str | None = None


@runtime_checkable
class HasScheduledTasks(Protocol):
    """Has scheduled tasks for a connection, such as asking for missed deliveries or refreshing webhooks."""

    def scheduled_tasks(self, connection: Connection) -> Mapping[str, timedelta]:
        """Return the scheduled tasks of a connection, name → interval; makes no call."""
        ...

    def run_task(
        self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None
    ) -> TaskResult:
        """Run one task for the watched scopes; `memory` is the one that the last run returned."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthTokens:
    """OAuth tokens, not encrypted.

    `refresh` can be used once; the refresh returns the next one. `site_id` is the tracker's id of the connection's
    site.
    """

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime
    site_id: str


@runtime_checkable
class SupportsOAuth(Protocol):
    """Connects by OAuth 2.0: a person authorises us at the tracker, for a connection with a `client`."""

    def authorization_url(self, connection: Connection, *, redirect: str, state: str) -> str:
        """Return the tracker's authorisation URL, which leads back to `redirect`; makes no call."""
        ...

    def exchange_code(self, connection: Connection, *, code: str, redirect: str) -> OAuthTokens:
        """Exchange the returned code for tokens. Raise `Refused` when they do not reach the site."""
        ...

    def refresh_tokens(self, connection: Connection, *, refresh: str) -> OAuthTokens:
        """Refresh the tokens. Raise `Refused` when the authorisation has ended: a person must authorise again."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ManualWebhook:
    """What a person enters and ticks at the tracker to create a webhook there.

    `where` is the way to the form, in the tracker's words. `fields` are pairs of name and value; the secret is not
    among them, the caller shows it under the name `secret_field`. `events` are the boxes to tick. `sends_ping`: the
    tracker sends a delivery (a ping) at once.
    """

    where: str
    url_field: str
    secret_field: str
    fields: Sequence[tuple[str, str]]
    events: Sequence[str]
    sends_ping: bool


@runtime_checkable
class HasSetupGuide(Protocol):
    """Explains how to connect the tracker. Makes no calls."""

    credentials_help: str
    """The permissions that a token needs, in the tracker's words."""

    scope_word: str
    """What people call a scope: `repository`."""

    scope_example: str
    """A scope's name as people write it: `acme/checkout`."""

    def normalize_site(self, written: str) -> str:
        """Return the site for an address that a person typed; return any other text unchanged."""
        ...

    def manual_webhook(self, *, scopes: Sequence[str]) -> ManualWebhook:
        """Return the values for a webhook that a person creates for these scopes."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The account that our credentials belong to.

    `missing_permissions` are missing permissions. An app is installed at `install_url`.
    """

    name: str
    missing_permissions: Sequence[str] = ()
    install_url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailableScopes:
    """The scopes that the credentials see, as pairs of name and another name for people; `more`: there are more."""

    scopes: Sequence[tuple[str, str]]
    more: bool


@runtime_checkable
class ListsScopes(Protocol):
    """Says whose the credentials are and which scopes they see. Every call may raise."""

    def identify(self, connection: Connection) -> Identity:
        """Ask the tracker whose the credentials are; the number of calls is bounded."""
        ...

    def list_scopes(self, connection: Connection, *, most: int) -> AvailableScopes:
        """List about `most` scopes at most, with their present names."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookResult:
    """The result of creating one webhook: where, whether it is there now, and what was done or why not."""

    where: str
    made: bool
    says: str


@runtime_checkable
class CreatesWebhooks(Protocol):
    """Creates webhooks by API. Changes a webhook that already goes to the same address; never adds a second."""

    def webhook_mode(self, credentials: str) -> Literal["each", "one"] | None:
        """Return what credentials of one kind create: a webhook for `each` scope, or `one` for all.

        The kinds are `token`, `app` and `exchange_code`. None when they create none, or when the tracker creates it by
        itself. Makes no call.
        """
        ...

    def create_webhooks(
        self, connection: Connection, *, scopes: Sequence[str], hook_url: str, secret: str
    ) -> Sequence[WebhookResult]:
        """Create the webhooks that send the deliveries of these scopes to `hook_url`.

        An error about one webhook is in its result; raise an error that is about all of them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AppRegistration:
    """The app to register at a tracker: its name, its owner, and our addresses.

    `organization` empty: the owner is the person who is signed in there. The tracker leads back to `back_url` with a
    code, and to `installed_url` after an installation. `writes_back`: the app must be able to write notes on issues.
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
    """An HTML form that registers an app: where a browser sends it, its fields, and the permissions in words."""

    action: str
    fields: Mapping[str, str]
    asks: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredApp:
    """A registered app; `secret` is its webhook secret, None when it has none."""

    name: str
    app: AppKey
    secret: str | None = field(repr=False)


@runtime_checkable
class RegistersApps(Protocol):
    """Registers an app with one click of a person at the tracker, and takes the result."""

    def app_form(self, *, site: str, wanted: AppRegistration, state: str) -> AppForm:
        """Return the form; `state` comes back with the code. Makes no call; raise `WrongField` if it is impossible."""
        ...

    def exchange_app_code(self, *, site: str, code: str) -> RegisteredApp:
        """Exchange the returned code for the app; works once. Raise any `ConnectorError`."""
        ...
