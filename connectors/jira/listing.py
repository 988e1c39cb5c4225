"""What changed in a project since a moment, page by page, by JQL.

Jira finds issues by the time of their last change. Each page asks for what changed since the last one's end, and not
for a place in the list: what changes between two pages moves to its end, and would draw others over the border of
pages, unseen. Only where that leads no further is the next part asked for by Jira's token, or on Data Center by its
place. Cloud's searches learn of changes late and may show an issue as it is in the place of what it was, so that only
times some minutes old say where in the list a page ends.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-jql-get
https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/search
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors.fields import Json, exact, identifier, moment, rows, table
from connectors.jira.calls import Calls
from connectors.jira.limits import words_of
from connectors.jira.snapshots import issue_seen
from connectors.jira.wanted import wanted_fields
from connectors.replies import Reply
from sync_service.domain.abilities import Asked, Page
from sync_service.domain.connectors import Gone, Refused, Rejected
from sync_service.domain.issues import ScopeRef, ScopeSeen

PER_PAGE = 100
"""The most that Cloud gives with whole fields."""

SETTLED = timedelta(minutes=5)
"""What Cloud shows as changed within this time may stand where its former time belongs."""

_HEAVY = ",-comment,-description,-worklog,-attachment"
"""What may make a page of every field too large to be read."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a run is: in which project, since when it asks (milliseconds since 1970), and how far behind that.

    `token` is Cloud's for the next page, `start` the place on Data Center. `taken` are the ids of the issues that
    changed just then and were on the page before.
    """

    id: str
    key: str
    since: int | None
    token: str | None = None
    start: int = 0
    taken: tuple[str, ...] = ()

    @property
    def jql(self) -> str:
        """Say what is asked for: bounded by the project, its id being for life."""
        bound = "" if self.since is None else f" AND updated >= {self.since}"
        return f"project = {self.id}{bound} ORDER BY updated ASC, key ASC"


def changes(calls: Calls, *, asked: Asked, cursor: str | None) -> Page:
    """Fetch a page of the issues that changed, oldest change first; `Gone` where the project can't be seen."""
    here: tuple[ScopeSeen, ...] = ()
    if cursor is None:
        scope, place = _begin(calls, asked)
        here = (ScopeSeen(scope=scope, was=asked.name if asked.name != scope.name else None, returned=True),)
    else:
        place = _place(cursor)
    calls = calls.knowing()
    reply = _ask(calls, place)
    answer = reply.object()
    found = rows(answer.get("issues"))
    new = [one for one in found if identifier(one.get("id")) not in place.taken]
    seen = tuple(issue_seen(one, calls.connection, changelog={}, asked=True) for one in new)
    settled = _settled(found, _horizon(calls, reply))
    after = _next(calls, place, found=found, settled=settled, answer=answer)
    return Page(
        observations=(*here, *seen),
        cursor=None if after is None else json.dumps(asdict(after)),
        expected=_expected(calls, place) if cursor is None and asked.since is None else None,
        newest=max(settled, default=None),
    )


def _begin(calls: Calls, asked: Asked) -> tuple[ScopeRef, _Place]:
    """Find the project as it is now called; where its key is another, so are those of its issues, as the core knows."""
    project = calls.get(f"/project/{asked.id or as_path(asked.name)}")
    id_, key = identifier(project.get("id")), exact(project.get("key"))
    if id_ is None or key is None:
        raise Rejected(f"Jira's answer for {asked.name} names no project")
    if asked.id and id_ != asked.id:
        raise Gone(f"{asked.name} is another project now", proven=False)
    for away, why in (("archived", "was archived"), ("deleted", "was moved to the trash")):
        if project.get(away) is True:  # searches show nothing of it, which must not look like a project without issues
            raise Gone(f"the project {key} {why}", proven=False)
    since = None if asked.since is None else (asked.since - _EPOCH) // _MILLISECOND
    return ScopeRef(id_, key), _Place(id_, key, since)


