"""The REST API of the simulated GitHub: who may call, every call and page, and the headers of every response."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from werkzeug.wrappers import Request, Response

from simulator.github.enterprise import answer_headers, without_new_fields
from simulator.github.rest import (
    apps,
    comments,
    deliveries,
    graphql,
    hooks,
    html_pages,
    issues,
    manifests,
    repositories,
    search,
    sub_issues,
)
from simulator.github.rest.request import authentication as credentials
from simulator.github.rest.request import rate_limit_headers
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.rate_limit_headers import limit, show_limits
from simulator.github.rest.request.repository_routes import Views
from simulator.github.state import GitHubState
from simulator.rest_server import View

__all__ = ["admit", "fault", "finish", "forms", "pages", "views"]


def views(hub: GitHubState) -> Views:
    """Return the calls."""
    groups = [issues, repositories, apps, manifests, hooks, deliveries, rate_limit_headers, search, comments]
    groups += [] if hub.ghes else [sub_issues]
    calls = {
        (method, hub.api_path + path): view for group in groups for (method, path), view in group.views(hub).items()
    }
    return {**calls, **graphql.views(hub)}


def pages(hub: GitHubState) -> Mapping[str, View]:
    """Return the pages for people, by path."""
    return {**html_pages.pages(hub), **manifests.pages(hub)}


def forms(hub: GitHubState) -> Mapping[str, View]:
    """Return the form handlers of those pages, by path."""
    return manifests.forms(hub)


def admit(hub: GitHubState, request: Request) -> Response | None:
    """Refuse a request without valid credentials or beyond its rate limit."""
    return credentials.admit(hub, request) or limit(hub, request)


def fault(status: int) -> Response:
    """Return an injected error, or one outside of any call; a rate limit says that nothing is left."""
    return problem(status, headers={"x-ratelimit-remaining": "0"} if status in (403, 429) else None)


def finish(hub: GitHubState, request: Request, response: Response) -> Response:
    """Add the rate limit headers and an ETag, and turn an unchanged response into 304.

    An ETag is valid for the credential that got it, as GitHub's are.
    """
    if hub.ghes:
        response.headers.extend(answer_headers(hub.ghes))
        _remove_new_fields(response)
    if request.method == "GET" and response.status_code == 200 and response.mimetype == "application/json":
        who = request.headers.get("Authorization", "").encode()
        tag = hashlib.sha256(who + b"\0" + response.get_data()).hexdigest()
        response.set_etag(tag, weak=True)
        if request.if_none_match.contains_weak(tag):
            response.status_code = 304
            response.set_data(b"")
    show_limits(hub, request, response)
    credentials.show_expiration(hub, request, response)
    return response


def _remove_new_fields(response: Response) -> None:
    if response.mimetype == "application/json" and response.get_data():
        older = without_new_fields(json.loads(response.get_data()))
        response.set_data(json.dumps(older, ensure_ascii=False))
