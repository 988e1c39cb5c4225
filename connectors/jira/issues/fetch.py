"""Fetch one issue from Jira by its id, which survives moves.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-get
"""

from connectors.jira.api.client import JiraClient
from connectors.jira.model.requested_fields import requested_fields
from connectors.jira.model.snapshots import read_issue
from connectors.json_fields import identifier
from sync_service.domain.trackers.connector import Gone, Rejected
from sync_service.domain.trackers.observations import FetchNeeded, Snapshot


def fetch_issue(calls: JiraClient, *, identity: str, key: str) -> Snapshot:
    """Fetch one issue. A 404 never proves a deletion: Jira also answers it for hidden issues."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    calls = calls.with_field_catalogue()
    answer = calls.get(f"/issue/{identity}", {"fields": ",".join(requested_fields(calls.connection))})
    if identifier(answer.get("id")) != identity:
        raise Gone(f"Jira answers with another issue than {key}", proven=False)
    found = read_issue(answer, calls.connection, changelog={}, asked=True)
    if isinstance(found, FetchNeeded):
        raise Rejected(f"Jira's answer for {key} is incomplete")
    return found