def as_path(name: str) -> str:
    """Give a project's key as a part of an address; raise `Rejected` where it is none."""
    if not (name.isascii() and name.replace("_", "").isalnum()):
        raise Rejected(f"{name[:60]!r} is not the key of a Jira project")
    return name


def _expected(calls: Calls, place: _Place) -> int | None:
    """Say for an import about how many issues there are; it does without where Jira does not tell."""
    jql = f"project = {place.id}"
    if calls.is_cloud:
        reply = calls.send("POST", "/search/approximate-count", json={"jql": jql})
    else:
        reply = calls.send("GET", "/search", params={"jql": jql, "maxResults": "0", "fields": "key"})
    told = reply.object().get("count" if calls.is_cloud else "total") if reply.status == 200 else None
    return told if isinstance(told, int) and not isinstance(told, bool) else None


def _place(cursor: str) -> _Place:
    found = json.loads(cursor)
    return _Place(**{**found, "taken": tuple(found["taken"])})


def _ask(calls: Calls, place: _Place) -> Reply:
    """Ask for a page; a token that has expired is left out, which begins again at the last change."""
    reply = calls.send("GET", "/search/jql" if calls.is_cloud else "/search", params=_question(calls, place))
    if reply.status == 400 and place.token:
        return _ask(calls, replace(place, token=None))
    if reply.status == 400:
        calls.get(f"/project/{place.id}")  # which is gone or hidden, or the question is wrong
        raise Rejected(f"Jira refuses to list {place.key}: {words_of(reply) or reply.status}")
    if reply.status == 410:
        raise Refused("this is Jira Cloud: the connection needs the e-mail address that its token belongs to")
    calls.judge(reply)
    return reply


def _question(calls: Calls, place: _Place) -> dict[str, str]:
    wanted = ",".join(wanted_fields(calls.connection))
    fields = f"{wanted}{_HEAVY}" if wanted == "*all" else wanted
    question = {"jql": place.jql, "maxResults": str(PER_PAGE), "fields": fields}
    if not calls.is_cloud:
        return {**question, "startAt": str(place.start)}
    return question if place.token is None else {**question, "nextPageToken": place.token}


def _horizon(calls: Calls, reply: Reply) -> datetime | None:
    """Say, by Jira's clock, from when on times are not to be trusted; None where all are."""
    return (reply.date() or calls.http.now()) - SETTLED if calls.is_cloud else None


def _settled(found: Sequence[Json], horizon: datetime | None) -> list[datetime]:
    """Give the times of change that say where in the list a page ends."""
    times = [at for one in found if (at := _updated(one)) is not None]
    return times if horizon is None else [at for at in times if at < horizon]


def _updated(issue: Json) -> datetime | None:
    return moment(table(issue.get("fields")).get("updated"))


def _next(
    calls: Calls, place: _Place, *, found: Sequence[Json], settled: Sequence[datetime], answer: Json
) -> _Place | None:
    """Go on from the last change seen; where that is no further than before, by token or place."""
    following = _following(calls, place, count=len(found), answer=answer)
    if following is None:
        return None
    at = max(settled, default=None)
    since = None if at is None else (at - _EPOCH) // _MILLISECOND
    if since is None or (place.since is not None and since <= place.since):
        return following
    same = tuple(id_ for one in found if _updated(one) == at and (id_ := identifier(one.get("id"))))
    return _Place(place.id, place.key, since, taken=same)


def _following(calls: Calls, place: _Place, *, count: int, answer: Json) -> _Place | None:
    """Give the place of Jira's next page of the same list; None at its end. A short page is no end."""
    if calls.is_cloud:
        token = exact(answer.get("nextPageToken"), 10_000)
        return None if token is None or answer.get("isLast") is True else replace(place, token=token, taken=())
    total, start = answer.get("total"), place.start + count
    more = count > 0 and isinstance(total, int) and start < total
    return replace(place, start=start, taken=()) if more else None
