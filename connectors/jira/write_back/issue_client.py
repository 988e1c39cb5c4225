"""Calls below /issue/<id> for write-back: remote links and comments, with backoff when Jira does not permit them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from connectors.http import Method
from connectors.jira.api.client import JiraClient
from connectors.jira.api.rate_limits import READ_BUCKET, WRITE_BUCKET, error_text, raise_for_jira_response
from connectors.json_fields import identifier
from connectors.responses import Response
from sync_service.domain.trackers.connector import Rejected, Unavailable

PERMISSION_RETRY = timedelta(hours=1)
"""How long writes wait after Jira did not permit one."""

What = Literal["remotelink", "comment"]

_PERMISSIONS: Mapping[What, str] = {
    "remotelink": "to link this issue (Link issues)",
    "comment": "to comment on this issue (Add comments, Edit own comments)",
}


@dataclass(frozen=True, slots=True)
class IssueClient:
    """Client for one issue, by its id; `mark` is the owner marker of everything that we write."""

    calls: JiraClient
    identity: str
    mark: str

    @property
    def write_bucket(self) -> str:
        """Return the issue's own write bucket."""
        return f"{WRITE_BUCKET}/{self.identity}"

    def send(
        self,
        method: Method,
        what: What,
        id_: str = "",
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        forbids: frozenset[int] = frozenset({403}),
    ) -> Response:
        """Send a request. Raise `Unavailable` for an hour when Jira does not permit it.

        A status in `forbids` blocks writes to this issue. 401 to a write blocks all writes: reads are permitted,
        so the token covers reading only.
        """
        calls, reading = self.calls, method == "GET"
        path = f"/issue/{self.identity}/{what}" + (f"/{id_}" if id_ else "")
        reply = calls.send(method, path, params=params, json=body)
        until, words = calls.http.now() + PERMISSION_RETRY, error_text(reply) or str(reply.status)
        if reply.status in forbids:
            hedge = "" if reply.status == 403 else "not accepted, or "
            raise Unavailable(f"{hedge}not permitted {_PERMISSIONS[what]}: {words}", until, bucket=self.write_bucket)
        if reply.status == 401 and not reading:
            problem = "the token does not cover writing (write:jira-work); with OAuth, connect again"
            raise Unavailable(f"{problem}: {words}", until, bucket=WRITE_BUCKET)
        raise_for_jira_response(reply, now=calls.http.now(), bucket=READ_BUCKET if reading else self.write_bucket)
        return reply


def issue_client(calls: JiraClient, *, identity: str) -> IssueClient:
    """Return the client of an issue. Raise `Rejected` when write-back was never switched on for the connection."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    if not calls.connection.owner_marker:
        raise Rejected("the connection has no owner marker for write-back")
    return IssueClient(calls, identity, calls.connection.owner_marker)
