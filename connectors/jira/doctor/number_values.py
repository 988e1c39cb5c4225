"""Try to read values of a field that is no numeric one as numbers.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
"""

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.jira.api.client import JiraClient
from connectors.json_fields import json_object, json_objects
from connectors.number_values import Unreadable, number_value

SAMPLE = 50
"""Issues whose values are read, those that changed last."""

_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ValueSample:
    """How many values were read, and those that are no numbers."""

    values: int
    unreadable: Sequence[str]

    def in_words(self) -> str:
        """Return what was found, as the end of a sentence."""
        if self.unreadable:
            return f"values that are no numbers are unknown, such as {', '.join(self.unreadable[:_MOST_SHOWN])}"
        return "its values are read as numbers" if self.values else "no issue has a value to try"


def sample_values(calls: JiraClient, field_id: str, projects: Sequence[str]) -> ValueSample:
    """Read the field of some issues of these projects; nothing when Jira does not show any."""
    number, within = field_id.removeprefix("customfield_"), ", ".join(projects)
    body = {
        "jql": f"project in ({within}) AND cf[{number}] is not EMPTY ORDER BY updated DESC",
        "fields": [field_id],
        "maxResults": SAMPLE,
    }
    reply = calls.send("POST", "/search/jql" if calls.is_cloud else "/search", json=body) if projects else None
    found = json_objects(reply.object().get("issues")) if reply is not None and reply.status == 200 else []
    values = [json_object(one.get("fields")).get(field_id) for one in found]
    read = [number_value(value) for value in values]
    return ValueSample(len(read), tuple(dict.fromkeys(one.shown for one in read if isinstance(one, Unreadable))))
