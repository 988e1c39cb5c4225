"""Which issues queries find, asked of Jira Cloud about several issues and several queries with one call.

Jira does not say how many of them a call takes, so that a refused one is asked again by halves, a few times.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/#api-rest-api-3-jql-match-post
"""

from collections.abc import Mapping, Sequence

from connectors.fields import Json, identifier, rows
from connectors.jira.calls import Calls
from connectors.jira.queries.reading import restriction
from sync_service.domain.connectors import Gone, Refused, Rejected

MOST_ISSUES = 50
MOST_QUERIES = 50

_LACKS_SCOPE = b"scope does not match"
"""What Jira says with 401 of a token that is good, and not for this call."""

MOST_REFUSED = 20
"""Refused calls after which the rest is left to the listings."""

Found = dict[str, dict[str, bool | None]]
"""What queries say of issues, by id; a query that Jira refuses says nothing, and its listing says why."""


def match(calls: Calls, *, queries: Sequence[str], ids: Sequence[str]) -> Found:
    """Tell which issues queries find. Raise `Unavailable` where Jira can't answer now, `Refused` for bad credentials.

    Data Center can't be asked at all, and credentials may be good for searches alone: then nothing is told.
    """
    found: Found = {query: {} for query in queries}
    if not calls.is_cloud:
        return found
    asked = {query: jql for query in queries if (jql := _restriction(query))}
    known = [id_ for id_ in ids if identifier(id_)]
    refused = 0
    left = [(some, few) for some in _parts(list(asked), MOST_QUERIES) for few in _parts(known, MOST_ISSUES)]
    while left and refused < MOST_REFUSED:
        some, few = left.pop(0)
        answers = _ask(calls, {query: asked[query] for query in some}, few)
        if answers is None:
            refused += 1
            left += _halves(some, few)
            continue
        for query, told in answers.items():
            found[query].update(told)
    return found


def _restriction(query: str) -> str | None:
    try:
        return restriction(query)
    except Rejected:
        return None  # which its listing says


def _parts(all_: Sequence[str], most: int) -> list[Sequence[str]]:
    return [all_[start : start + most] for start in range(0, len(all_), most)]


def _ask(calls: Calls, queries: Mapping[str, str], ids: Sequence[str]) -> Found | None:
    """Ask about some; None where that is too much at once, or where Jira can't take one of the queries or issues."""
    asked = {"jqls": list(queries.values()), "issueIds": [int(id_) for id_ in ids]}
    reply = calls.send("POST", "/jql/match", json=asked)
    if reply.status == 400:
        return None
    try:
        calls.judge(reply)
        matches = rows(reply.object().get("matches"))
    except Refused:
        if reply.status == 401 and _LACKS_SCOPE not in reply.body:
            raise
        return {}  # they may be good for searches alone
    except (Gone, Rejected):
        return {}  # the listing, which is left to tell, says what is wrong
    if len(matches) != len(queries):
        return {}
    return {query: _read(answer, ids) for query, answer in zip(queries, matches, strict=True)}


def _halves(queries: Sequence[str], ids: Sequence[str]) -> list[tuple[Sequence[str], Sequence[str]]]:
    """Part what was too much by queries, since one alone may be to blame; then by issues."""
    if len(queries) > 1:
        return [(half, ids) for half in _parts(queries, (len(queries) + 1) // 2)]
    if len(ids) > 1:
        return [(queries, half) for half in _parts(ids, (len(ids) + 1) // 2)]
    return []


def _read(answer: Json, ids: Sequence[str]) -> dict[str, bool | None]:
    if answer.get("errors"):
        return {}
    told = answer.get("matchedIssues")
    if not isinstance(told, list):
        return {}
    matched = {identifier(one) for one in told}
    return {id_: id_ in matched for id_ in ids}
