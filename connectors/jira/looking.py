"""Fetch one issue from Jira by its id, which survives moves.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-get
"""

from connectors.fields import identifier, table
from connectors.jira.calls import Calls
from connectors.jira.points import is_field_id, points_field
from connectors.jira.snapshots import issue_seen
from sync_service.domain.connectors import Connection, Gone, Rejected
from sync_service.domain.issues import Look, Snapshot

_FIELDS = (
    "summary,status,project,issuetype,resolution,resolutiondate,statuscategorychangedate,"
    "labels,parent,assignee,creator,reporter,priority,created,updated"
)


def look(calls: Calls, *, identity: str, key: str) -> Snapshot:
    """Fetch one issue. A 404 is never proof of deletion: Jira gives it for hidden issues too."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    answer = calls.get(f"/issue/{identity}", fields_asked(calls.connection))
    if identifier(answer.get("id")) != identity:
        raise Gone(f"Jira answers with another issue than {key}", proven=False)
    found = issue_seen(answer, calls.connection, changelog={}, field_names=table(answer.get("names")))
    if isinstance(found, Look):
        raise Rejected(f"Jira's answer for {key} is not whole")
    return found


def fields_asked(connection: Connection) -> dict[str, str]:
    """Give the parameters that name the fields we read."""
    field = points_field(connection)
    if field is None:
        return {"fields": _FIELDS}
    if is_field_id(field):
        return {"fields": f"{_FIELDS},{field}"}
    # Only with every field and their names can the one meant be told.
    return {"fields": "*all", "expand": "names"}
