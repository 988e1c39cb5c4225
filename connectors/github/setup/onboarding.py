"""Set up a GitHub connection: site address, identity of the credentials, visible repositories, manual webhook steps.

https://docs.github.com/en/webhooks/using-webhooks/creating-webhooks
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from connectors.github.api.app_auth import AppCredentials
from connectors.github.api.credentials import Credentials
from connectors.github.api.site import Site, error_text
from connectors.http import HttpClient, Method
from connectors.json_fields import Json, exact_text, json_objects, text
from connectors.paging import Rows, full_pages, rows_by_page
from connectors.responses import Response, raise_for_response
from sync_service.domain.trackers.capabilities import AvailableScopes, Identity, ManualWebhook
from sync_service.domain.trackers.connector import Refused

EVENTS: Mapping[str, str] = {
    "issues": "Issues",
    "sub_issues": "Sub-issues",
    "pull_request": "Pull requests",
    "label": "Labels",
    "milestone": "Milestones",
    "repository": "Repositories",
    "issue_comment": "Issue comments",
}
"""The events that a webhook needs, each with the label of its checkbox at GitHub."""

NEWER_EVENTS = frozenset({"sub_issues"})
"""Events that an older Enterprise Server does not know and rejects."""


def permissions(*, writes_back: bool) -> Mapping[str, str]:
    """Return the permissions that an app needs; write-back needs more.

    https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
    """
    level = "write" if writes_back else "read"
    return {"issues": level, "pull_requests": level, "metadata": "read"}


def missing_permissions(held: Json, *, writes_back: bool) -> list[str]:
    """Return the needed permissions that `held` lacks, each with its level: `issues: write`."""
    needed = permissions(writes_back=writes_back).items()
    return [f"{name}: {level}" for name, level in needed if held.get(name) not in (level, "write", "admin")]


CREDENTIALS_HELP = (
    "A fine-grained token for the repositories to watch, with the repository permissions Issues: read-only and "
    "Pull requests: read-only. With Webhooks: read and write, OKR Sync can create the webhooks. "
    "For points in projects: the organization permission Projects: read-only. "
    "A classic token needs repo, admin:repo_hook for webhooks, and read:project for projects."
)

ENTERPRISE_SERVER = "/api/v3"

_PER_PAGE = 100
_API_HOST = re.compile(r"(?:github\.com|[a-z0-9-]+\.ghe\.com)", re.IGNORECASE)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def site_of(written: str) -> str:
    """Return the address of the REST API, from that or from the address of GitHub's pages.

    https://docs.github.com/en/enterprise-server@3.19/rest/using-the-rest-api/getting-started-with-the-rest-api
    """
    address = written.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return address
    if _API_HOST.fullmatch(host.removeprefix("www.")):
        return f"{parts.scheme}://api.{parts.netloc.lower().removeprefix('www.')}"
    if parts.path or not host or host in _LOOPBACK or host.startswith("api."):
        return address
    return address + ENTERPRISE_SERVER


def pages_of(site: str) -> str:
    """Return the address of GitHub's pages, from the address of its REST API."""
    address = site.rstrip("/").removesuffix(ENTERPRISE_SERVER)
    parts = urlsplit(address)
    host = parts.netloc.removeprefix("api.")
    return f"{parts.scheme}://{host}" if _API_HOST.fullmatch(host) else address


def by_hand() -> ManualWebhook:
    """Return what to enter in GitHub's form for a new webhook."""
    return ManualWebhook(
        where="Settings of the repository, or of the organisation for all its repositories: Webhooks, Add webhook",
        url_field="Payload URL",
        secret_field="Secret",  # noqa: S106 - the name of a field on GitHub's page
        fields=(
            ("Content type", "application/json"),
            ("SSL verification", "Enable SSL verification"),
            ("Which events", "Let me select individual events"),
        ),
        events=tuple(EVENTS.values()),
        sends_ping=True,
    )


def introduce(credentials: Credentials, site: Site, http: HttpClient, *, writes_back: bool) -> Identity:
    """Ask GitHub who owns the token, or for the app's own data."""
    if isinstance(credentials, AppCredentials):
        return _app_identity(credentials, writes_back=writes_back)
    reply = _send(credentials, site, "GET", "/user")
    raise_for_response(reply, now=http.now(), bucket_owner="token", words=error_text(reply))
    login = exact_text(reply.object().get("login"), 100)
    if login is None:
        raise Refused(f"{reply.shown_host} does not say whose token this is")
    return Identity(name=login, missing_permissions=_missing_token_scopes(reply))


def _missing_token_scopes(reply: Response) -> Sequence[str]:
    """Return what a classic token may not do. For a fine-grained token GitHub only says so when a call fails.

    https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
    """
    value = reply.header("X-OAuth-Scopes")
    if not value:
        return ()
    held = {one.strip() for one in value.split(",")}
    lacks = [] if "repo" in held else ["read private repositories (repo)"]
    may_hook = held & {"admin:repo_hook", "write:repo_hook", "repo"}
    return lacks if may_hook else [*lacks, "create webhooks (admin:repo_hook)"]


def _app_identity(credentials: AppCredentials, *, writes_back: bool) -> Identity:
    about = credentials.app_info()
    granted = about.get("permissions")
    held = granted if isinstance(granted, dict) else {}
    page = exact_text(about.get("html_url"), 500)
    return Identity(
        name=text(about.get("name"), 100) or "the app",
        missing_permissions=[
            one for one in missing_permissions(held, writes_back=writes_back) if not one.startswith("metadata")
        ],
        install_url=f"{page}/installations/new" if page and page.startswith(("https://", "http://")) else None,
    )


def offer(credentials: Credentials, site: Site, http: HttpClient, *, most: int) -> AvailableScopes:
    """List the repositories that the credentials can see, the latest pushed first.

    https://docs.github.com/en/rest/repos/repos#list-repositories-for-the-authenticated-user
    """
    if isinstance(credentials, AppCredentials):
        found, more = credentials.list_repositories(most=most)
        return _to_offer(found, more=more)

    def numbered(page: int) -> Rows:
        params = {"per_page": str(_PER_PAGE), "page": str(page), "sort": "pushed"}
        reply = _send(credentials, site, "GET", "/user/repos", params)
        raise_for_response(reply, now=http.now(), bucket_owner="token", words=error_text(reply))
        return reply.objects(), reply.names_next_page

    pages = -(-most // _PER_PAGE)
    listed = list(rows_by_page(full_pages(numbered, size=_PER_PAGE), most_pages=pages, name="full_name"))
    return _to_offer(listed, more=len(listed) >= pages * _PER_PAGE)


def _to_offer(found: Sequence[Mapping[str, object]], *, more: bool) -> AvailableScopes:
    named = (
        (exact_text(one.get("full_name"), 300), text(one.get("description"), 120)) for one in json_objects(list(found))
    )
    return AvailableScopes(scopes=[(name, words or "") for name, words in named if name], more=more)


def _send(
    credentials: Credentials, site: Site, method: Method, path: str, params: Mapping[str, str] | None = None
) -> Response:
    def ask(authorization: str) -> Response:
        return site.send(method, path, authorization=authorization, params=params)

    return credentials.use("", ask).reply
