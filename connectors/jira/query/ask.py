"""Ask Jira what JQL finds in the watched projects, before a rule has it: count, newest matches, errors and warnings.

Cloud's search has no total: another call counts, about right. Data Center's search has one.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/#api-rest-api-3-search-approximate-count-post
"""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import error_text
from connectors.jira.model.snapshots import identity_and_key, state_in
from connectors.jira.query.order_by import restriction
from connectors.jira.query.search import count_outside, within, without_unseen
from connectors.jira.query.validate import check
from connectors.json_fields import TITLE_LENGTH, Json, exact_text, json_object, json_objects, text
from connectors.responses import Response
from connectors.time_limit import answered_object
from sync_service.domain.trackers.connector import Connection, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.domain.trackers.queries import ASKED_FIRST, FoundIssue, QueryAnswer

_FIELDS = ["summary", "status", "resolution", "archiveddate"]
_LONGEST_WARNING = 200
_MOST_WARNINGS = 5


def ask(calls: JiraClient, *, query: str, scopes: Sequence[ScopeRef]) -> QueryAnswer:
    """Ask about a query. Raise `Rejected` with Jira's error text when Jira refuses it."""
    jql = restriction(query)
    warnings = check(calls, query)
    seen, unseen = list(scopes), tuple[str, ...]()
    reply = _search(calls, jql, seen)
    if reply.status == 400:
        seen, position = without_unseen(calls, scopes, reply)
        unseen = position.unseen
        reply = _search(calls, jql, seen)
    answer = _read(calls, reply)
    rows = json_objects(answer["issues"])[:ASKED_FIRST]
    whole = _is_whole(calls, answer, len(rows))
    first = tuple(_found(row, calls.connection) for row in rows)
    return QueryAnswer(
        count=len(rows) if whole else _count(calls, jql, seen, answer),
        exact=whole or not calls.is_cloud,
        first=first,
        whole=whole,
        outside=count_outside(calls, jql, seen),
        incomplete_reason=f"Jira does not show {', '.join(unseen)}" if unseen else None,
        warnings=(*warnings, *_warnings(answer))[:_MOST_WARNINGS],
    )


def _search(calls: JiraClient, jql: str, scopes: Sequence[ScopeRef]) -> Response:
    bounded = f"({jql}) AND {within(scopes)}"
    body: dict[str, Any] = {
        "jql": f"{bounded} ORDER BY created DESC, key DESC",
        "maxResults": ASKED_FIRST,
        "fields": _FIELDS,
    }
    return calls.send("POST", "/search/jql" if calls.is_cloud else "/search", json=body)


def _read(calls: JiraClient, reply: Response) -> Json:
    """Return a search's answer. Raise `Unavailable` for one without a list of issues: it does not say "none"."""
    if reply.status == 400:
        raise Rejected(f"Jira refuses to list the query: {error_text(reply) or reply.status}")
    if reply.status == 410:
        raise Refused("this is Jira Cloud: the connection needs the e-mail address that its token belongs to")
    calls.raise_for_response(reply)
    answer = answered_object(reply)
    if not isinstance(answer.get("issues"), list):
        raise Unavailable(f"{reply.shown_host} answers a search without a list of issues")
    return answer


def _is_whole(calls: JiraClient, answer: Json, listed: int) -> bool:
    """Return whether a page shows all matches."""
    if calls.is_cloud:
        return answer.get("isLast") is True or exact_text(answer.get("nextPageToken"), 10_000) is None
    total = _whole_number(answer.get("total"))
    return total is not None and total <= listed


def _count(calls: JiraClient, jql: str, scopes: Sequence[ScopeRef], answer: Json) -> int | None:
    if not calls.is_cloud:
        return _whole_number(answer.get("total"))
    reply = calls.send("POST", "/search/approximate-count", json={"jql": f"({jql}) AND {within(scopes)}"})
    if reply.status in (401, 403, 404):
        return None  # these credentials may search, not count
    calls.raise_for_response(reply)
    return _whole_number(answered_object(reply).get("count"))


def _whole_number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _found(row: Json, connection: Connection) -> FoundIssue:
    identity, key = identity_and_key(row)
    fields = json_object(row.get("fields"))
    return FoundIssue(
        identity=identity,
        key=key,
        title=text(fields.get("summary"), TITLE_LENGTH) or key,
        url=f"{connection.site.rstrip('/')}/browse/{quote(key)}",
        state=state_in(fields, connection)[0] if fields.get("status") else None,
    )


def _warnings(answer: Json) -> tuple[str, ...]:
    """Return what a search warns of: Data Center lists values that do not exist so."""
    found = answer.get("warningMessages")
    lines = found if isinstance(found, list) else []
    return tuple(line for one in lines if (line := text(one, _LONGEST_WARNING)))
