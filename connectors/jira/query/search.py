"""List the members of a JQL query in the watched projects by search: ids and keys, with pagination by creation time.

A page has up to 5,000 issues on Cloud, 1,000 on Data Center. The next page asks for issues created since the last issue
of this one, not for an offset: when an issue stops matching between two pages, the others move up, and with offsets the
next page would miss one. A fetch of that last issue gives its creation time. Jira's page token, or on Data Center the
offset, is used only when a whole page was created at the same moment.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-post
https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/search
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import error_text
from connectors.jira.issues.list_changes import as_path
from connectors.jira.query.order_by import quoted, restriction
from connectors.json_fields import Json, exact_text, identifier, json_object, json_objects, timestamp
from connectors.responses import Response
from sync_service.domain.trackers.connector import Gone, Refused, Rejected
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.domain.trackers.queries import MemberPage

PER_PAGE = 5000
"""More than Data Center's maximum, which is not an error there."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Cursor of a listing: since which creation time it asks, in milliseconds since 1970.

    `token` is Cloud's next page token, `start` the offset on Data Center, `empty` the number of empty pages there so
    far. `last` is the id of the last issue, which the next page repeats. `unseen` are the names of watched projects
    that Jira does not show.
    """

    since: int | None = None
    token: str | None = None
    start: int = 0
    empty: int = 0
    last: str | None = None
    unseen: tuple[str, ...] = ()


def members(calls: JiraClient, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> MemberPage:
    """Fetch a page of the members in the watched scopes. Raise `Rejected` with Jira's error text when it refuses."""
    jql = restriction(query)
    position = _read(cursor) if cursor else _Cursor()
    seen = [scope for scope in scopes if scope.name not in position.unseen]
    reply = _ask(calls, jql, seen, position)
    if reply.status == 400 and cursor is None:
        seen, position = without_unseen(calls, scopes, reply)
        reply = _ask(calls, jql, seen, position)
    if reply.status == 400:
        raise Rejected(f"Jira refuses to list the query: {error_text(reply) or reply.status}")
    if reply.status == 410:
        raise Refused("this is Jira Cloud: the connection needs the e-mail address that its token belongs to")
    calls.raise_for_response(reply)
    answer = reply.object()
    found = _names(json_objects(answer.get("issues")))
    after = _next(calls, position, found=list(found), count=len(json_objects(answer.get("issues"))), answer=answer)
    return MemberPage(
        found={identity: key for identity, key in found.items() if identity != position.last},
        cursor=json.dumps(asdict(after)) if after else None,
        outside=count_outside(calls, jql, seen) if cursor is None else 0,
        incomplete_reason=f"Jira does not show {', '.join(position.unseen)}" if position.unseen else None,
    )


def _read(cursor: str) -> _Cursor:
    found = json.loads(cursor)
    return _Cursor(**{**found, "unseen": tuple(found["unseen"])})


def _ask(calls: JiraClient, jql: str, scopes: Sequence[ScopeRef], position: _Cursor) -> Response:
    """Fetch a page; when the page token has expired, start again at `since` without it."""
    reply = _search(calls, _search_body(calls, jql, scopes, position))
    if reply.status == 400 and position.token:
        return _ask(calls, jql, scopes, replace(position, token=None))
    return reply


def _search_body(calls: JiraClient, query: str, scopes: Sequence[ScopeRef], position: _Cursor) -> dict[str, Any]:
    bound = "" if position.since is None else f" AND created >= {position.since}"
    jql = f"({query}) AND {within(scopes)}{bound} ORDER BY created ASC, key ASC"
    body: dict[str, Any] = {"jql": jql, "maxResults": PER_PAGE, "fields": ["key"]}
    if not calls.is_cloud:
        return {**body, "startAt": position.start}
    return body if position.token is None else {**body, "nextPageToken": position.token}


def _search(calls: JiraClient, body: Json) -> Response:
    return calls.send("POST", "/search/jql" if calls.is_cloud else "/search", json=body)


def within(scopes: Sequence[ScopeRef], *, outside: bool = False) -> str:
    """Return the JQL that bounds a query by project: by id, which never changes, if known."""
    if not scopes:
        raise Rejected("the connection watches no project that Jira shows")
    names = ", ".join(scope.id or quoted(scope.name) for scope in scopes)
    return f"project {'not in' if outside else 'in'} ({names})"


def without_unseen(calls: JiraClient, scopes: Sequence[ScopeRef], reply: Response) -> tuple[list[ScopeRef], _Cursor]:
    """Find the watched projects that Jira hides. Raise `Rejected` when it shows all: then the query is wrong."""
    seen = []
    for scope in scopes:
        try:
            calls.get(f"/project/{scope.id or as_path(scope.name)}")
        except (Gone, Rejected):
            continue
        seen.append(scope)
    if len(seen) == len(scopes):
        raise Rejected(f"Jira refuses to list the query: {error_text(reply) or reply.status}")
    return seen, _Cursor(unseen=tuple(scope.name for scope in scopes if scope not in seen))


def count_outside(calls: JiraClient, query: str, scopes: Sequence[ScopeRef]) -> int:
    """Return about how many issues match in other projects; 0 when Jira does not say."""
    jql = f"({query}) AND {within(scopes, outside=True)}"
    if calls.is_cloud:
        reply = calls.send("POST", "/search/approximate-count", json={"jql": jql})
    else:
        reply = calls.send("POST", "/search", json={"jql": jql, "maxResults": 0, "fields": ["key"]})
    count = reply.object().get("count" if calls.is_cloud else "total") if reply.status == 200 else None
    return count if isinstance(count, int) and not isinstance(count, bool) else 0


def _names(found: Sequence[Json]) -> dict[str, str]:
    """Return keys by identity, in Jira's order. Raise `Rejected` for an issue without id: it may be a member."""
    named = {}
    for one in found:
        identity = identifier(one.get("id"))
        if identity is None:
            raise Rejected("Jira lists an issue without its id")
        named[identity] = exact_text(one.get("key")) or identity
    return named


def _next(calls: JiraClient, position: _Cursor, *, found: Sequence[str], count: int, answer: Json) -> _Cursor | None:
    """Continue from the creation of the last issue; when it is not newer than `since`, by token or offset."""
    following = _following(calls, position, count=count, answer=answer)
    if following is None or not found:
        return following
    since = _created(calls, found[-1])
    if since is None or (position.since is not None and since <= position.since):
        return following
    return _Cursor(since=since, last=found[-1], unseen=position.unseen)


def _following(calls: JiraClient, position: _Cursor, *, count: int, answer: Json) -> _Cursor | None:
    """Return the cursor of Jira's next page of the same list; None at its end. A short page is not the end.

    An empty page is not the last one either, while Data Center's `total` is larger: the caller stops after some.
    """
    if calls.is_cloud:
        token = exact_text(answer.get("nextPageToken"), 10_000)
        return None if token is None or answer.get("isLast") is True else replace(position, token=token, last=None)
    total, start = answer.get("total"), position.start + count
    more = isinstance(total, int) and start < total
    return replace(position, start=start, last=None, empty=0 if count else position.empty + 1) if more else None


def _created(calls: JiraClient, identity: str) -> int | None:
    """Return when an issue was created, in milliseconds since 1970; None when it is gone."""
    try:
        issue = calls.get(f"/issue/{identity}", {"fields": "created"})
    except Gone:
        return None
    at = timestamp(json_object(issue.get("fields")).get("created"))
    return None if at is None else (at - _EPOCH) // _MILLISECOND
