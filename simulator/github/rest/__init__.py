"""What the simulated GitHub answers to REST calls: who may call, the calls, and what every answer carries."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.rest import issues, repositories
from simulator.github.rest.callers import Caller, remember
from simulator.github.rest.people import pages
from simulator.github.rest.places import Views
from simulator.github.rest.problems import problem
from simulator.github.rest.versions import HEADER, VERSIONS

if TYPE_CHECKING:
    from simulator.github.hub import GitHub

__all__ = ["admit", "fault", "finish", "pages", "views"]


def views(hub: GitHub) -> Views:
    """Give the calls that are answered."""
    return {**issues.views(hub), **repositories.views(hub)}


def admit(hub: GitHub, request: Request) -> Response | None:
    """Refuse who has no name, no right token, or asks for an unknown version of the API."""
    if not request.headers.get("User-Agent"):
        return problem(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent")
    if request.headers.get(HEADER, VERSIONS[0]) not in VERSIONS:
        return problem(400, f"API version is not one of {', '.join(VERSIONS)}")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        return problem(401, "Requires authentication")
    if scheme.lower() not in ("bearer", "token") or token != hub.token:
        return problem(401)
    remember(request, Caller(allowance=f"user ID {hub.actor.id}", user=hub.actor))
    return None


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
