"""Match changed issues against JQL queries on Jira Cloud: several issues and several queries in one call.

The limits of a call are not documented, so a refused call is split into halves, a few times.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/#api-rest-api-3-jql-match-post
"""

from collections.abc import Mapping, Sequence

from connectors.jira.api.client import JiraClient
from connectors.jira.query.order_by import restriction
from connectors.json_fields import Json, identifier, json_objects
from sync_service.domain.trackers.connector import Gone, Refused, Rejected

MOST_ISSUES = 50
MOST_QUERIES = 50

_LACKS_SCOPE = b"scope does not match"
"""In Jira's 401 for a valid token that lacks the scope for this call."""

MOST_REFUSED = 20
"""Most refused calls in one match; listings find out the rest."""

Found = dict[str, dict[str, bool | None]]
"""Whether queries match issues, by query and issue id; empty for a query that Jira refuses: its listing says why."""


def match(calls: JiraClient, *, queries: Sequence[str], ids: Sequence[str]) -> Found:
    """Return which issues match which queries; nothing is known on Data Center, or if the credentials may only search.

    Raise `Unavailable` when Jira can't answer now, `Refused` for bad credentials.
    """
    found: Found = {query: {} for query in queries}
    if not calls.is_cloud:
        return found
    asked = {query: jql for query in queries if (jql := _restriction(query))}
    known = [id_ for id_ in ids if identifier(id_)]
    refused = 0
    left = [(some, few) for some in _chunks(list(asked), MOST_QUERIES) for few in _chunks(known, MOST_ISSUES)]
    while left and refused < MOST_REFUSED:
        some, few = left.pop(0)
        answers = _ask(calls, {query: asked[query] for query in some}, few)
        if answers is None:
            refused += 1
            left += _halves(some, few)
            continue
        for query, answers_by_id in answers.items():
            found[query].update(answers_by_id)
    return found


def _restriction(query: str) -> str | None:
    try:
        return restriction(query)
    except Rejected:
        return None  # its listing reports the error


def _chunks(all_: Sequence[str], most: int) -> list[Sequence[str]]:
    return [all_[start : start + most] for start in range(0, len(all_), most)]


def _ask(calls: JiraClient, queries: Mapping[str, str], ids: Sequence[str]) -> Found | None:
    """Make one call; None when it is too large, or when Jira refuses one of the queries or issues."""
    asked = {"jqls": list(queries.values()), "issueIds": [int(id_) for id_ in ids]}
    reply = calls.send("POST", "/jql/match", json=asked)
    if reply.status == 400:
        return None
    try:
        calls.raise_for_response(reply)
        matches = json_objects(reply.object().get("matches"))
    except Refused:
        if reply.status == 401 and _LACKS_SCOPE not in reply.body:
            raise
        return {}  # these credentials may only search
    except (Gone, Rejected):
        return {}  # the query's listing reports the error
    if len(matches) != len(queries):
        return {}
    return {query: _read(answer, ids) for query, answer in zip(queries, matches, strict=True)}


def _halves(queries: Sequence[str], ids: Sequence[str]) -> list[tuple[Sequence[str], Sequence[str]]]:
    """Split a refused call by queries first, since one query may be the cause; then by issues."""
    if len(queries) > 1:
        return [(half, ids) for half in _chunks(queries, (len(queries) + 1) // 2)]
    if len(ids) > 1:
        return [(queries, half) for half in _chunks(ids, (len(ids) + 1) // 2)]
    return []


def _read(answer: Json, ids: Sequence[str]) -> dict[str, bool | None]:
    if answer.get("errors"):
        return {}
    listed = answer.get("matchedIssues")
    if not isinstance(listed, list):
        return {}
    matched = {identifier(one) for one in listed}
    return {id_: id_ in matched for id_ in ids}
