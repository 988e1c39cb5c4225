"""Jira connector, for Cloud and Data Center: webhooks, and API calls when the connection has credentials."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal

from connectors.http import Http
from connectors.jira.api.auth import ATLASSIAN, Hosts, access, is_on_cloud
from connectors.jira.api.client import Calls
from connectors.jira.api.field_catalogue import Catalogues, informed
from connectors.jira.api.oauth import OAuth
from connectors.jira.api.rate_limits import READING, WRITING
from connectors.jira.doctor.connection import Examination
from connectors.jira.issues.fetch import look
from connectors.jira.issues.fetch_many import MOST_TOGETHER, look_together
from connectors.jira.issues.list_changes import changes
from connectors.jira.model.snapshots import DROPPED_RESOLUTIONS, KEY, account
from connectors.jira.query.match import match
from connectors.jira.query.order_by import restriction
from connectors.jira.query.search import members
from connectors.jira.query.validate import check
from connectors.jira.setup import dynamic_webhooks
from connectors.jira.setup.admin_webhook import Hooking
from connectors.jira.setup.onboarding import CREDENTIALS_HELP, by_hand, introduce, offer, site_of
from connectors.jira.webhook.events import treatment_of
from connectors.jira.webhook.jwt_signature import is_borne
from connectors.jira.write_back.issue_client import place_of
from connectors.jira.write_back.write import COMMENTS, wants_comments, withdraw, write_note
from connectors.json_fields import MOST_NUMBERS, Json, exact, table
from connectors.webhook import is_signed, json_object, letter_id
from sync_service.domain.trackers.capabilities import (
    Asked,
    ByHand,
    Consent,
    HookMade,
    Introduced,
    Offer,
    Page,
    Ran,
    Seen,
)
from sync_service.domain.trackers.connector import Connection, Option, Post, Rejected
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.domain.trackers.observations import Ignored, Reading, ScopeRef, Snapshot
from sync_service.domain.trackers.queries import Candidate, Members
from sync_service.domain.trackers.write_back import Note

_WEB_ADDRESS = re.compile(r"https?://[^/\s]+(?:/[^/\s]+)*/browse/(?P<key>[^/?#\s]+)(?:[/?#]\S*)?")


class Jira:
    """The connector of kind `jira`."""

    kind = "jira"
    title = "Jira"
    default_site: str | None = None
    options: tuple[Option, ...] = (
        Option("oauth", "oauth", "Cloud: an OAuth app instead of a token: {client_id: …, client_secret: …}"),
        Option(
            "email",
            "text",
            "E-mail address of the account that owns the API token; leave out for a Data Center token",
            for_token=True,
            label="E-mail address",
        ),
        Option(
            "dropped_resolutions",
            "texts",
            f"Resolutions that mean the work was not done, by name or id, instead of: {', '.join(DROPPED_RESOLUTIONS)}",
        ),
        Option(
            "points_field",
            "text",
            "Field with an issue's points, by id (customfield_10016) or name; found automatically with credentials",
        ),
        Option(
            "number_fields",
            "texts",
            f"Other numeric fields to store, by id or name, {MOST_NUMBERS} at most",
        ),
        Option(
            "api_site",
            "text",
            "API address, if it is not the site's: https://api.atlassian.com/ex/jira/CLOUD-ID for scoped tokens",
            for_token=True,
            label="API address",
        ),
        Option(
            COMMENTS,
            "flag",
            "With write_back: also write a comment on each issue; Jira notifies the issue's watchers",
            label="Comment on issues, too",
        ),
    )
    kept_headers: tuple[str, ...] = (
        "content-type",
        "user-agent",
        "x-atlassian-webhook-identifier",
        "x-atlassian-webhook-retry",
        "x-atlassian-webhook-flow",
    )

    most_together = MOST_TOGETHER
    least_together = 2

    def __init__(self, http: Http | None = None, *, hosts: Hosts = ATLASSIAN) -> None:
        self._http = http or Http()
        self._hosts = hosts
        self._oauth = OAuth(self._http, hosts)
        self._catalogues = Catalogues()

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        """Return whether the webhook signature is valid: `sha256` HMAC of the raw body; other methods fail.

        Webhooks of an OAuth app carry a JWT instead, signed with the app's client secret.
        """
        signed = is_signed(post.body, signature=post.headers.get("x-hub-signature"), secrets=secrets)
        return signed or is_borne(post.headers.get("authorization"), secrets)

    def delivery_id(self, post: Post) -> str:
        """Return `X-Atlassian-Webhook-Identifier`, which a retry repeats. Data Center has none: a body hash."""
        return letter_id(post.body, given=post.headers.get("x-atlassian-webhook-identifier"))

    def read(self, post: Post, connection: Connection) -> Reading:
        """Read a verified delivery by the table of events. Raise `Rejected` when its body can't be read.

        Use the field catalogue as far as earlier fetches filled it.
        """
        payload = json_object(post.body)
        name = _name_of(payload)
        treatment = treatment_of(name)
        with_fields = informed(connection, self._catalogues.known(connection))
        observations = treatment.read(payload, with_fields) if treatment.read else (Ignored(treatment.says),)
        return Reading(name=name, observations=observations, actor=account(table(payload.get("user"))))

    def key_of(self, text: str) -> str:
        """Return the key in capitals (`SHOP-12`), read from a key or from the issue's web address."""
        stripped = text.strip()
        address = _WEB_ADDRESS.fullmatch(stripped)
        key = (address["key"] if address else stripped).upper()
        if len(key) > 255 or not KEY.fullmatch(key):
            raise ValueError(f"{text[:100]!r} is not a Jira issue: write SHOP-12, or its web address")
        return key

    def look(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Fetch an issue by its id, which survives moves."""
        return look(self._calls(connection), identity=identity, key=key)

    def look_together(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, Seen]:
        """Fetch up to `most_together` issues by their ids, in one call."""
        return look_together(self._calls(connection), wanted=wanted)

    def changes(self, connection: Connection, *, asked: Asked, cursor: str | None) -> Page:
        """List the issues of a project that changed."""
        return changes(self._calls(connection), asked=asked, cursor=cursor)

    def examine(self, connection: Connection, *, scopes: Sequence[str], hooked: bool) -> Iterator[Finding]:
        """Check credentials, permissions, projects, fields and the webhook."""
        yield from Examination(self._calls(connection)).run(scopes, hooked=hooked)

    def part(self, connection: Connection, *, about: str) -> str:
        """Return the rate limit bucket of fetches and polls; a burst of writes does not block it."""
        del connection, about
        return READING

    def consent_address(self, connection: Connection, *, redirect: str, state: str) -> str:
        """Return Atlassian's OAuth authorization URL."""
        return self._oauth.consent_address(connection, redirect=redirect, state=state)

    def consent(self, connection: Connection, *, code: str, redirect: str) -> Consent:
        """Exchange the authorization code for OAuth tokens for the connection's site."""
        return self._oauth.consent(connection, code=code, redirect=redirect)

    def renew(self, connection: Connection, *, refresh: str) -> Consent:
        """Refresh the OAuth tokens. Atlassian accepts the old refresh token once more for ten minutes."""
        return self._oauth.renew(connection, refresh=refresh)

    def errands(self, connection: Connection) -> Mapping[str, timedelta]:
        """Return the scheduled task of an OAuth app: refresh its webhooks, which expire after thirty days."""
        return {dynamic_webhooks.ERRAND: dynamic_webhooks.INTERVAL} if connection.client else {}

    def run(self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None) -> Ran:
        """Register or refresh the dynamic webhook."""
        del name
        return dynamic_webhooks.keep(self._calls(connection), scopes=scopes, memory=memory)

    def part_together(self, connection: Connection, *, about: str) -> str:
        """Return the rate limit bucket of a fetch of many issues: the same as for one issue."""
        return self.part(connection, about=about)

    def writing_part(self, connection: Connection, *, about: str) -> str:
        """Return the write bucket, one for all writes: they run one after the other."""
        del connection, about
        return WRITING

    def manner(self, connection: Connection) -> str:
        """Return which notes the connection writes: links only, or links and a comment."""
        return COMMENTS if wants_comments(connection) else ""

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, afresh: bool
    ) -> str | None:
        """Write our remote links on an issue, and our comment if the connection wants one; return what to remember."""
        del key
        return write_note(place_of(self._calls(connection), identity=identity), note, memory=memory, afresh=afresh)

    def unwrite(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Remove our remote links; an existing comment then says that the issue serves nothing."""
        del key
        return withdraw(place_of(self._calls(connection), identity=identity), memory=memory)

    # Queries in JQL

    judges = False

    def check_query(self, connection: Connection, *, query: str) -> None:
        """Raise `Rejected` when JQL can't be a rule's query; with credentials, ask Jira and give its error text."""
        restriction(query)
        if connection.has_credentials:
            check(self._calls(connection), query)

    def unjudged(self, connection: Connection, *, query: str) -> Sequence[str]:
        """Return the parts of a query that can't be evaluated for single issues: on Data Center, all of it."""
        del query
        return () if is_on_cloud(connection) or not connection.has_credentials else ("JQL on Data Center",)

    def query_part(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> str:
        """Return the rate limit bucket of searches: the same as for fetches."""
        del connection, query, scopes
        return READING

    def members(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> Members:
        """List the members of a query, one page."""
        return members(self._calls(connection), query=query, scopes=scopes, cursor=cursor)

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Ask Jira Cloud which candidates match which queries; Data Center has no such call."""
        return match(self._calls(connection), queries=queries, ids=[one.issue.identity for one in candidates])

    def _calls(self, connection: Connection) -> Calls:
        return Calls(self._http, connection, access(connection, self._hosts), self._catalogues)

    # Onboarding

    credentials_help = CREDENTIALS_HELP
    scope_word = "project"
    scope_example = "SHOP"

    def site_of(self, written: str) -> str:
        """Return the site's address, read from the address of any of its pages."""
        return site_of(written)

    def by_hand(self, *, scopes: Sequence[str]) -> ByHand:
        """Return what to enter into Jira's form for a new webhook."""
        return by_hand(scopes)

    def introduce(self, connection: Connection) -> Introduced:
        """Return who owns the token."""
        return introduce(self._http, access(connection, self._hosts))

    def offer(self, connection: Connection, *, most: int) -> Offer:
        """List the projects that the account may browse, `most` at most."""
        return offer(self._http, access(connection, self._hosts), most=most)

    def hooks_by(self, credentials: str) -> Literal["each", "one"] | None:
        """Return "one" for a token: one webhook for all projects. For an OAuth app a scheduled task creates it."""
        return "one" if credentials == "token" else None

    def make_hooks(
        self, connection: Connection, *, scopes: Sequence[str], hook_url: str, secret: str
    ) -> Sequence[HookMade]:
        """Create one webhook for all of these projects. Raise `Rejected` for an OAuth app."""
        if connection.client:
            raise Rejected("OKR Sync registers the webhooks of an OAuth app by itself")
        return [Hooking(calls=self._calls(connection), url=hook_url, secret=secret).make(scopes)]


def _name_of(payload: Json) -> str:
    name = exact(payload.get("webhookEvent"), 60)
    if name is None and table(payload.get("issue")) and table(payload.get("changelog")):
        # Post functions of old servers omit the name; only an update has an issue with a changelog.
        return "jira:issue_updated"
    if name is None:
        raise Rejected("the body has no webhookEvent")
    return name
