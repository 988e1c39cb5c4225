"""JQL's words at one Jira, for an editor: fields with their operators, functions, reserved words; kept by a daily task.

Anybody may ask for them, and a stranger gets fewer: an answer counts only when Jira names our account. What can't be
read leaves what is kept as it is.
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-jql/#api-rest-api-3-jql-autocompletedata-get
"""

import json
from datetime import timedelta
from typing import Any

from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import error_text
from connectors.json_fields import Json, exact_text, json_object, json_objects, text, timestamp
from sync_service.domain.text import counted
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.queries import QueryField, QueryFunction, Vocabulary

TASK_NAME = "query words"

INTERVAL = timedelta(days=1)

MOST_FIELDS = 2000
MOST_FUNCTIONS = 500
MOST_RESERVED = 500

HELP_URL = "https://support.atlassian.com/jira-software-cloud/docs/what-is-advanced-search-in-jira-cloud/"

VALUE_FIELDS = {
    "scope": "project",
    "type": "issuetype",
    "labels": "labels",
    "components": "component",
    "versions": "fixVersion",
    "sprint": "sprint",
    "priority": "priority",
    "resolution": "resolution",
    "parent": "parent",
}
"""Fields of conditions, and what JQL calls them. Accounts are missing: people know them by name, JQL by id."""

_NOT_FOR_US = (403, 404)
_LACKS_SCOPE = b"scope does not match"
_MOST_OPERATORS = 30
_MOST_KINDS = 5


def keep_vocabulary(calls: JiraClient, *, memory: str | None) -> TaskResult:
    """Read the words and return them to be remembered; what is remembered stays where they can't be read."""
    reply = calls.send("GET", "/jql/autocompletedata")
    if reply.status in _NOT_FOR_US or (reply.status == 401 and _LACKS_SCOPE in reply.body):
        why = f"Jira does not show the words of JQL ({reply.status}) {error_text(reply)}".rstrip()
        return TaskResult(outcome=why, memory=memory)
    calls.raise_for_response(reply)
    found = reply.object()
    fields = [one for row in json_objects(found.get("visibleFieldNames")) if (one := _field(row))][:MOST_FIELDS]
    if not fields:
        return TaskResult(outcome="Jira names no field of JQL, so the words of before are kept", memory=memory)
    functions = [one for row in json_objects(found.get("visibleFunctionNames")) if (one := _function(row))]
    words = {
        "at": calls.http.now().isoformat(),
        "fields": fields,
        "functions": functions[:MOST_FUNCTIONS],
        "reserved": _texts(found.get("jqlReservedWords"), MOST_RESERVED),
    }
    return TaskResult(outcome=f"{counted(len(fields), 'field')} of JQL", memory=json.dumps(words))


def read_vocabulary(memory: str | None) -> Vocabulary | None:
    """Return what is remembered; None when nothing is, or when it can't be read."""
    try:
        words = json_object(json.loads(memory or "null"))
        return Vocabulary(
            help_url=HELP_URL,
            fields=tuple(_field_of(row) for row in words["fields"]),
            functions=tuple(
                QueryFunction(name=row["name"], is_list=row["list"], kinds=tuple(row["kinds"]))
                for row in words["functions"]
            ),
            reserved=tuple(words["reserved"]),
            kept_at=timestamp(words["at"]),
        )
    except (ValueError, KeyError, TypeError):
        return None


def _field(row: Json) -> dict[str, Any] | None:
    name = exact_text(row.get("value"))
    if name is None or row.get("searchable") == "false":
        return None
    return {
        "name": name,
        "label": text(row.get("displayName")) or name,
        "operators": _texts(row.get("operators"), _MOST_OPERATORS),
        "kinds": _texts(row.get("types"), _MOST_KINDS),
    }


def _function(row: Json) -> dict[str, Any] | None:
    name = exact_text(row.get("value"))
    if name is None:
        return None
    return {"name": name, "list": row.get("isList") == "true", "kinds": _texts(row.get("types"), _MOST_KINDS)}


def _texts(value: Any, most: int) -> list[str]:
    return [one for one in value if exact_text(one)][:most] if isinstance(value, list) else []


def _field_of(row: dict[str, Any]) -> QueryField:
    operators, kinds = tuple(row["operators"]), tuple(row["kinds"])
    return QueryField(name=row["name"], label=row["label"], operators=operators, kinds=kinds)
