"""Jira, Cloud and Data Center, by webhooks and, with credentials, by looking."""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal

from connectors.fields import MOST_NUMBERS, Json, exact, table
from connectors.http import Http
from connectors.jira import webhooks
from connectors.jira.access import ATLASSIAN, Hosts, access, is_on_cloud
from connectors.jira.bearer import is_borne
from connectors.jira.calls import Calls
from connectors.jira.catalogue import Catalogues, informed
from connectors.jira.connecting import CREDENTIALS_HELP, by_hand, introduce, offer, site_of
from connectors.jira.events import treatment_of
from connectors.jira.examining import Examination
from connectors.jira.hooking import Hooking
from connectors.jira.limits import READING, WRITING
from connectors.jira.listing import changes
from connectors.jira.looking import look
from connectors.jira.oauth import OAuth
from connectors.jira.place import place_of
from connectors.jira.queries.checking import check
from connectors.jira.queries.listing import members
from connectors.jira.queries.matching import match
from connectors.jira.queries.reading import restriction
from connectors.jira.snapshots import DROPPED_RESOLUTIONS, KEY, account
from connectors.jira.together import MOST_TOGETHER, look_together
from connectors.jira.writing import COMMENTS, wants_comments, withdraw, write_note
from connectors.letters import is_signed, json_object, letter_id
from sync_service.domain.abilities import Asked, ByHand, Consent, HookMade, Introduced, Offer, Page, Ran, Seen
from sync_service.domain.connectors import Connection, Option, Post, Rejected
from sync_service.domain.examining import Finding
from sync_service.domain.issues import Ignored, Reading, ScopeRef, Snapshot
from sync_service.domain.queries import Candidate, Members
from sync_service.domain.writing import Note

_WEB_ADDRESS = re.compile(r"https?://[^/\s]+(?:/[^/\s]+)*/browse/(?P<key>[^/?#\s]+)(?:[/?#]\S*)?")


