"""What the simulated GitHub answers to REST calls: who may call, the calls, and what every answer carries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.rest import apps, deliveries, hooks, issues, manifests, people, relations, repositories
from simulator.github.rest.credentials import admit
from simulator.github.rest.places import Views
from simulator.github.rest.problems import problem
from simulator.rest import View

if TYPE_CHECKING:
    from simulator.github.hub import GitHub

__all__ = ["admit", "fault", "finish", "forms", "pages", "views"]


def views(hub: GitHub) -> Views:
    """Give the calls that are answered."""
    rooms = (issues, repositories, apps, manifests, hooks, deliveries, relations)
    return {address: view for room in rooms for address, view in room.views(hub).items()}


def pages(hub: GitHub) -> Mapping[str, View]:
    """Give the pages for people, by path."""
    return {**people.pages(hub), **manifests.pages(hub)}


def forms(hub: GitHub) -> Mapping[str, View]:
    """Give what answers the forms on those pages, by path."""
    return manifests.forms(hub)


def fault(status: int) -> Response:
    """Answer an error that was asked for, or that concerns no call; a limit says that nothing is left."""
    return problem(status, headers=_quota(0) if status in (403, 429) else None)


def finish(request: Request, response: Response) -> Response:
    """Add what every answer carries: what is left, and a tag, by which an unchanged answer is spared.

    A tag holds for the credential that got it, as GitHub's do.
    """
    for name, value in _quota().items():
        response.headers.setdefault(name, value)
    if request.method != "GET" or response.status_code != 200 or response.mimetype != "application/json":
        return response
    tag = hashlib.sha256(request.headers.get("Authorization", "").encode() + b"\0" + response.get_data()).hexdigest()
    response.set_etag(tag, weak=True)
    if request.if_none_match.contains_weak(tag):
        response.status_code = 304
        response.set_data(b"")
    return response


def _quota(remaining: int = repositories.QUOTA) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(repositories.QUOTA),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-used": str(repositories.QUOTA - remaining),
        "x-ratelimit-resource": "core",
    }
