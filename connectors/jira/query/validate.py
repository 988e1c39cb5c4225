"""Validate a rule's JQL: ask Jira whether it parses, before each listing, and report Jira's own error text.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/#api-rest-api-3-jql-parse-post
"""

from typing import Any

from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import error_text
from connectors.jira.query.order_by import restriction
from connectors.json_fields import json_objects, text
from sync_service.domain.trackers.connector import Rejected

NOT_FOR_US = (401, 403, 404)
"""Scoped tokens and apps may be allowed to search but not to parse; if it is more than that, the search fails too."""

_MOST_ERRORS = 3
_LONGEST_ERROR = 200


def check(calls: JiraClient, query: str) -> tuple[str, ...]:
    """Validate a query and return Jira's warnings. Raise `Rejected` with Jira's error text when it is invalid.

    Cloud parses the query. Data Center has no such call: run a search with zero results.
    """
    restriction(query)
    if not calls.is_cloud:
        _check_by_search(calls, query)
        return ()
    reply = calls.send("POST", "/jql/parse?validation=strict", json={"queries": [query]})
    if reply.status in NOT_FOR_US:
        return ()
    calls.raise_for_response(reply)
    parsed = json_objects(reply.object().get("queries"))
    if words := errors_in(parsed[0].get("errors") if parsed else None):
        raise Rejected(f"Jira refuses the query: {words}")
    warnings = errors_in(parsed[0].get("warnings") if parsed else None)
    return (warnings,) if warnings else ()


def errors_in(value: Any) -> str:
    """Return Jira's errors or warnings about one query in one line, for people; "" when there are none."""
    errors = [line for one in value if (line := text(one, _LONGEST_ERROR))] if isinstance(value, list) else []
    return " ".join(errors[:_MOST_ERRORS])


def _check_by_search(calls: JiraClient, query: str) -> None:
    search = {"jql": query, "maxResults": 0, "fields": ["key"], "validateQuery": True}
    reply = calls.send("POST", "/search", json=search)
    if reply.status == 400:
        raise Rejected(f"Jira refuses the query: {error_text(reply) or reply.status}")
    calls.raise_for_response(reply)
