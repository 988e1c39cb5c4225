"""Jira onboarding: manual webhook steps, the owner of a token, and the projects that it sees."""

import re
from collections.abc import Sequence
from itertools import islice
from urllib.parse import urlsplit

from connectors.http import HttpClient
from connectors.jira.api.auth import JiraAuth
from connectors.jira.api.client import JiraClient
from connectors.jira.setup.webhook_filter import filter_for_scopes
from connectors.json_fields import Json, exact_text, json_objects, text
from connectors.paging import rows_by_page
from sync_service.domain.trackers.capabilities import AvailableScopes, Identity, ManualWebhook
from sync_service.domain.trackers.connector import Rejected

CREDENTIALS_HELP = (
    "For Jira Cloud: the API token of an account, with the account's e-mail address. For Data Center: a personal "
    "access token, without an e-mail address. The account needs Browse Projects in the watched projects. With the "
    "token of a Jira administrator, OKR Sync also creates the webhook."
)

EVENTS = ("Issue: created", "Issue: updated", "Issue: deleted",
          "Comment: created", "Comment: updated", "Comment: deleted", "Version: updated", "Version: deleted",
          "Sprint: updated", "Sprint: deleted", "Project: updated", "Project: deleted",
          "Issue link: created", "Issue link: deleted")  # fmt: skip
"""The events to select for a webhook. https://developer.atlassian.com/cloud/jira/platform/webhooks/"""

_PAGES = re.compile(
    r"/(?:jira/(?:software|core|servicedesk|your-work|people|dashboards|filters|projects)"
    r"|browse|projects|secure|login\.jsp)(?:/|\Z)"
)
"""The start of a page's path within a site."""

_PER_PAGE = 50
_MOST_PAGES = 50


def site_of(typed: str) -> str:
    """Return the site's address, without the path of a page: `/jira/software/…`, `/browse/…`, `/projects/…`."""
    address = typed.strip().rstrip("/")
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    if not parts.scheme or not parts.netloc:
        return address
    return f"{parts.scheme}://{parts.netloc}{_PAGES.split(parts.path, maxsplit=1)[0].rstrip('/')}"


def by_hand(scopes: Sequence[str]) -> ManualWebhook:
    """Return what to enter into Jira's form for a new webhook."""
    return ManualWebhook(
        where="As a Jira administrator: System, WebHooks, Create a WebHook",
        url_field="URL",
        secret_field="Secret",  # noqa: S106 - the name of a field on Jira's page
        fields=(
            ("Status", "Enabled"),
            ("JQL filter", filter_for_scopes(scopes) or "none: OKR Sync ignores projects that it does not watch"),
            ("Exclude body", "No"),
        ),
        events=EVENTS,
        sends_ping=False,
    )


def introduce(http: HttpClient, access: JiraAuth) -> Identity:
    """Return who owns the token. https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-myself/."""
    found = http.get(f"{access.rest_url}/myself", authorization=access.authorization).body
    name = text(found.get("displayName"), 100) or text(found.get("name"), 100)
    if name is None:
        raise Rejected("Jira does not say who owns this token")
    return Identity(name=name)


def offer(calls: JiraClient, *, most: int) -> AvailableScopes:
    """List the projects that the account may browse, `most` at most: in pages on Cloud, in one response on Data Center.

    Raise `Stranger` where Jira shows what anybody may browse: that says nothing about the account.
    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get
    """
    if not calls.is_cloud:
        reply = calls.send("GET", "/project")
        calls.raise_for_response(reply)
        found = reply.objects()
        return _offer_of(found[:most], more=len(found) > most)

    def page_from(_page: int, start: int) -> tuple[Sequence[Json], bool]:
        params = {"maxResults": str(_PER_PAGE), "startAt": str(start), "orderBy": "key"}
        page = calls.get("/project/search", params)
        return json_objects(page.get("values")), not page.get("isLast", True)

    listed = list(islice(rows_by_page(page_from, most_pages=_MOST_PAGES, name="key"), most + 1))
    return _offer_of(listed[:most], more=len(listed) > most)


def _offer_of(found: Sequence[Json], *, more: bool) -> AvailableScopes:
    named = ((exact_text(one.get("key"), 255), text(one.get("name"), 120)) for one in json_objects(list(found)))
    return AvailableScopes(scopes=[(key, name or "") for key, name in named if key], more=more)
