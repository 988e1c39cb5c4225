"""Rate limits of REST calls: headers in each response, and a refusal when nothing is left."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from simulator.github.limits import Refusal, Resource
from simulator.github.rest.request.permissions import Caller, caller, known_caller
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.repository_routes import Views
from simulator.github.rest.request.versions import for_api_version
from simulator.github.state import GitHubState
from simulator.rest_server import json_response

_FREE = "/rate_limit"
_RESOURCES: tuple[Resource, ...] = ("core", "search", "graphql")
_GRAPHQL_ERROR = "RATE_LIMIT"
"""The error type since 2026, formerly `RATE_LIMITED` (https://github.com/yanyongyu/githubkit/issues/271)."""


def views(hub: GitHubState) -> Views:
    """Return the call about the rate limit; it costs nothing."""

    def rate_limit(request: Request) -> Response:
        if hub.ghes and hub.limits.rules is None:
            return problem(404, "Rate limiting is not enabled.")
        who = caller(request)
        resources = {name: _remaining(hub, who, name) for name in _RESOURCES}
        return json_response(for_api_version(request, {"resources": resources, "rate": resources["core"]}))

    return {("GET", _FREE): rate_limit}


def limit(hub: GitHubState, request: Request) -> Response | None:
    """Count an authenticated request, or refuse it."""
    who = known_caller(request)
    if who is None or request.path == hub.api_path + _FREE:
        return None
    refusal = hub.limits.check(
        who.bucket, _resource(request), writes=_changes_content(request), repositories=_repositories(who)
    )
    return None if refusal is None else _refused(request, who, refusal)


def show_limits(hub: GitHubState, request: Request, response: Response) -> None:
    """Add the rate limit headers to a response; a 304 costs nothing."""
    who, resource = known_caller(request), _resource(request)
    if who is None or (hub.ghes and hub.limits.rules is None):
        return
    if response.status_code == 304:
        hub.limits.spend(who.bucket, resource, -1)
    for name, value in _remaining(hub, who, resource).items():
        response.headers.setdefault(f"x-ratelimit-{name}", str(value))
    response.headers["x-ratelimit-resource"] = resource


def _refused(request: Request, who: Caller, refusal: Refusal) -> Response:
    if refusal.primary and _resource(request) == "graphql":
        message = f"API rate limit already exceeded for {who.bucket}."
        return json_response({"errors": [{"type": _GRAPHQL_ERROR, "code": "graphql_rate_limit", "message": message}]})
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    return problem(refusal.status, refusal.message, headers=headers)


def _remaining(hub: GitHubState, who: Caller, resource: Resource) -> dict[str, int]:
    return hub.limits.remaining(who.bucket, resource, repositories=_repositories(who))


def _repositories(who: Caller) -> int | None:
    return None if who.installation is None else len(who.installation.repositories)


def _resource(request: Request) -> Resource:
    if request.path.endswith("/graphql"):
        return "graphql"
    return "search" if "/search/" in request.path else "core"


def _changes_content(request: Request) -> bool:
    return request.method != "GET" and _resource(request) == "core"
