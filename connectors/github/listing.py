"""What changed in a repository since a moment, page by page.

GitHub lists issues and pull requests by the time of their last change. Each page asks for what changed since the last
one's end, and not for a page number: what changes between two pages moves to the end of the list, and would draw
others over the border of numbered pages, unseen.
https://docs.github.com/en/rest/issues/issues#list-repository-issues
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from connectors.fields import Json, identifier, moment
from connectors.github.calls import Calls, path_by_name
from connectors.github.numbers import wanted_of
from connectors.github.projects import shown_in_projects
from connectors.github.snapshots import issue_seen, scope_of
from sync_service.domain.abilities import Asked, Page
from sync_service.domain.connectors import Gone, Rejected
from sync_service.domain.issues import ScopeRef, ScopeSeen

PER_PAGE = 100


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run is: in which repository, since when it asks, and which page of that.

    `taken` are the numbers of the issues that changed just then and were on the page before.
    """

    id: str
    name: str
    since: str | None
    page: int = 1
    taken: tuple[str, ...] = ()


def changes(calls: Calls, *, asked: Asked, cursor: str | None) -> Page:
    """Fetch a page of the issues and pull requests that changed, oldest change first."""
    if cursor is None:
        place, expected = _begin(calls, asked)
    else:
        place, expected = _place(cursor), None
    found = calls.list(f"/repositories/{place.id}/issues", _question(place))
    scope = ScopeRef(place.id, place.name)
    new = [one for one in found if _number(one) not in place.taken]
    wanted = wanted_of(calls.connection)
    issues = [one for one in new if not one.get("pull_request")]
    shown = shown_in_projects(calls, issues, wanted, repository=place.id)
    seen = tuple(issue_seen(one, scope, wanted, shown.get(str(one.get("node_id")), {})) for one in new)
    here = (ScopeSeen(scope=scope, returned=True),) if cursor is None else ()
    after = None if len(found) < PER_PAGE else json.dumps(asdict(_next(place, found)))
    newest = max((at for one in found if (at := moment(one.get("updated_at")))), default=None)
    return Page(observations=(*here, *seen), cursor=after, expected=expected, newest=newest)


def _begin(calls: Calls, asked: Asked) -> tuple[_Place, int | None]:
    """Find the repository as it is now called; for an import also about how many issues it has."""
    repository = calls.get(f"/repositories/{asked.id}" if asked.id else path_by_name(asked.name)).body
    scope = scope_of(repository)
    if asked.id and scope.id != asked.id:
        raise Gone(f"{asked.name} is another repository now", proven=False)
    place = _Place(scope.id, scope.name, _written(asked.since) if asked.since else None)
    return place, None if asked.since else _highest_number(calls, place)


def _highest_number(calls: Calls, place: _Place) -> int:
    newest = {"state": "all", "sort": "created", "direction": "desc", "per_page": "1"}
    found = calls.list(f"/repositories/{place.id}/issues", newest)
    return max((int(_number(one) or 0) for one in found), default=0)


def _place(cursor: str) -> _Place:
    found = json.loads(cursor)
    return _Place(**{**found, "taken": tuple(found["taken"])})


def _question(place: _Place) -> dict[str, str]:
    asked = {"state": "all", "sort": "updated", "direction": "asc", "per_page": str(PER_PAGE), "page": str(place.page)}
    return asked if place.since is None else {**asked, "since": place.since}


def _next(place: _Place, found: Sequence[Json]) -> _Place:
    """Go on from the last change seen; where a whole page has one and the same time, by its number."""
    times = [moment(one.get("updated_at")) for one in found]
    at = times[-1]
    if at is None or any(time is None or time > at for time in times):
        raise Rejected("GitHub's list is not in the order that was asked for")
    at_last = [_number(one) for one, time in zip(found, times, strict=True) if time == at]
    if len(at_last) == len(found):
        return replace(place, page=place.page + 1)
    return replace(place, since=_written(at), page=1, taken=tuple(at_last))


def _number(issue: Json) -> str:
    return identifier(issue.get("number")) or ""


def _written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