class Jira:
    """The connector of kind `jira`."""

    kind = "jira"
    title = "Jira"
    default_site: str | None = None
    options: tuple[Option, ...] = (
        Option(
            "oauth", "oauth", "Cloud: an OAuth app to consent to, instead of a token: {client_id: …, client_secret: …}"
        ),
        Option(
            "email",
            "text",
            "Address of the account the API token belongs to; leave out for a Data Center token",
            for_token=True,
            label="E-mail address",
        ),
        Option(
            "dropped_resolutions",
            "texts",
            f"Resolutions of work that was not done, by name or id, in place of: {', '.join(DROPPED_RESOLUTIONS)}",
        ),
        Option(
            "points_field",
            "text",
            "Field of an issue's points: customfield_10016 or the like, or a name; found by itself with credentials",
        ),
        Option(
            "number_fields",
            "texts",
            f"Other numeric fields to keep, by id or name, {MOST_NUMBERS} at most",
        ),
        Option(
            "api_site",
            "text",
            "Address for calls if it is not the site's: https://api.atlassian.com/ex/jira/CLOUD-ID for scoped tokens",
            for_token=True,
            label="API address",
        ),
        Option(
            COMMENTS,
            "flag",
            "With write_back: a comment on each issue besides the links; its watchers are told of that",
            label="Comment on them, too",
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
        """Tell whether the raw body was signed by `sha256`; Jira may come to use other methods, which fail.

        The webhooks of an OAuth app bear a token instead, signed with the app's client secret.
        """
        signed = is_signed(post.body, signature=post.headers.get("x-hub-signature"), secrets=secrets)
        return signed or is_borne(post.headers.get("authorization"), secrets)

    def delivery_id(self, post: Post) -> str:
        """Give `X-Atlassian-Webhook-Identifier`, which a retry repeats; Data Center has none, so its body's hash."""
        return letter_id(post.body, given=post.headers.get("x-atlassian-webhook-identifier"))

    def read(self, post: Post, connection: Connection) -> Reading:
        """Read a verified delivery by the table of events; raise `Rejected` where its body can't be read.

        What looks have shown of the site's fields by now is used.
        """
        payload = json_object(post.body)
        name = _name_of(payload)
        treatment = treatment_of(name)
        knowing = informed(connection, self._catalogues.known(connection))
        found = treatment.read(payload, knowing) if treatment.read else (Ignored(treatment.says),)
        return Reading(name=name, observations=found, actor=account(table(payload.get("user"))))

    def key_of(self, text: str) -> str:
        """Give `SHOP-12`, in capitals, from that or from the issue's web address."""
        written = text.strip()
        address = _WEB_ADDRESS.fullmatch(written)
        key = (address["key"] if address else written).upper()
        if len(key) > 255 or not KEY.fullmatch(key):
            raise ValueError(f"{text[:100]!r} is no Jira issue: write SHOP-12, or its web address")
        return key

    def look(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Fetch an issue by its id, which survives moves."""
        return look(self._calls(connection), identity=identity, key=key)

    def look_together(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, Seen]:
        """Fetch up to `most_together` issues by their ids."""
        return look_together(self._calls(connection), wanted=wanted)

    def changes(self, connection: Connection, *, asked: Asked, cursor: str | None) -> Page:
        """List the issues of a project that changed."""
        return changes(self._calls(connection), asked=asked, cursor=cursor)

    def examine(self, connection: Connection, *, scopes: Sequence[str], hooked: bool) -> Iterator[Finding]:
        """Look at credentials, permissions, projects, fields and the webhook."""
        yield from Examination(self._calls(connection)).run(scopes, hooked=hooked)

    def part(self, connection: Connection, *, about: str) -> str:
        """Name what looks and lists use: a burst of writing does not stop them."""
        del connection, about
        return READING

    def consent_address(self, connection: Connection, *, redirect: str, state: str) -> str:
        """Give the address at Atlassian where a person consents that we call."""
        return self._oauth.consent_address(connection, redirect=redirect, state=state)

    def consent(self, connection: Connection, *, code: str, redirect: str) -> Consent:
        """Turn the code that came back into a consent for the connection's site."""
        return self._oauth.consent(connection, code=code, redirect=redirect)

    def renew(self, connection: Connection, *, refresh: str) -> Consent:
        """Renew a consent; Atlassian takes what it was made with once more for ten minutes."""
        return self._oauth.renew(connection, refresh=refresh)

    def errands(self, connection: Connection) -> Mapping[str, timedelta]:
        """Name what is to be done for an OAuth app's connection: its webhooks live for thirty days only."""
        return {webhooks.ERRAND: webhooks.INTERVAL} if connection.client else {}

    def run(self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None) -> Ran:
        """See to it that webhooks come here."""
        del name
        return webhooks.keep(self._calls(connection), scopes=scopes, memory=memory)

    def part_together(self, connection: Connection, *, about: str) -> str:
        """Name what a look at many issues uses: the same as any other."""
        return self.part(connection, about=about)

    def writing_part(self, connection: Connection, *, about: str) -> str:
        """Name what all writes use, which go one by one."""
        del connection, about
        return WRITING

    def manner(self, connection: Connection) -> str:
        """Tell links alone from links and a comment."""
        return COMMENTS if wants_comments(connection) else ""

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, afresh: bool
    ) -> str | None:
        """Make or change our remote links on an issue, and our comment where one is wanted; both are remembered."""
        del key
        return write_note(place_of(self._calls(connection), identity=identity), note, memory=memory, afresh=afresh)

    def unwrite(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Take our remote links away; a comment says that the issue serves nothing."""
        del key
        return withdraw(place_of(self._calls(connection), identity=identity), memory=memory)

    # Queries in JQL

    judges = False

    def check_query(self, connection: Connection, *, query: str) -> None:
        """Raise `Rejected` where JQL can't be a rule's query; with credentials, Jira says so in its own words."""
        restriction(query)
        if connection.has_credentials:
            check(self._calls(connection), query)

    def unjudged(self, connection: Connection, *, query: str) -> Sequence[str]:
        """Name what can't be asked about single issues: on Data Center, all of it."""
        del query
        return () if is_on_cloud(connection) or not connection.has_credentials else ("JQL on Data Center",)

    def query_part(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> str:
        """Name what searches use: the same as looks."""
        del connection, query, scopes
        return READING

    def members(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> Members:
        """List what a query finds."""
        return members(self._calls(connection), query=query, scopes=scopes, cursor=cursor)

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Ask Cloud which issues its queries find; Data Center can't be asked."""
        return match(self._calls(connection), queries=queries, ids=[one.issue.identity for one in candidates])

    def _calls(self, connection: Connection) -> Calls:
        return Calls(self._http, connection, access(connection, self._hosts), self._catalogues)

    # How it is connected

    credentials_help = CREDENTIALS_HELP
    scope_word = "project"
    scope_example = "SHOP"

    def site_of(self, written: str) -> str:
        """Give the site's address, from any of its pages."""
        return site_of(written)

    def by_hand(self, *, scopes: Sequence[str]) -> ByHand:
        """Give what to put into the form for a new webhook."""
        return by_hand(scopes)

    def introduce(self, connection: Connection) -> Introduced:
        """Ask whose token it is."""
        return introduce(self._http, access(connection, self._hosts))

    def offer(self, connection: Connection, *, most: int) -> Offer:
        """List the projects that the account may browse."""
        return offer(self._http, access(connection, self._hosts), most=most)

    def hooks_by(self, credentials: str) -> Literal["each", "one"] | None:
        """Tell that a token makes one webhook for all projects; that of an OAuth app is an errand."""
        return "one" if credentials == "token" else None

    def make_hooks(
        self, connection: Connection, *, scopes: Sequence[str], hook_url: str, secret: str
    ) -> Sequence[HookMade]:
        """Make the one webhook that brings all of these projects. Raise `Rejected` for an OAuth app."""
        if connection.client:
            raise Rejected("an OAuth app has webhooks of its own, which are registered by themselves")
        return [Hooking(calls=self._calls(connection), url=hook_url, secret=secret).make(scopes)]


def _name_of(payload: Json) -> str:
    name = exact(payload.get("webhookEvent"), 60)
    if name is None and table(payload.get("issue")) and table(payload.get("changelog")):
        # Post functions of old servers leave the name out; only an update brings a changelog of an issue.
        return "jira:issue_updated"
    if name is None:
        raise Rejected("the body names no webhookEvent")
    return name
