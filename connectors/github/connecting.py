"""How GitHub is connected: what to tick at a webhook, who we are by our credentials, and what they see.

https://docs.github.com/en/webhooks/using-webhooks/creating-webhooks
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from connectors.fields import Json, exact, rows, text
from connectors.github.apps import AppCredentials
from connectors.github.credentials import Credentials
from connectors.github.site import Site, words_of
from connectors.http import Http, Method
from connectors.replies import Reply, judge
from sync_service.domain.abilities import ByHand, Introduced, Offer
from sync_service.domain.connectors import Refused

EVENTS: Mapping[str, str] = {
    "issues": "Issues",
    "sub_issues": "Sub-issues",
    "pull_request": "Pull requests",
    "label": "Labels",
    "milestone": "Milestones",
    "repository": "Repositories",
    "issue_comment": "Issue comments",
}
"""The events that a webhook is to have, each with the word beside its box."""

NEWER = frozenset({"sub_issues"})
"""Events that an Enterprise Server may not know yet, and refuses then."""


def permissions(*, writes_back: bool) -> Mapping[str, str]:
    """Name what an app needs, more where it is to write comments.

    https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
    """
    level = "write" if writes_back else "read"
    return {"issues": level, "pull_requests": level, "metadata": "read"}


def lacking(held: Json, *, writes_back: bool) -> list[str]:
    """Name what of it is not among the permissions held, each with its level: `issues: write`."""
    needed = permissions(writes_back=writes_back).items()
    return [f"{name}: {level}" for name, level in needed if held.get(name) not in (level, "write", "admin")]


CREDENTIALS_HELP = (
    "A fine-grained token for the repositories to watch, with the repository permissions Issues: read-only and "
    "Pull requests: read-only. With Webhooks: read and write, the webhooks are made for you. "
    "For points that stand in projects: the organization permission Projects: read-only. "
    "A classic token needs repo, admin:repo_hook for webhooks, and read:project for projects."
)

ENTERPRISE_SERVER = "/api/v3"

_PER_PAGE = 100
_API_HOST = re.compile(r"(?:github\.com|[a-z0-9-]+\.ghe\.com)", re.IGNORECASE)
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def site_of(written: str) -> str:
    """Give the REST address of a GitHub, from that or from the one people know it by.

    https://docs.github.com/en/enterprise-server@3.19/rest/using-the-rest-api/getting-started-with-the-rest-api
    """
    address = written.strip().rstrip("/")
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return address
    if parts.path or not host or host in _LOOPBACK or host.startswith("api."):
        return address
    if _API_HOST.fullmatch(host):
        return f"{parts.scheme}://api.{parts.netloc}"
    return address + ENTERPRISE_SERVER


def pages_of(site: str) -> str:
    """Give the address of a GitHub's pages, from that of its REST API."""
    address = site.rstrip("/").removesuffix(ENTERPRISE_SERVER)
    parts = urlsplit(address)
    host = parts.netloc.removeprefix("api.")
    return f"{parts.scheme}://{host}" if _API_HOST.fullmatch(host) else address


def by_hand() -> ByHand:
    """Give what to put into the form for a new webhook."""
    return ByHand(
        where="Settings of the repository, or once for all in the organisation's: Webhooks, Add webhook",
        url_field="Payload URL",
        secret_field="Secret",  # noqa: S106 - the name of a field on GitHub's page
        fields=(
            ("Content type", "application/json"),
            ("SSL verification", "Enable SSL verification"),
            ("Which events", "Let me select individual events"),
        ),
        events=tuple(EVENTS.values()),
        greets=True,
    )


def introduce(credentials: Credentials, site: Site, http: Http, *, writes_back: bool) -> Introduced:
    """Ask who we are."""
    if isinstance(credentials, AppCredentials):
        return _app_introduced(credentials, writes_back=writes_back)
    reply = _sent(credentials, site, "GET", "/user")
    judge(reply, now=http.now(), holder="token", words=words_of(reply))
    login = exact(reply.object().get("login"), 100)
    if login is None:
        raise Refused(f"{reply.place} does not say whose token this is")
    return Introduced(name=login, lacks=_lacking(reply))


def _lacking(reply: Reply) -> Sequence[str]:
    """Tell what a classic token may not do; what a fine-grained one may, GitHub says only where it is tried.

    https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/scopes-for-oauth-apps
    """
    told = reply.header("X-OAuth-Scopes")
    if not told:
        return ()
    held = {one.strip() for one in told.split(",")}
    lacks = [] if "repo" in held else ["read private repositories (repo)"]
    may_hook = held & {"admin:repo_hook", "write:repo_hook", "repo"}
    return lacks if may_hook else [*lacks, "make webhooks (admin:repo_hook)"]


def _app_introduced(credentials: AppCredentials, *, writes_back: bool) -> Introduced:
    about = credentials.about()
    granted = about.get("permissions")
    held = granted if isinstance(granted, dict) else {}
    page = exact(about.get("html_url"), 500)
    return Introduced(
        name=text(about.get("name"), 100) or "the app",
        lacks=[one for one in lacking(held, writes_back=writes_back) if not one.startswith("metadata")],
        install_url=f"{page}/installations/new" if page and page.startswith(("https://", "http://")) else None,
    )


def offer(credentials: Credentials, site: Site, http: Http, *, most: int) -> Offer:
    """List the repositories that the credentials see, the latest pushed first.

    https://docs.github.com/en/rest/repos/repos#list-repositories-for-the-authenticated-user
    """
    if isinstance(credentials, AppCredentials):
        found, more = credentials.offered(most=most)
        return _offered(found, more=more)
    listed: list[Mapping[str, object]] = []
    for page in range(1, -(-most // _PER_PAGE) + 1):
        params = {"per_page": str(_PER_PAGE), "page": str(page), "sort": "pushed"}
        reply = _sent(credentials, site, "GET", "/user/repos", params)
        judge(reply, now=http.now(), holder="token", words=words_of(reply))
        page_of_them = reply.objects()
        listed += page_of_them
        if len(page_of_them) < _PER_PAGE:
            return _offered(listed, more=False)
    return _offered(listed, more=True)


def _offered(found: Sequence[Mapping[str, object]], *, more: bool) -> Offer:
    named = ((exact(one.get("full_name"), 300), text(one.get("description"), 120)) for one in rows(list(found)))
    return Offer(scopes=[(name, words or "") for name, words in named if name], more=more)


def _sent(
    credentials: Credentials, site: Site, method: Method, path: str, params: Mapping[str, str] | None = None
) -> Reply:
    def ask(authorization: str) -> Reply:
        return site.send(method, path, authorization=authorization, params=params)

    return credentials.use("", ask).reply
