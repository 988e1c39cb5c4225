"""Issues and pull requests, one by one and in lists (https://docs.github.com/en/rest/issues/issues)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

from werkzeug.wrappers import Request, Response

from simulator.endless_lists import EndlessList
from simulator.github.json.common import label_json, milestone_json
from simulator.github.json.issues import (
    issue_api_url,
    issue_details_json,
    issue_json,
    pull_request_json,
    timeline_event_json,
)
from simulator.github.model.issue import Issue
from simulator.github.model.issue_store import ListQuery, Order, State
from simulator.github.model.pull_request import PullRequest
from simulator.github.model.repository import Repository
from simulator.github.rest.request.pagination import link, page_number, paginate, per_page
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.repository_routes import READ_WORK, Views, issue_route, repository_route
from simulator.github.rest.request.versions import for_api_version
from simulator.github.state import GitHubState
from simulator.rest_server import json_response

TOO_DEEP = (
    "Pagination with the page parameter is not supported for large datasets, "
    "please use cursor based pagination (after/before)"
)

_LIST_PARAMETERS = {"state", "sort", "direction", "since", "per_page", "page", "after"}


def views(hub: GitHubState) -> Views:
    """Return the calls that read issues, pull requests and milestones."""

    def one(request: Request, issue: Issue) -> Response:
        return json_response(for_api_version(request, issue_details_json(issue)))

    def pull(request: Request, repo: Repository, number: int) -> Response:
        found = repo.issues.get(number)
        if not isinstance(found, PullRequest):
            return problem(404)
        return json_response(for_api_version(request, pull_request_json(found)))

    def labels(request: Request, repo: Repository) -> Response:
        shown, headers = paginate(repo.labels, f"{hub.api_url}/repositories/{repo.id}/labels", request)
        return json_response([label_json(each) for each in shown], headers=headers)

    def milestones(request: Request, repo: Repository) -> Response:
        state = request.args.get("state", "open")
        found = [each for each in repo.milestones if state in ("all", "closed" if each.closed else "open")]
        shown, headers = paginate(found, f"{hub.api_url}/repositories/{repo.id}/milestones", request)
        return json_response([milestone_json(each, hub.site) for each in shown], headers=headers)

    def milestone(_request: Request, repo: Repository, number: int) -> Response:
        found = next((each for each in repo.milestones if each.number == number), None)
        return problem(404) if found is None else json_response(milestone_json(found, hub.site))

    def timeline(request: Request, issue: Issue) -> Response:
        shown, headers = paginate(issue.timeline, f"{issue_api_url(issue)}/timeline", request)
        return json_response([timeline_event_json(issue, each) for each in shown], headers=headers)

    return {
        **issue_route(hub, "GET", "/timeline", timeline, follows=False),
        **repository_route(hub, "GET", "/issues", partial(listed, hub), needs=READ_WORK),
        **issue_route(hub, "GET", "", one),
        **repository_route(hub, "GET", "/pulls/<int:number>", pull, needs=(("pull_requests", "read"),)),
        **repository_route(hub, "GET", "/labels", labels, needs=READ_WORK),
        **repository_route(hub, "GET", "/milestones", milestones, needs=READ_WORK),
        **repository_route(hub, "GET", "/milestones/<int:number>", milestone, needs=READ_WORK),
    }


def listed(hub: GitHubState, request: Request, repo: Repository) -> Response:
    """List issues and pull requests; what the simulator cannot filter by is refused rather than ignored."""
    params = request.args
    if unknown := set(params) - _LIST_PARAMETERS:
        return problem(422, f"This simulator does not filter by {', '.join(sorted(unknown))}")
    choices = {"state": ("open", "closed", "all"), "sort": ("created", "updated"), "direction": ("desc", "asc")}
    if any(params.get(name, allowed[0]) not in allowed for name, allowed in choices.items()):
        return problem(422)
    try:
        since, after = _moment(params.get("since")), _key(params.get("after"))
    except ValueError:
        return problem(422)
    page, size = page_number(request), per_page(request)
    if hub.endless:
        since, after, page = None, None, 1
    if after is None and page * size >= hub.deepest_page:
        return problem(422, TOO_DEEP)
    listing = repo.issues.page(
        ListQuery(
            state=cast("State", params.get("state", "open")),
            order=cast("Order", params.get("sort", "created")),
            descending=params.get("direction", "desc") == "desc",
            since=since,
            after=after,
            skip=0 if after is not None else (page - 1) * size,
            count=size,
        )
    )
    relations: dict[str, dict[str, object]] = {}
    if listing.last is not None:
        relations["next"] = {"page": page + 1}
        if listing.total >= hub.deepest_page:
            relations["next"] |= {"after": _cursor(listing.last)}
    address = f"{hub.api_url}/repositories/{repo.id}/issues"
    if hub.endless is EndlessList.EMPTY:
        return json_response([], headers=link(address, request, next={"page": page_number(request) + 1}))
    headers = link(address, request, **relations)
    bodies: list[Any] = [for_api_version(request, issue_json(repo.issues.peek(number))) for number in listing.numbers]
    return json_response(bodies, headers=headers)


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _cursor(key: int) -> str:
    return base64.urlsafe_b64encode(b"cursor:v2:%d" % key).decode()


def _key(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    return int(base64.urlsafe_b64decode(cursor).removeprefix(b"cursor:v2:"))
