"""GitHub: github.com, GitHub Enterprise Server and data-residency hosts, by webhooks and, with a token, by looking."""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal
from urllib.parse import unquote_to_bytes

from connectors.fields import MOST_NUMBERS, exact, table
from connectors.github import redelivering
from connectors.github.calls import WRITES, Calls
from connectors.github.connecting import CREDENTIALS_HELP, by_hand, introduce, offer, site_of
from connectors.github.credentials import Keyring
from connectors.github.events import treatment_of
from connectors.github.examining import Examination
from connectors.github.hooking import Hooking
from connectors.github.listing import changes
from connectors.github.looking import look
from connectors.github.manifests import app_form, take_app
from connectors.github.missed import Memory
from connectors.github.naming import Naming, is_naming, owner_of
from connectors.github.nodes import Nodes
from connectors.github.queries.judging import check_times, judge, unjudged
from connectors.github.queries.listing import askers, members
from connectors.github.queries.reading import read_query
from connectors.github.redelivering import Redelivering
from connectors.github.snapshots import account
from connectors.github.together import LEAST, MOST, Together
from connectors.github.writing import place_of, withdraw, write_note
from connectors.http import Http
from connectors.letters import is_signed, json_object, letter_id
from sync_service.domain.abilities import (
    AppForm,
    AppMade,
    AppWanted,
    Asked,
    ByHand,
    HookMade,
    Introduced,
    Offer,
    Page,
    Ran,
    Seen,
)
from sync_service.domain.connectors import Connection, Option, Post, Rejected
from sync_service.domain.examining import Finding
from sync_service.domain.issues import Ignored, Reading, ScopeRef, Snapshot
from sync_service.domain.queries import Candidate, Members
from sync_service.domain.writing import Note

_KEY = re.compile(
    r"(?:https?://[^/\s]+/)?(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100})"
    r"(?:#|/(?:issues|pull)/)(?P<number>[1-9][0-9]{0,18})(?:[/?#]\S*)?",
    re.ASCII,
)


