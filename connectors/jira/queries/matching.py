"""Which issues queries find, asked of Jira Cloud about several issues and several queries with one call.

Jira does not say how many of them a call takes, so that a refused one is asked again by halves.
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
    for some in _parts(list(asked), MOST_QUERIES):
        for few in _parts(known, MOST_ISSUES):
            for query, answers in _ask(calls, {query: asked[query] for query in some}, few).items():
                found[query].update(answers)
    return found


def _restriction(query: str) -> str | None:
    try:
        return restriction(query)
    except Rejected:
        return None  # which its listing says


def _parts(all_: Sequence[str], most: int) -> list[Sequence[str]]:
    return [all_[start : start + most] for start in range(0, len(all_), most)]


def _ask(calls: Calls, queries: Mapping[str, str], ids: Sequence[str]) -> Found:
    """Ask about some; where that is too much at once, about each half."""
    asked = {"jqls": list(queries.values()), "issueIds": [int(id_) for id_ in ids]}
    reply = calls.send("POST", "/jql/match", json=asked)
    if reply.status == 400:
        return _by_halves(calls, queries, ids)
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


def _by_halves(calls: Calls, queries: Mapping[str, str], ids: Sequence[str]) -> Found:
    found: Found = {query: {} for query in queries}
    if len(ids) > 1:
        parts = [(list(queries), half) for half in _parts(ids, (len(ids) + 1) // 2)]
    elif len(queries) > 1:
        parts = [(list(half), ids) for half in _parts(list(queries), (len(queries) + 1) // 2)]
    else:
        parts = []
    for names, few in parts:
        for query, answers in _ask(calls, {name: queries[name] for name in names}, few).items():
            found[query].update(answers)
    return found


def _read(answer: Json, ids: Sequence[str]) -> dict[str, bool | None]:
    if answer.get("errors"):
        return {}
    told = answer.get("matchedIssues")
    if not isinstance(told, list):
        return {}
    matched = {identifier(one) for one in told}
    return {id_: id_ in matched for id_ in ids}
