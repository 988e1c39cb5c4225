"""What the simulated GitHub answers to REST calls: who may call, the calls, and what every answer carries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github import enterprise
from simulator.github.rest import (
    apps,
    comments,
    credentials,
    deliveries,
    graphql,
    hooks,
    issues,
    limiting,
    manifests,
    people,
    relations,
    repositories,
    search,
)
from simulator.github.rest.limiting import limit, show_limits
from simulator.github.rest.places import Views
from simulator.github.rest.problems import problem
from simulator.rest import View

if TYPE_CHECKING:
    from simulator.github.hub import GitHub

__all__ = ["admit", "fault", "finish", "forms", "pages", "views"]


def views(hub: GitHub) -> Views:
    """Give the calls that are answered."""
    rooms = [issues, repositories, apps, manifests, hooks, deliveries, limiting, search, comments]
    rooms += [] if hub.ghes else [relations]
    calls = {(method, hub.api_path + path): view for room in rooms for (method, path), view in room.views(hub).items()}
    return {**calls, **graphql.views(hub)}


def pages(hub: GitHub) -> Mapping[str, View]:
    """Give the pages for people, by path."""
    return {**people.pages(hub), **manifests.pages(hub)}


def forms(hub: GitHub) -> Mapping[str, View]:
    """Give what answers the forms on those pages, by path."""
    return manifests.forms(hub)


def admit(hub: GitHub, request: Request) -> Response | None:
    """Refuse who may not come in, or has asked too much."""
    return credentials.admit(hub, request) or limit(hub, request)


def fault(status: int) -> Response:
    """Answer an error that was asked for, or that concerns no call; a limit says that nothing is left."""
    return problem(status, headers={"x-ratelimit-remaining": "0"} if status in (403, 429) else None)


def finish(hub: GitHub, request: Request, response: Response) -> Response:
    """Add what every answer carries: what is left, and a tag, by which an unchanged answer is spared.

    A tag holds for the credential that got it, as GitHub's do.
    """
    if hub.ghes:
        response.headers.extend(enterprise.answer_headers(hub.ghes))
        _forget_news(response)
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


def _forget_news(response: Response) -> None:
    if response.mimetype == "application/json" and response.get_data():
        older = enterprise.without_news(json.loads(response.get_data()))
        response.set_data(json.dumps(older, ensure_ascii=False))
