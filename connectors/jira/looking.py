"""Fetch one issue from Jira by its id, which survives moves.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-issueidorkey-get
https://confluence.atlassian.com/enterprise/using-personal-access-tokens-1026032365.html
"""

import base64

from connectors.fields import identifier, table
from connectors.http import Http
from connectors.jira.points import is_field_id, points_field
from connectors.jira.snapshots import issue_seen
from sync_service.domain.connectors import Connection, Gone, Refused, Rejected
from sync_service.domain.issues import Look, Snapshot

_FIELDS = (
    "summary,status,project,issuetype,resolution,resolutiondate,statuscategorychangedate,"
    "labels,parent,assignee,creator,reporter,priority,created,updated"
)


def look(http: Http, connection: Connection, *, identity: str, key: str) -> Snapshot:
    """Fetch one issue. A 404 is never proof of deletion: Jira gives it for hidden issues too."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    version, authorization = _credentials(connection)
    answer = http.get(
        f"{connection.site.rstrip('/')}/rest/api/{version}/issue/{identity}",
        authorization=authorization,
        params=_params(connection),
    ).body
    if identifier(answer.get("id")) != identity:
        raise Gone(f"Jira answers with another issue than {key}", proven=False)
    found = issue_seen(answer, connection, changelog={}, field_names=table(answer.get("names")))
    if isinstance(found, Look):
        raise Rejected(f"Jira's answer for {key} is not whole")
    return found


def _credentials(connection: Connection) -> tuple[int, str]:
    """Give REST version and authorization: an e-mail address goes with a Cloud API token, none with a server's."""
    if not connection.token:
        raise Refused("the connection has no token to look with")
    email = connection.options.get("email")
    if isinstance(email, str) and email:
        pair = f"{email}:{connection.token}".encode()
        return 3, f"Basic {base64.b64encode(pair).decode()}"
    return 2, f"Bearer {connection.token}"


def _params(connection: Connection) -> dict[str, str]:
    field = points_field(connection)
    if field is None:
        return {"fields": _FIELDS}
    if is_field_id(field):
        return {"fields": f"{_FIELDS},{field}"}
    # Only with every field and their names can the one meant be told.
    return {"fields": "*all", "expand": "names"}
