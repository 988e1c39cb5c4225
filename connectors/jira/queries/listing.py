"""The members of a query in the watched projects, page by page, in the order of creation: ids and keys, no more.

A page may have 5,000 of them on Cloud, 1,000 on Data Center. The next one asks for what was created since the last
issue of this one, and not for a place in the list: what ceases to be found meanwhile would draw others over the border
of pages, unseen. When that last issue was created a look at it says. Only where a whole page was created at one moment
is the next part asked for by Jira's token, or on Data Center by its place.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-post
https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/search
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.fields import Json, exact, identifier, moment, rows, table
from connectors.jira.calls import Calls
from connectors.jira.limits import words_of
from connectors.jira.listing import as_path
from connectors.jira.queries.reading import quoted, restriction
from connectors.replies import Reply
from sync_service.domain.connectors import Gone, Refused, Rejected
from sync_service.domain.issues import ScopeRef
from sync_service.domain.queries import Members

PER_PAGE = 5000
"""More than Data Center gives, which is no error there."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run is: since which creation it asks (milliseconds since 1970), and how far behind that.

    `token` is Cloud's for the next page, `start` the place on Data Center. `last` is the id of the issue at the border,
    which two pages show. `unseen` are the names of watched projects that Jira does not show.
    """

    since: int | None = None
    token: str | None = None
    start: int = 0
    last: str | None = None
    unseen: tuple[str, ...] = ()


def members(calls: Calls, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> Members:
    """Fetch a page of the members in the watched scopes; raise `Rejected` with Jira's words where it refuses them."""
    asked = restriction(query)
    place = _read(cursor) if cursor else _Place()
    seen = [scope for scope in scopes if scope.name not in place.unseen]
    reply = _ask(calls, asked, seen, place)
    if reply.status == 400 and cursor is None:
        seen, place = _without_unseen(calls, scopes, reply)
        reply = _ask(calls, asked, seen, place)
    if reply.status == 400:
        raise Rejected(f"Jira refuses to list the query: {words_of(reply) or reply.status}")
    if reply.status == 410:
        raise Refused("this is Jira Cloud: the connection needs the e-mail address that its token belongs to")
    calls.judge(reply)
    answer = reply.object()
    found = _names(rows(answer.get("issues")))
    after = _next(calls, place, found=list(found), count=len(rows(answer.get("issues"))), answer=answer)
    return Members(
        found={identity: key for identity, key in found.items() if identity != place.last},
        cursor=json.dumps(asdict(after)) if after else None,
        outside=_outside(calls, asked, seen) if cursor is None else 0,
        lacking=f"Jira does not show {', '.join(place.unseen)}" if place.unseen else None,
    )


def _read(cursor: str) -> _Place:
    found = json.loads(cursor)
    return _Place(**{**found, "unseen": tuple(found["unseen"])})


def _ask(calls: Calls, asked: str, scopes: Sequence[ScopeRef], place: _Place) -> Reply:
    """Ask for a page; a token that has expired is left out, which begins again at the last border."""
    reply = _search(calls, _question(calls, asked, scopes, place))
    if reply.status == 400 and place.token:
        return _ask(calls, asked, scopes, replace(place, token=None))
    return reply


def _question(calls: Calls, asked: str, scopes: Sequence[ScopeRef], place: _Place) -> dict[str, Any]:
    bound = "" if place.since is None else f" AND created >= {place.since}"
    jql = f"({asked}) AND {_within(scopes)}{bound} ORDER BY created ASC, key ASC"
    question: dict[str, Any] = {"jql": jql, "maxResults": PER_PAGE, "fields": ["key"]}
    if not calls.is_cloud:
        return {**question, "startAt": place.start}
    return question if place.token is None else {**question, "nextPageToken": place.token}


def _search(calls: Calls, question: Json) -> Reply:
    return calls.send("POST", "/search/jql" if calls.is_cloud else "/search", json=question)


def _within(scopes: Sequence[ScopeRef], *, outside: bool = False) -> str:
    """Name projects by their ids, which are for life, where they are known."""
    if not scopes:
        raise Rejected("the connection watches no project that Jira shows")
    names = ", ".join(scope.id or quoted(scope.name) for scope in scopes)
    return f"project {'not in' if outside else 'in'} ({names})"


def _without_unseen(calls: Calls, scopes: Sequence[ScopeRef], reply: Reply) -> tuple[list[ScopeRef], _Place]:
    """Find out which watched projects Jira does not show; where it shows all, it is the query that it refuses."""
    seen = []
    for scope in scopes:
        try:
            calls.get(f"/project/{scope.id or as_path(scope.name)}")
        except (Gone, Rejected):
            continue
        seen.append(scope)
    if len(seen) == len(scopes):
        raise Rejected(f"Jira refuses to list the query: {words_of(reply) or reply.status}")
    return seen, _Place(unseen=tuple(scope.name for scope in scopes if scope not in seen))


def _outside(calls: Calls, asked: str, scopes: Sequence[ScopeRef]) -> int:
    """Say about how much is found elsewhere; nothing where Jira does not tell."""
    jql = f"({asked}) AND {_within(scopes, outside=True)}"
    if calls.is_cloud:
        reply = calls.send("POST", "/search/approximate-count", json={"jql": jql})
    else:
        reply = calls.send("POST", "/search", json={"jql": jql, "maxResults": 0, "fields": ["key"]})
    told = reply.object().get("count" if calls.is_cloud else "total") if reply.status == 200 else None
    return told if isinstance(told, int) and not isinstance(told, bool) else 0


def _names(found: Sequence[Json]) -> dict[str, str]:
    """Give keys by identity, in the order shown. Raise `Rejected` for what has none: it may be a member."""
    named = {}
    for one in found:
        identity = identifier(one.get("id"))
        if identity is None:
            raise Rejected("Jira lists an issue without its id")
        named[identity] = exact(one.get("key")) or identity
    return named


def _next(calls: Calls, place: _Place, *, found: Sequence[str], count: int, answer: Json) -> _Place | None:
    """Go on from the creation of the last issue; where that is no further than before, by token or place."""
    following = _following(calls, place, count=count, answer=answer)
    if following is None or not found:
        return following
    since = _created(calls, found[-1])
    if since is None or (place.since is not None and since <= place.since):
        return following
    return _Place(since=since, last=found[-1], unseen=place.unseen)


def _following(calls: Calls, place: _Place, *, count: int, answer: Json) -> _Place | None:
    """Give the place of Jira's next page of the same list; None at its end. A short page is no end."""
    if calls.is_cloud:
        token = exact(answer.get("nextPageToken"), 10_000)
        return None if token is None or answer.get("isLast") is True else replace(place, token=token, last=None)
    total, start = answer.get("total"), place.start + count
    more = count > 0 and isinstance(total, int) and start < total
    return replace(place, start=start, last=None) if more else None


def _created(calls: Calls, identity: str) -> int | None:
    """Tell when an issue was created; None where it is gone since."""
    try:
        issue = calls.get(f"/issue/{identity}", {"fields": "created"})
    except Gone:
        return None
    at = moment(table(issue.get("fields")).get("created"))
    return None if at is None else (at - _EPOCH) // _MILLISECOND
