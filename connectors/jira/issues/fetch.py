"""Fetch one issue from Jira by its id, which survives moves.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-get
"""

from connectors.jira.api.client import Calls
from connectors.jira.model.requested_fields import wanted_fields
from connectors.jira.model.snapshots import issue_seen
from connectors.json_fields import identifier
from sync_service.domain.trackers.connector import Gone, Rejected
from sync_service.domain.trackers.observations import Look, Snapshot


def look(calls: Calls, *, identity: str, key: str) -> Snapshot:
    """Fetch one issue. A 404 never proves a deletion: Jira also answers it for hidden issues."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    calls = calls.knowing()
    answer = calls.get(f"/issue/{identity}", {"fields": ",".join(wanted_fields(calls.connection))})
    if identifier(answer.get("id")) != identity:
        raise Gone(f"Jira answers with another issue than {key}", proven=False)
    found = issue_seen(answer, calls.connection, changelog={}, asked=True)
    if isinstance(found, Look):
        raise Rejected(f"Jira's answer for {key} is incomplete")
    return found
