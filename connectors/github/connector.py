"""The GitHub connector: webhooks and, with a token or an app, API calls to fetch, poll, search and write back.

It works with github.com, GitHub Enterprise Server and data residency hosts.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal
from urllib.parse import urlsplit

from connectors.github.api.client import WRITE_BUCKET, GitHubClient
from connectors.github.api.credentials import CredentialsCache
from connectors.github.api.node_ids import NodeIdCache
from connectors.github.doctor.connection import ConnectionChecks
from connectors.github.issues.fetch import fetch_issue
from connectors.github.issues.fetch_many import LEAST, MOST, BatchFetcher
from connectors.github.issues.histories import TOGETHER, read_histories
from connectors.github.issues.list_changes import changes
from connectors.github.issues.resolve_node import NodeResolver, is_node_identity, owner_prefix
from connectors.github.model import started_by
from connectors.github.model.own_links import keep_own_links
from connectors.github.model.snapshots import account
from connectors.github.options import OPTIONS
from connectors.github.query.github_queries import GitHubQueries
from connectors.github.redelivery import redeliver
from connectors.github.redelivery.failed_deliveries import RedeliveryState
from connectors.github.redelivery.redeliver import Redelivery
from connectors.github.setup.app_manifest import app_form, take_app
from connectors.github.setup.create_webhooks import WebhookCreator
from connectors.github.setup.onboarding import CREDENTIALS_HELP, by_hand, introduce, offer, pages_of, site_of
from connectors.github.setup.scope_name import normalize_scope
from connectors.github.webhook.events import event_rule_for
from connectors.github.webhook.signed_body import check_subject, json_of
from connectors.github.write_back.comment import comment_target, remove_note, write_note
from connectors.http import HttpClient
from connectors.json_fields import exact_text, json_object
from connectors.webhook import decode_object, delivery_id, verify_hmac
from sync_service.domain.trackers.capabilities import (
    AppForm,
    AppRegistration,
    AvailableScopes,
    ChangesRequest,
    FetchResult,
    Identity,
    ManualWebhook,
    Page,
    RegisteredApp,
    TaskResult,
    WebhookResult,
)
from sync_service.domain.trackers.connector import Connection, OAuthClient, Option, Rejected, WebhookRequest
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.domain.trackers.observations import Ignored, ParsedDelivery, ScopeRef, Snapshot
from sync_service.domain.trackers.state_changes import HistoryRef, IssueHistory
from sync_service.domain.trackers.write_back import Note

_KEY = re.compile(
    r"(?:https?://(?P<host>[^/\s]+)/)?(?P<name>[A-Za-z0-9][A-Za-z0-9_-]{0,99}/[A-Za-z0-9._-]{1,100})"
    r"(?:#|/(?:issues|pull)/)(?P<number>[1-9][0-9]{0,18})(?:[/?#]\S*)?",
    re.ASCII,
)


class GitHub(GitHubQueries):
    """The connector of kind `github`."""

    kind = "github"
    title = "GitHub"
    default_site: str | None = "https://api.github.com"
    options: tuple[Option, ...] = OPTIONS
    min_batch = LEAST
    max_batch = MOST
    stored_headers: tuple[str, ...] = (
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

    def __init__(self, http: HttpClient | None = None, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._http = http or HttpClient()
        self._sleep = sleep
        self._credentials = CredentialsCache(self._http, sleep=sleep)
        self._nodes: dict[str, NodeIdCache] = {}

    def verify(self, post: WebhookRequest, secrets: Sequence[str], client: OAuthClient | None = None) -> bool:
        """Verify the HMAC-SHA256 signature of the raw body, form-encoded or not. The old SHA-1 header is ignored."""
        del client
        return verify_hmac(post.body, signature=post.headers.get("x-hub-signature-256"), secrets=secrets)

    def delivery_id(self, post: WebhookRequest) -> str:
        """Return `X-GitHub-Delivery`, which a redelivery repeats, else the hash of the body."""
        return delivery_id(post.body, given=post.headers.get("x-github-delivery"))

    def parse_delivery(self, post: WebhookRequest, connection: Connection) -> ParsedDelivery:
        """Parse a verified delivery by the table of event rules. Raise `Rejected` when its body can't be read."""
        event = exact_text(post.headers.get("x-github-event"), 48)
        if event is None:
            raise Rejected("the header X-GitHub-Event is missing")
        payload = decode_object(json_of(post.body))
        action = exact_text(payload.get("action"), 48)
        name = f"{event}.{action}" if action else event
        rule = event_rule_for(name, event)
        if rule.parse:
            check_subject(event, payload)
        found = rule.parse(payload, connection) if rule.parse else (Ignored(rule.description),)
        found = started_by.with_starts(keep_own_links(found, pages_of(connection.site)), connection)
        return ParsedDelivery(name=name, observations=found, actor=account(json_object(payload.get("sender"))))

    def normalize_key(self, text: str, *, site: str = "") -> str:
        """Return the key `owner/repo#12`, from a key or from the issue's web address at this site.

        The case is kept. GitHub ignores the case of names, so compare keys without it.
        """
        found, pages = _KEY.fullmatch(text.strip()), pages_of(site) if site else ""
        if found is None or (pages and found["host"] and found["host"].lower() != urlsplit(pages).netloc.lower()):
            where = f" at {pages}" if pages else ""
            raise ValueError(f"{text[:100]!r} is not a GitHub issue: write owner/repo#12, or its web address{where}")
        return f"{found['name']}#{found['number']}"

    def fetch_issue(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Fetch an issue or pull request by repository id and number, or resolve its node id."""
        if is_node_identity(identity):
            raise NodeResolver(self._calls(connection), self._nodes_of(connection)).resolve([identity])[identity]
        return started_by.with_start(fetch_issue(self._calls(connection), identity=identity, key=key), connection)

    def fetch_issues(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, FetchResult]:
        """Fetch many issues and pull requests by GraphQL. With an app, all must be of one installation."""
        calls, nodes = self._calls(connection), self._nodes_of(connection)
        node_ids = [identity for identity in wanted if is_node_identity(identity)]
        if node_ids:
            return NodeResolver(calls, nodes).resolve(node_ids)
        return started_by.snapshots_with_start(BatchFetcher(calls, nodes).fetch_issue(wanted), connection)

    def list_changes(self, connection: Connection, *, asked: ChangesRequest, cursor: str | None) -> Page:
        """List the changed issues and pull requests of a repository, one page."""
        return started_by.page_with_starts(changes(self._calls(connection), asked=asked, cursor=cursor), connection)

    def histories_together(self, connection: Connection) -> int:
        """Return for how many issues histories are read at a time."""
        del connection
        return TOGETHER

    def start_needs_history(self, connection: Connection) -> bool:
        """Return whether a project's status shows the start: deliveries and fetches of issues do not have it."""
        return started_by.started_status(connection) is not None

    def read_history(self, connection: Connection, refs: Sequence[HistoryRef]) -> Iterator[IssueHistory]:
        """Read the histories of issues and pull requests from their timelines."""
        yield from read_histories(self._calls(connection), refs)

    def scheduled_tasks(self, connection: Connection) -> Mapping[str, timedelta]:
        """Return the scheduled tasks with their intervals: redeliver failed deliveries."""
        return {redeliver.TASK_NAME: redeliver.INTERVAL} if connection.has_credentials else {}

    def run_task(
        self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None
    ) -> TaskResult:
        """Run the scheduled task that redelivers failed deliveries; there is no other."""
        assert name == redeliver.TASK_NAME, name
        known = RedeliveryState.of(memory)
        return Redelivery(self._calls(connection), scopes=scopes, sleep=self._sleep, memory=known).run()

    def bucket_for_batch(self, connection: Connection, *, about: str) -> str:
        """Return the rate limit bucket of `fetch_issues`: GraphQL of one credential."""
        return f"{self._bucket_owner(connection, about)}/graphql"

    def check_connection(self, connection: Connection, *, scopes: Sequence[str], hooked: bool) -> Iterator[Finding]:
        """Check credentials, permissions, rate limit, repositories and webhooks for `okr-sync doctor`."""
        site, credentials = self._credentials.site(connection.site), self._credentials.of(connection)
        examination = ConnectionChecks(connection=connection, site=site, credentials=credentials, now=self._http.now)
        yield from examination.run(scopes, hooked=hooked)

    def bucket_for(self, connection: Connection, *, about: str) -> str:
        """Return the rate limit bucket of a call about an issue or scope: an app has one for each installation."""
        if not connection.has_credentials:
            return ""
        return f"{self._bucket_owner(connection, about)}/{'graphql' if is_node_identity(about) else 'core'}"

    def _bucket_owner(self, connection: Connection, about: str) -> str:
        repository = owner_prefix(about) if is_node_identity(about) else about.partition("#")[0]
        return self._credentials.of(connection).bucket_owner(repository)

    def _nodes_of(self, connection: Connection) -> NodeIdCache:
        return self._nodes.setdefault(connection.site, NodeIdCache())

    # Setup

    credentials_help = CREDENTIALS_HELP
    scope_word = "repository"
    scope_example = "acme/checkout"
    normalize_scope = staticmethod(normalize_scope)

    def normalize_site(self, written: str) -> str:
        """Return the address of the REST API, from that or from the address of GitHub's pages."""
        return site_of(written)

    def manual_webhook(self, *, scopes: Sequence[str]) -> ManualWebhook:
        """Return what to enter in GitHub's form for a new webhook, the same for every repository."""
        del scopes
        return by_hand()

    def identify(self, connection: Connection) -> Identity:
        """Ask GitHub who owns the token, or for the app's own data."""
        site, writes_back = self._credentials.site(connection.site), connection.writes_back
        return introduce(self._credentials.of(connection), site, self._http, writes_back=writes_back)

    def list_scopes(self, connection: Connection, *, most: int) -> AvailableScopes:
        """List the repositories that the credentials can see."""
        return offer(self._credentials.of(connection), self._credentials.site(connection.site), self._http, most=most)

    def webhook_mode(self, credentials: str) -> Literal["each", "one"] | None:
        """Return `each` for a token (one webhook in each repository), `one` for an app."""
        return "one" if credentials == "app" else "each"

    def create_webhooks(
        self, connection: Connection, *, scopes: Sequence[str], hook_url: str, secret: str
    ) -> Sequence[WebhookResult]:
        """Create or update a webhook for each repository, or configure the app's webhook."""
        site, credentials = self._credentials.site(connection.site), self._credentials.of(connection)
        hooking = WebhookCreator(credentials=credentials, site=site, http=self._http, url=hook_url, secret=secret)
        return hooking.create(scopes)

    def app_form(self, *, site: str, wanted: AppRegistration, state: str) -> AppForm:
        """Return the form that registers a new GitHub App."""
        return app_form(site=site, wanted=wanted, state=state)

    def exchange_app_code(self, *, site: str, code: str) -> RegisteredApp:
        """Exchange the code of a registered app for its credentials."""
        return take_app(self._http, self._credentials.site(site), url=site, code=code)

    def write_bucket(self, connection: Connection, *, about: str) -> str:
        """Return the write bucket: each credential writes one thing at a time."""
        return f"{self._credentials.of(connection).find_holder(about.partition('#')[0])}/{WRITE_BUCKET}"

    def format_version(self, connection: Connection) -> str:
        """Return an empty text: the note has only one format."""
        del connection
        return ""

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, force: bool
    ) -> str | None:
        """Comment on an issue or pull request, or edit our comment. Return the comment's id, to be stored."""
        target = comment_target(self._calls(connection), identity=identity, key=key)
        return write_note(target, note, memory=memory, force=force)

    def remove_note(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Edit our comment to say that the issue serves no key result. An edit, unlike a deletion, can be undone."""
        return remove_note(comment_target(self._calls(connection), identity=identity, key=key), memory=memory)

    def _calls(self, connection: Connection) -> GitHubClient:
        cache = self._credentials
        return GitHubClient(connection, cache.site(connection.site), cache.of(connection), self._http.now)
