"""Poll a repository: list the issues and pull requests that changed since a time, one page for each call.

GitHub sorts them by the time of their last change. The cursor of the next page is the time of the last change on this
page, not a page number (keyset pagination): an issue that changes between two pages moves to the end of the list, and
with page numbers another issue would slip onto an earlier page and be missed.
https://docs.github.com/en/rest/issues/issues#list-repository-issues
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from connectors.github.api.client import GitHubClient, repository_path
from connectors.github.issues.project_fields import fetch_project_numbers
from connectors.github.model.number_fields import number_fields_of
from connectors.github.model.snapshots import read_issue, scope_of
from connectors.json_fields import Json, identifier, timestamp
from sync_service.domain.trackers.capabilities import ChangesRequest, Page
from sync_service.domain.trackers.connector import Gone, Rejected
from sync_service.domain.trackers.observations import ScopeRef, ScopeSeen

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class _Position:
    """The cursor of a poll: the repository, the time `since`, and the page number within that.

    `taken` are the numbers of the issues that changed at `since` and were already on the last page.
    """

    id: str
    name: str
    since: str | None
    page: int = 1
    taken: tuple[str, ...] = ()


def changes(calls: GitHubClient, *, asked: ChangesRequest, cursor: str | None) -> Page:
    """Fetch a page of the changed issues and pull requests, oldest change first."""
    if cursor is None:
        position, expected = _first_position(calls, asked)
    else:
        position, expected = _parse_cursor(cursor), None
    found, named = calls.list_page(f"/repositories/{position.id}/issues", _params(position))
    scope = ScopeRef(position.id, position.name)
    new = [one for one in found if _number(one) not in position.taken]
    wanted = number_fields_of(calls.connection)
    issues = [one for one in new if not one.get("pull_request")]
    shown = fetch_project_numbers(calls, issues, wanted, repository=position.id)
    seen = tuple(read_issue(one, scope, wanted, shown.get(str(one.get("node_id")), {})) for one in new)
    was = asked.name if asked.name.lower() != scope.name.lower() else None
    scope_seen = (ScopeSeen(scope=scope, was=was, returned=True),) if cursor is None else ()
    after = None if len(found) < PER_PAGE and not named else json.dumps(asdict(_next(position, found)))
    newest = max((at for one in found if (at := timestamp(one.get("updated_at")))), default=None)
    return Page(observations=(*scope_seen, *seen), cursor=after, expected=expected, newest=newest)


def _first_position(calls: GitHubClient, asked: ChangesRequest) -> tuple[_Position, int | None]:
    """Return the first cursor, with the repository's present name; for an import also its approximate issue count."""
    repository = calls.get(f"/repositories/{asked.id}" if asked.id else repository_path(asked.name)).body
    scope = scope_of(repository)
    if asked.id and scope.id != asked.id:
        raise Gone(f"{asked.name} is another repository now", proven=False)
    position = _Position(scope.id, scope.name, _format_time(asked.since) if asked.since else None)
    return position, None if asked.since else _highest_number(calls, position)


def _highest_number(calls: GitHubClient, position: _Position) -> int:
    newest = {"state": "all", "sort": "created", "direction": "desc", "per_page": "1"}
    found = calls.list(f"/repositories/{position.id}/issues", newest)
    return max((int(_number(one) or 0) for one in found), default=0)


def _parse_cursor(cursor: str) -> _Position:
    found = json.loads(cursor)
    return _Position(**{**found, "taken": tuple(found["taken"])})


def _params(position: _Position) -> dict[str, str]:
    params = {
        "state": "all",
        "sort": "updated",
        "direction": "asc",
        "per_page": str(PER_PAGE),
        "page": str(position.page),
    }
    return params if position.since is None else {**params, "since": position.since}


def _next(position: _Position, found: Sequence[Json]) -> _Position:
    """Return the next cursor: the time of the last change, or the next page number when all times are equal."""
    if not found:
        return replace(position, page=position.page + 1)
    times = [timestamp(one.get("updated_at")) for one in found]
    at = times[-1]
    if at is None or any(time is None or time > at for time in times):
        raise Rejected("GitHub's list is not in the requested order")
    at_last = [_number(one) for one, time in zip(found, times, strict=True) if time == at]
    if len(at_last) == len(found):
        return replace(position, page=position.page + 1)
    return replace(position, since=_format_time(at), page=1, taken=tuple(at_last))


def _number(issue: Json) -> str:
    return identifier(issue.get("number")) or ""


def _format_time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
