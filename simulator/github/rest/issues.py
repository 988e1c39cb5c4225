"""Issues and pull requests, one by one and in lists (https://docs.github.com/en/rest/issues/issues)."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

from werkzeug.wrappers import Request, Response

from simulator.github.bodies import label as label_body
from simulator.github.bodies import milestone as milestone_body
from simulator.github.pull_request import PullRequest
from simulator.github.rest.paging import link, page_number, page_of, per_page
from simulator.github.rest.places import READ_WORK, Views, at_issue, at_repository
from simulator.github.rest.problems import problem
from simulator.github.rest.versions import dated
from simulator.github.shelf import Order, State, Wanted
from simulator.github.work import issue_answer, issue_body, pull_request_body
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.hub import GitHub
    from simulator.github.issue import Issue
    from simulator.github.repository import Repository

TOO_DEEP = (
    "Pagination with the page parameter is not supported for large datasets, "
    "please use cursor based pagination (after/before)"
)

_LIST_PARAMETERS = {"state", "sort", "direction", "since", "per_page", "page", "after"}


def views(hub: GitHub) -> Views:
    """Give the calls that read issues, pull requests and milestones."""

    def one(request: Request, issue: Issue) -> Response:
        return json_answer(dated(request, issue_answer(issue)))

    def pull(request: Request, place: Repository, number: int) -> Response:
        found = place.issues.get(number)
        if not isinstance(found, PullRequest):
            return problem(404)
        return json_answer(dated(request, pull_request_body(found)))

    def labels(request: Request, place: Repository) -> Response:
        shown, headers = page_of(place.labels, f"{hub.api_url}/repositories/{place.id}/labels", request)
        return json_answer([label_body(each) for each in shown], headers=headers)

    def milestones(request: Request, place: Repository) -> Response:
        state = request.args.get("state", "open")
        found = [each for each in place.milestones if state in ("all", "closed" if each.closed else "open")]
        shown, headers = page_of(found, f"{hub.api_url}/repositories/{place.id}/milestones", request)
        return json_answer([milestone_body(each, hub.site) for each in shown], headers=headers)

    def milestone(_request: Request, place: Repository, number: int) -> Response:
        found = next((each for each in place.milestones if each.number == number), None)
        return problem(404) if found is None else json_answer(milestone_body(found, hub.site))

    return {
        **at_repository(hub, "GET", "/issues", listed, needs=READ_WORK),
        **at_issue(hub, "GET", "", one),
        **at_repository(hub, "GET", "/pulls/<int:number>", pull, needs=(("pull_requests", "read"),)),
        **at_repository(hub, "GET", "/labels", labels, needs=READ_WORK),
        **at_repository(hub, "GET", "/milestones", milestones, needs=READ_WORK),
        **at_repository(hub, "GET", "/milestones/<int:number>", milestone, needs=READ_WORK),
    }


def listed(request: Request, place: Repository) -> Response:
    """List issues and pull requests; what the simulator cannot filter by is refused rather than ignored."""
    asked = request.args
    if unknown := set(asked) - _LIST_PARAMETERS:
        return problem(422, f"This simulator does not filter by {', '.join(sorted(unknown))}")
    choices = {"state": ("open", "closed", "all"), "sort": ("created", "updated"), "direction": ("desc", "asc")}
    if any(asked.get(name, allowed[0]) not in allowed for name, allowed in choices.items()):
        return problem(422)
    try:
        since, after = _moment(asked.get("since")), _key(asked.get("after"))
    except ValueError:
        return problem(422)
    page, size = page_number(request), per_page(request)
    if after is None and page * size >= place.hub.deepest_page:
        return problem(422, TOO_DEEP)
    part = place.issues.part(
        Wanted(
            state=cast("State", asked.get("state", "open")),
            order=cast("Order", asked.get("sort", "created")),
            descending=asked.get("direction", "desc") == "desc",
            since=since,
            after=after,
            skip=0 if after is not None else (page - 1) * size,
            count=size,
        )
    )
    relations: dict[str, dict[str, object]] = {}
    if part.last is not None:
        relations["next"] = {"page": page + 1}
        if part.total >= place.hub.deepest_page:
            relations["next"] |= {"after": _cursor(part.last)}
    headers = link(f"{place.hub.api_url}/repositories/{place.id}/issues", request, **relations)
    bodies: list[Any] = [dated(request, issue_body(place.issues.peek(number))) for number in part.numbers]
    return json_answer(bodies, headers=headers)


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
