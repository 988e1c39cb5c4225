"""Poll a project by JQL: list the issues changed since a moment, with pagination by keyset.

Jira sorts by the time of the last change. Each page asks for issues changed since the end of the last page, not for an
offset: an issue that changes between two pages moves to the end of the list, and with offsets the next page would miss
another one. Jira's page token, or on Data Center the offset, is used only when a whole page has the same time. Cloud's
search index is late and may show a changed issue at its former position, so only times older than some minutes decide
where a page ends.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-get
https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/search
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import error_text
from connectors.jira.model.requested_fields import requested_fields
from connectors.jira.model.snapshots import read_issue
from connectors.json_fields import Json, exact_text, identifier, json_object, json_objects, timestamp
from connectors.responses import Response
from sync_service.domain.trackers.capabilities import ChangesRequest, Page
from sync_service.domain.trackers.connector import Gone, Refused, Rejected
from sync_service.domain.trackers.observations import ScopeRef, ScopeSeen

PER_PAGE = 100
"""Cloud's maximum with all fields."""

SETTLED = timedelta(minutes=5)
"""Cloud may still list an issue that changed within this time at the position of its former time."""

_HEAVY = ",-comment,-description,-worklog,-attachment"
"""Fields that can make a page too large to read."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Cursor of a poll: the project, and since when it lists changes, in milliseconds since 1970.

    `token` is Cloud's next page token, `start` the offset on Data Center, `empty` the number of empty pages there so
    far. `taken` are the ids of the issues that changed exactly at `since` and were on the page before.
    """

    id: str
    key: str
    since: int | None
    token: str | None = None
    start: int = 0
    empty: int = 0
    taken: tuple[str, ...] = ()

    @property
    def jql(self) -> str:
        """Return the query, bounded by the project's id, which never changes."""
        bound = "" if self.since is None else f" AND updated >= {self.since}"
        return f"project = {self.id}{bound} ORDER BY updated ASC, key ASC"


def changes(calls: JiraClient, *, asked: ChangesRequest, cursor: str | None) -> Page:
    """Fetch a page of changed issues, oldest change first. Raise `Gone` when the project is not visible."""
    here: tuple[ScopeSeen, ...] = ()
    if cursor is None:
        scope, position = _begin(calls, asked)
        here = (ScopeSeen(scope=scope, was=asked.name if asked.name != scope.name else None, returned=True),)
    else:
        position = _cursor_from(cursor)
    calls = calls.with_field_catalogue()
    reply = _ask(calls, position)
    answer = reply.object()
    found = json_objects(answer.get("issues"))
    new = [one for one in found if identifier(one.get("id")) not in position.taken]
    seen = tuple(read_issue(one, calls.connection, changelog={}, asked=True) for one in new)
    settled = _settled(found, _horizon(calls, reply))
    after = _next(calls, position, found=found, settled=settled, answer=answer)
    return Page(
        observations=(*here, *seen),
        cursor=None if after is None else json.dumps(asdict(after)),
        expected=_expected(calls, position) if cursor is None and asked.since is None else None,
        newest=max(settled, default=None),
    )


def _begin(calls: JiraClient, asked: ChangesRequest) -> tuple[ScopeRef, _Cursor]:
    """Fetch the project with its current key; a new key also means new issue keys, which the core handles."""
    project = calls.get(f"/project/{asked.id or as_path(asked.name)}")
    id_, key = identifier(project.get("id")), exact_text(project.get("key"))
    if id_ is None or key is None:
        raise Rejected(f"Jira's answer for {asked.name} has no project")
    if asked.id and id_ != asked.id:
        raise Gone(f"{asked.name} is another project now", proven=False)
    for flag, reason in (("archived", "was archived"), ("deleted", "was moved to the trash")):
        if project.get(flag) is True:  # a search finds nothing in it, which must not look like an empty project
            raise Gone(f"the project {key} {reason}", proven=False)
    since = None if asked.since is None else (asked.since - _EPOCH) // _MILLISECOND
    return ScopeRef(id_, key), _Cursor(id_, key, since)