class GitHub:
    """The connector of kind `github`."""

    kind = "github"
    title = "GitHub"
    default_site: str | None = "https://api.github.com"
    options: tuple[Option, ...] = (
        Option("app", "app", "a GitHub App in place of a token, a mapping: {id: 1204001, private_key: file:app.pem}"),
        Option("points_field", "text", "Name or id of the numeric field, of issues or of a project, that holds points"),
        Option("number_fields", "texts", f"Other numeric fields to keep, by name or id, {MOST_NUMBERS} at most"),
    )
    least_together = LEAST
    most_together = MOST
    kept_headers: tuple[str, ...] = (
        "content-type",
        "user-agent",
        "x-github-event",
        "x-github-delivery",
        "x-github-hook-id",
        "x-github-hook-installation-target-id",
        "x-github-hook-installation-target-type",
        "x-github-enterprise-host",
        "x-github-enterprise-version",
    )

    def __init__(self, http: Http | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._http = http or Http()
        self._sleep = sleep
        self._keyring = Keyring(self._http, sleep=sleep)
        self._nodes: dict[str, Nodes] = {}

    def verify(self, post: Post, secrets: Sequence[str]) -> bool:
        """Tell whether the raw body, form-encoded or not, was signed; the older SHA-1 header is not believed."""
        return is_signed(post.body, signature=post.headers.get("x-hub-signature-256"), secrets=secrets)

    def delivery_id(self, post: Post) -> str:
        """Give `X-GitHub-Delivery`, which a redelivery repeats, else the hash of the body."""
        return letter_id(post.body, given=post.headers.get("x-github-delivery"))

    def read(self, post: Post, connection: Connection) -> Reading:
        """Read a verified delivery by the table of events; raise `Rejected` where its body can't be read."""
        event = exact(post.headers.get("x-github-event"), 48)
        if event is None:
            raise Rejected("the header X-GitHub-Event is missing")
        payload = json_object(_json_of(post))
        action = exact(payload.get("action"), 48)
        name = f"{event}.{action}" if action else event
        treatment = treatment_of(name, event)
        found = treatment.read(payload, connection) if treatment.read else (Ignored(treatment.says),)
        return Reading(name=name, observations=found, actor=account(table(payload.get("sender"))))

    def key_of(self, text: str) -> str:
        """Give `owner/repo#12`, from that or from the issue's web address.

        Letters keep their case. GitHub's names have none, so keys are to be compared without it.
        """
        found = _KEY.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text[:100]!r} is no GitHub issue: write owner/repo#12, or its web address")
        return f"{found['name']}#{found['number']}"

    def look(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Fetch an issue or pull request by its repository's id and its number, or find it by its node."""
        if is_naming(identity):
            raise Naming(self._calls(connection), self._nodes_of(connection)).find([identity])[identity]
        return look(self._calls(connection), identity=identity, key=key)

    def look_together(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, Seen]:
        """Fetch issues and pull requests, of one installation where an app has several, by GraphQL."""
        calls, nodes = self._calls(connection), self._nodes_of(connection)
        named = [identity for identity in wanted if is_naming(identity)]
        if named:
            return Naming(calls, nodes).find(named)
        return Together(calls, nodes).look(wanted)

    def changes(self, connection: Connection, *, asked: Asked, cursor: str | None) -> Page:
        """List the issues and pull requests of a repository that changed."""
        return changes(self._calls(connection), asked=asked, cursor=cursor)

    def errands(self, connection: Connection) -> Mapping[str, timedelta]:
        """Name what is to be done every now and then: asking for missed deliveries."""
        return {redelivering.NAME: redelivering.INTERVAL} if connection.has_credentials else {}

    def run(self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None) -> Ran:
        """Ask for missed deliveries; there is no other errand."""
        assert name == redelivering.NAME, name
        known = Memory.of(memory)
        return Redelivering(self._calls(connection), scopes=scopes, sleep=self._sleep, memory=known).run()

    def part_together(self, connection: Connection, *, about: str) -> str:
        """Name the GraphQL of the credential whose limit a look at many would use."""
        return f"{self._holder(connection, about)}/graphql"

    def examine(self, connection: Connection, *, scopes: Sequence[str], hooked: bool) -> Iterator[Finding]:
        """Look at credentials, permissions, limits, repositories and webhooks."""
        site, credentials = self._keyring.site(connection.site), self._keyring.of(connection)
        examination = Examination(connection=connection, site=site, credentials=credentials, now=self._http.now)
        yield from examination.run(scopes, hooked=hooked)

    judges = True

    def check_query(self, connection: Connection, *, query: str) -> None:
        """Raise `Rejected` where a search can't be a rule's query; makes no call."""
        del connection
        check_times(read_query(query))

    def unjudged(self, connection: Connection, *, query: str) -> Sequence[str]:
        """Name the parts of a search that only GitHub can judge."""
        del connection
        return unjudged(read_query(query))

    def query_part(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> str:
        """Name the limit of searches of the credential that would be asked first."""
        return f"{self._keyring.of(connection).holder(askers(query, scopes)[0])}/search"

    def members(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> Members:
        """List what a search finds."""
        return members(self._calls(connection), query=query, scopes=scopes, cursor=cursor)

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Judge searches by what is held of issues; makes no call."""
        del connection
        trees = {query: read_query(query) for query in queries}
        return {query: {one.issue.identity: judge(tree, one) for one in candidates} for query, tree in trees.items()}

    def part(self, connection: Connection, *, about: str) -> str:
        """Name the credential whose limit a call would use: an app has one for each installation."""
        if not connection.has_credentials:
            return ""
        return f"{self._holder(connection, about)}/{'graphql' if is_naming(about) else 'core'}"

    def _holder(self, connection: Connection, about: str) -> str:
        place = owner_of(about) if is_naming(about) else about.partition("#")[0]
        return self._keyring.of(connection).holder(place)

    def _nodes_of(self, connection: Connection) -> Nodes:
        return self._nodes.setdefault(connection.site, Nodes())

    # How it is connected

    credentials_help = CREDENTIALS_HELP
    scope_word = "repository"
    scope_example = "acme/checkout"

    def site_of(self, written: str) -> str:
        """Give the REST address, from that or from the one of GitHub's pages."""
        return site_of(written)

    def by_hand(self, *, scopes: Sequence[str]) -> ByHand:
        """Give what to put into the form for a new webhook, the same for every repository."""
        del scopes
        return by_hand()

    def introduce(self, connection: Connection) -> Introduced:
        """Ask whose token it is, or about the app."""
        site, writes_back = self._keyring.site(connection.site), connection.writes_back
        return introduce(self._keyring.of(connection), site, self._http, writes_back=writes_back)

    def offer(self, connection: Connection, *, most: int) -> Offer:
        """List the repositories that the credentials see."""
        return offer(self._keyring.of(connection), self._keyring.site(connection.site), self._http, most=most)

    def hooks_by(self, credentials: str) -> Literal["each", "one"] | None:
        """Tell that a token makes a webhook in each repository, and that an app has one of its own."""
        return "one" if credentials == "app" else "each"

    def make_hooks(
        self, connection: Connection, *, scopes: Sequence[str], hook_url: str, secret: str
    ) -> Sequence[HookMade]:
        """Make a webhook for each repository, or set the one of the app."""
        site, credentials = self._keyring.site(connection.site), self._keyring.of(connection)
        hooking = Hooking(credentials=credentials, site=site, http=self._http, url=hook_url, secret=secret)
        return hooking.make(scopes)

    def app_form(self, *, site: str, wanted: AppWanted, state: str) -> AppForm:
        """Give the form that asks for a new GitHub App."""
        return app_form(site=site, wanted=wanted, state=state)

    def take_app(self, *, site: str, code: str) -> AppMade:
        """Take over the app that was registered."""
        return take_app(self._http, self._keyring.site(site), url=site, code=code)

    def writing_part(self, connection: Connection, *, about: str) -> str:
        """Name the credential that would write, which writes one thing after the other."""
        return f"{self._keyring.of(connection).find_holder(about.partition('#')[0])}/{WRITES}"

    def manner(self, connection: Connection) -> str:
        """There is one way to say it."""
        del connection
        return ""

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, afresh: bool
    ) -> str | None:
        """Comment on an issue or pull request, or edit our comment there; its id is to be remembered."""
        place = place_of(self._calls(connection), identity=identity, key=key)
        return write_note(place, note, memory=memory, afresh=afresh)

    def unwrite(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Let our comment say that the issue serves nothing any more; an edit, unlike a deletion, can be undone."""
        return withdraw(place_of(self._calls(connection), identity=identity, key=key), memory=memory)

    def _calls(self, connection: Connection) -> Calls:
        keyring = self._keyring
        return Calls(connection, keyring.site(connection.site), keyring.of(connection), self._http.now)


def _json_of(post: Post) -> bytes:
    """Give the JSON of a delivery: GitHub's hooks made by API are form-encoded unless told otherwise.

    https://docs.github.com/en/webhooks/using-webhooks/creating-webhooks
    """
    if not post.headers.get("content-type", "").lower().startswith("application/x-www-form-urlencoded"):
        return post.body
    for written in post.body.split(b"&", 20):
        name, _, value = written.partition(b"=")
        if name == b"payload":
            return unquote_to_bytes(value.replace(b"+", b" "))
    raise Rejected("the form body has no field named payload")
