"""Whether Jira takes a query: asked of it before each listing, so that a rule says what is wrong in Jira's own words.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/#api-rest-api-3-jql-parse-post
"""

from typing import Any

from connectors.fields import rows, text
from connectors.jira.calls import Calls
from connectors.jira.limits import words_of
from connectors.jira.queries.reading import restriction
from sync_service.domain.connectors import Rejected

NOT_FOR_US = (401, 403, 404)
"""Scoped tokens and apps may be allowed to search and not to ask about queries; whether it is more, the search says."""

_MOST_SAID = 3
_LONGEST_WORDS = 200


def check(calls: Calls, query: str) -> None:
    """Ask Jira whether it takes a query; raise `Rejected` with its words where it does not.

    Cloud takes a query apart for us. Data Center is asked for none of what it finds.
    """
    restriction(query)
    if not calls.is_cloud:
        _check_by_search(calls, query)
        return
    reply = calls.send("POST", "/jql/parse?validation=strict", json={"queries": [query]})
    if reply.status in NOT_FOR_US:
        return
    calls.judge(reply)
    parsed = rows(reply.object().get("queries"))
    if words := errors_in(parsed[0].get("errors") if parsed else None):
        raise Rejected(f"Jira refuses the query: {words}")


def errors_in(told: Any) -> str:
    """Give Jira's errors about one query in one line, for people; empty where there are none."""
    said = [line for one in told if (line := text(one, _LONGEST_WORDS))] if isinstance(told, list) else []
    return " ".join(said[:_MOST_SAID])


def _check_by_search(calls: Calls, query: str) -> None:
    question = {"jql": query, "maxResults": 0, "fields": ["key"], "validateQuery": True}
    reply = calls.send("POST", "/search", json=question)
    if reply.status == 400:
        raise Rejected(f"Jira refuses the query: {words_of(reply) or reply.status}")
    calls.judge(reply)
