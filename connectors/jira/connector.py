"""Jira connector, for Cloud and Data Center: webhooks, and API calls when the connection has credentials."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Literal

from connectors.http import HttpClient
from connectors.jira.api.auth import ATLASSIAN, Hosts, auth_of
from connectors.jira.api.client import JiraClient
from connectors.jira.api.field_catalogue import FieldCatalogueCache, add_field_catalogue
from connectors.jira.api.oauth import OAuth
from connectors.jira.api.rate_limits import READ_BUCKET, WRITE_BUCKET
from connectors.jira.api.status_catalogue import StatusCatalogueCache
from connectors.jira.doctor.connection import ConnectionChecks
from connectors.jira.issues.fetch import MOST_TOGETHER, fetch_issue, fetch_issues
from connectors.jira.issues.histories import HistoryCalls, histories_together
from connectors.jira.issues.list_changes import changes
from connectors.jira.model.accounts import account
from connectors.jira.model.web_address import key_in
from connectors.jira.options import OPTIONS
from connectors.jira.query import vocabulary
from connectors.jira.query.jql_queries import JqlQueries
from connectors.jira.setup import dynamic_webhooks
from connectors.jira.setup.admin_webhook import WebhookCreator
from connectors.jira.setup.onboarding import CREDENTIALS_HELP, by_hand, introduce, offer, site_of
from connectors.jira.setup.scope_name import normalize_scope
from connectors.jira.webhook.events import event_rule_for, name_of
from connectors.jira.webhook.jwt_signature import verify_jwt
from connectors.jira.write_back.issue_client import issue_client
from connectors.jira.write_back.write import WRITE_COMMENTS, remove_note, wants_comments, write_note
from connectors.json_fields import json_object
from connectors.webhook import decode_object, delivery_id, verify_hmac
from sync_service.domain.trackers.capabilities import (
    AvailableScopes,
    ChangesRequest,
    FetchResult,
    Identity,
    ManualWebhook,
    OAuthTokens,
    Page,
    TaskResult,
    WebhookResult,
)
from sync_service.domain.trackers.connector import Connection, OAuthClient, Option, Rejected, WebhookRequest
from sync_service.domain.trackers.diagnostics import Finding
from sync_service.domain.trackers.observations import Ignored, ParsedDelivery, ScopeRef, Snapshot
from sync_service.domain.trackers.state_changes import HistoryRef, IssueHistory
from sync_service.domain.trackers.write_back import Note


class Jira(JqlQueries):
    """The connector of kind `jira`."""

    kind = "jira"
    title = "Jira"
    default_site: str | None = None
    options: tuple[Option, ...] = OPTIONS
    stored_headers: tuple[str, ...] = (
        "content-type",
        "user-agent",
        "x-atlassian-webhook-identifier",
        "x-atlassian-webhook-retry",
        "x-atlassian-webhook-flow",
    )

    max_batch = MOST_TOGETHER
    min_batch = 2

    def __init__(self, http: HttpClient | None = None, *, hosts: Hosts = ATLASSIAN) -> None:
        self._http = http or HttpClient()
        self._hosts = hosts
        self._oauth = OAuth(self._http, hosts)
        self._catalogues = FieldCatalogueCache()
        self._statuses = StatusCatalogueCache()

    def verify(self, post: WebhookRequest, secrets: Sequence[str], client: OAuthClient | None = None) -> bool:
        """Return whether the webhook signature is valid: `sha256` HMAC of the raw body; other methods fail.

        Webhooks of an OAuth app carry a JWT instead, signed with the app's client secret and with no other.
        """
        signed = verify_hmac(post.body, signature=post.headers.get("x-hub-signature"), secrets=secrets)
        return signed or (client is not None and verify_jwt(post.headers.get("authorization"), client.secret))

    def delivery_id(self, post: WebhookRequest) -> str:
        """Return `X-Atlassian-Webhook-Identifier`, which a retry repeats. Data Center has none: a body hash."""
        return delivery_id(post.body, given=post.headers.get("x-atlassian-webhook-identifier"))

    def parse_delivery(self, post: WebhookRequest, connection: Connection) -> ParsedDelivery:
        """Read a verified delivery by the table of events. Raise `Rejected` when its body can't be read.

        Use the field catalogue as far as earlier fetches filled it.
        """
        payload = decode_object(post.body)
        name = name_of(payload)
        treatment = event_rule_for(name)
        with_fields = add_field_catalogue(connection, self._catalogues.known(connection))
        observations = treatment.parse(payload, with_fields) if treatment.parse else (Ignored(treatment.description),)
        return ParsedDelivery(name=name, observations=observations, actor=account(json_object(payload.get("user"))))

    def normalize_key(self, text: str, *, site: str = "") -> str:
        """Return the key in capitals (`SHOP-12`), read from a key or from the address of a page of the issue."""
        key = key_in(text.strip(), site=site)
        if not key:
            where = f" at {site}" if site else ""
            raise ValueError(f"{text[:100]!r} is not a Jira issue: write SHOP-12, or its web address{where}")
        return key

    def fetch_issue(self, connection: Connection, *, identity: str, key: str) -> Snapshot:
        """Fetch an issue by its id, which survives moves."""
        return fetch_issue(self._calls(connection), identity=identity, key=key)

    def fetch_issues(self, connection: Connection, *, wanted: Mapping[str, str]) -> Mapping[str, FetchResult]:
        """Fetch up to `max_batch` issues by their ids, in one call."""
        return fetch_issues(self._calls(connection), wanted=wanted)

    def list_changes(self, connection: Connection, *, asked: ChangesRequest, cursor: str | None) -> Page:
        """List the issues of a project that changed."""
        return changes(self._calls(connection), asked=asked, cursor=cursor)

    def histories_together(self, connection: Connection) -> int:
        """Return for how many issues histories are read at a time."""
        return histories_together(self._calls(connection))

    def start_needs_history(self, connection: Connection) -> bool:
        """Return False: the category of the status shows it."""
        del connection
        return False

    def read_history(self, connection: Connection, refs: Sequence[HistoryRef]) -> Iterator[IssueHistory]:
        """Read the histories of issues from their changelogs."""
        yield from HistoryCalls(self._calls(connection), self._statuses).read(refs)

    def check_connection(self, connection: Connection, *, scopes: Sequence[str], hooked: bool) -> Iterator[Finding]:
        """Check credentials, permissions, projects, fields and the webhook."""
        yield from ConnectionChecks(self._calls(connection)).run(scopes, hooked=hooked)

    def bucket_for(self, connection: Connection, *, about: str) -> str:
        """Return the rate limit bucket of fetches and polls; a burst of writes does not block it."""
        del connection, about
        return READ_BUCKET

    def authorization_url(self, connection: Connection, *, redirect: str, state: str) -> str:
        """Return Atlassian's OAuth authorization URL."""
        return self._oauth.consent_address(connection, redirect=redirect, state=state)

    def exchange_code(self, connection: Connection, *, code: str, redirect: str) -> OAuthTokens:
        """Exchange the authorization code for OAuth tokens for the connection's site."""
        return self._oauth.consent(connection, code=code, redirect=redirect)

    def refresh_tokens(self, connection: Connection, *, refresh: str) -> OAuthTokens:
        """Refresh the OAuth tokens. Atlassian accepts the old refresh token once more for ten minutes."""
        return self._oauth.renew(connection, refresh=refresh)

    def scheduled_tasks(self, connection: Connection) -> Mapping[str, timedelta]:
        """Return the scheduled tasks: keep the words of JQL; refresh the webhooks of an OAuth app, which expire."""
        words = {vocabulary.TASK_NAME: vocabulary.INTERVAL} if connection.has_credentials else {}
        return {**words, dynamic_webhooks.TASK_NAME: dynamic_webhooks.INTERVAL} if connection.client else words

    def run_task(
        self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None
    ) -> TaskResult:
        """Keep the words of JQL, or register or refresh the dynamic webhook."""
        if name == vocabulary.TASK_NAME:
            return vocabulary.keep_vocabulary(self._calls(connection), memory=memory)
        return dynamic_webhooks.ensure_webhook(self._calls(connection), scopes=scopes, memory=memory)

    def bucket_for_batch(self, connection: Connection, *, about: str) -> str:
        """Return the rate limit bucket of a fetch of many issues: the same as for one issue."""
        return self.bucket_for(connection, about=about)

    def write_bucket(self, connection: Connection, *, about: str) -> str:
        """Return the write bucket, one for all writes: they run one after the other."""
        del connection, about
        return WRITE_BUCKET

    def format_version(self, connection: Connection) -> str:
        """Return which notes the connection writes: links only, or links and a comment."""
        return WRITE_COMMENTS if wants_comments(connection) else ""

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, force: bool
    ) -> str | None:
        """Write our remote links on an issue, and our comment if the connection wants one; return the new `memory`."""
        del key
        return write_note(issue_client(self._calls(connection), identity=identity), note, memory=memory, force=force)

    def remove_note(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Remove our remote links; an existing comment then says that the issue serves nothing."""
        del key
        return remove_note(issue_client(self._calls(connection), identity=identity), memory=memory)

    def _calls(self, connection: Connection) -> JiraClient:
        return JiraClient(self._http, connection, auth_of(connection, self._hosts), self._catalogues)

    # Onboarding

    credentials_help = CREDENTIALS_HELP
    scope_word = "project"
    normalize_scope = staticmethod(normalize_scope)
    scope_example = "SHOP"

    def normalize_site(self, written: str) -> str:
        """Return the site's address, read from the address of any of its pages."""
        return site_of(written)

    def manual_webhook(self, *, scopes: Sequence[str]) -> ManualWebhook:
        """Return what to enter into Jira's form for a new webhook."""
        return by_hand(scopes)

    def identify(self, connection: Connection) -> Identity:
        """Return who owns the token."""
        return introduce(self._http, auth_of(connection, self._hosts))

    def list_scopes(self, connection: Connection, *, most: int) -> AvailableScopes:
        """List the projects that the account may browse, `most` at most."""
        return offer(self._calls(connection), most=most)

    def webhook_mode(self, credentials: str) -> Literal["each", "one"] | None:
        """Return "one" for a token: one webhook for all projects. For an OAuth app a scheduled task creates it."""
        return "one" if credentials == "token" else None

    def create_webhooks(
        self, connection: Connection, *, scopes: Sequence[str], hook_url: str, secret: str
    ) -> Sequence[WebhookResult]:
        """Create one webhook for all of these projects. Raise `Rejected` for an OAuth app."""
        if connection.client:
            raise Rejected("OKR Sync registers the webhooks of an OAuth app by itself")
        return [WebhookCreator(calls=self._calls(connection), url=hook_url, secret=secret).create(scopes)]