def as_path(name: str) -> str:
    """Return a project's key for use in a path; raise `Rejected` when it is not a key."""
    if not (name.isascii() and name.replace("_", "").isalnum()):
        raise Rejected(f"{name[:60]!r} is not the key of a Jira project")
    return name


def _expected(calls: JiraClient, position: _Cursor) -> int | None:
    """Return about how many issues a first import will read; None when Jira does not say."""
    jql = f"project = {position.id}"
    if calls.is_cloud:
        reply = calls.send("POST", "/search/approximate-count", json={"jql": jql})
    else:
        reply = calls.send("GET", "/search", params={"jql": jql, "maxResults": "0", "fields": "key"})
    count = reply.object().get("count" if calls.is_cloud else "total") if reply.status == 200 else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def _cursor_from(cursor: str) -> _Cursor:
    found = json.loads(cursor)
    return _Cursor(**{**found, "taken": tuple(found["taken"])})


def _ask(calls: JiraClient, position: _Cursor) -> Response:
    """Fetch a page; when the page token has expired, start again at `since` without it."""
    reply = calls.send("GET", "/search/jql" if calls.is_cloud else "/search", params=_search_params(calls, position))
    if reply.status == 400 and position.token:
        return _ask(calls, replace(position, token=None))
    if reply.status == 400:
        calls.get(f"/project/{position.id}")  # raises when the project is gone or hidden; else the query is wrong
        raise Rejected(f"Jira refuses to list {position.key}: {error_text(reply) or reply.status}")
    if reply.status == 410:
        raise Refused("this is Jira Cloud: the connection needs the e-mail address that its token belongs to")
    calls.raise_for_response(reply)
    return reply


def _search_params(calls: JiraClient, position: _Cursor) -> dict[str, str]:
    wanted = ",".join(requested_fields(calls.connection))
    fields = f"{wanted}{_HEAVY}" if wanted == "*all" else wanted
    params = {"jql": position.jql, "maxResults": str(PER_PAGE), "fields": fields}
    if not calls.is_cloud:
        return {**params, "startAt": str(position.start)}
    return params if position.token is None else {**params, "nextPageToken": position.token}


def _horizon(calls: JiraClient, reply: Response) -> datetime | None:
    """Return, by Jira's clock, the time after which change times are unreliable; None when all are reliable."""
    return (reply.date() or calls.http.now()) - SETTLED if calls.is_cloud else None


def _settled(found: Sequence[Json], horizon: datetime | None) -> list[datetime]:
    """Return the reliable change times, which decide where a page ends."""
    times = [at for one in found if (at := _updated(one)) is not None]
    return times if horizon is None else [at for at in times if at < horizon]


def _updated(issue: Json) -> datetime | None:
    return timestamp(json_object(issue.get("fields")).get("updated"))


def _next(
    calls: JiraClient, position: _Cursor, *, found: Sequence[Json], settled: Sequence[datetime], answer: Json
) -> _Cursor | None:
    """Continue from the last change seen; when it is not newer than `since`, by token or offset."""
    following = _following(calls, position, count=len(found), answer=answer)
    if following is None:
        return None
    at = max(settled, default=None)
    since = None if at is None else (at - _EPOCH) // _MILLISECOND
    if since is None or (position.since is not None and since <= position.since):
        return following
    same = tuple(id_ for one in found if _updated(one) == at and (id_ := identifier(one.get("id"))))
    return _Cursor(position.id, position.key, since, taken=same)


def _following(calls: JiraClient, position: _Cursor, *, count: int, answer: Json) -> _Cursor | None:
    """Return the cursor of Jira's next page of the same list; None at its end. A short page is not the end.

    An empty page is not the last one either, while Data Center's `total` is larger: the caller stops after some.
    """
    if calls.is_cloud:
        token = exact_text(answer.get("nextPageToken"), 10_000)
        return None if token is None or answer.get("isLast") is True else replace(position, token=token, taken=())
    total, start = answer.get("total"), position.start + count
    more = isinstance(total, int) and start < total
    return replace(position, start=start, taken=(), empty=0 if count else position.empty + 1) if more else None
