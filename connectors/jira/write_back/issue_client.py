"""Calls below /issue/<id> for write-back: remote links and comments, with backoff when Jira does not permit them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from connectors.http import Method
from connectors.jira.api.client import Calls
from connectors.jira.api.rate_limits import READING, WRITING, judge_call, words_of
from connectors.json_fields import identifier
from connectors.responses import Reply
from sync_service.domain.trackers.connector import Rejected, Unavailable

MENDED = timedelta(hours=1)
"""How long writes wait after Jira did not permit one."""

What = Literal["remotelink", "comment"]

_PERMISSIONS: Mapping[What, str] = {
    "remotelink": "to link this issue (Link issues)",
    "comment": "to comment on this issue (Add comments, Edit own comments)",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Client for one issue, by its id; `mark` is the owner marker of everything that we write."""

    calls: Calls
    identity: str
    mark: str

    @property
    def own(self) -> str:
        """Return the issue's own write bucket."""
        return f"{WRITING}/{self.identity}"

    def send(
        self,
        method: Method,
        what: What,
        id_: str = "",
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        forbids: frozenset[int] = frozenset({403}),
    ) -> Reply:
        """Send a request. Raise `Unavailable` for an hour when Jira does not permit it.

        A status in `forbids` blocks writes to this issue. 401 to a write blocks all writes: reads are permitted,
        so the token covers reading only.
        """
        calls, reading = self.calls, method == "GET"
        path = f"/issue/{self.identity}/{what}" + (f"/{id_}" if id_ else "")
        reply = calls.send(method, path, params=params, json=body)
        until, words = calls.http.now() + MENDED, words_of(reply) or str(reply.status)
        if reply.status in forbids:
            hedge = "" if reply.status == 403 else "not accepted, or "
            raise Unavailable(f"{hedge}not permitted {_PERMISSIONS[what]}: {words}", until, part=self.own)
        if reply.status == 401 and not reading:
            problem = "the token does not cover writing (write:jira-work); with OAuth, connect again"
            raise Unavailable(f"{problem}: {words}", until, part=WRITING)
        judge_call(reply, now=calls.http.now(), part=READING if reading else self.own)
        return reply


def place_of(calls: Calls, *, identity: str) -> Place:
    """Return the client of an issue. Raise `Rejected` when write-back was never switched on for the connection."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    if not calls.connection.mark:
        raise Rejected("the connection has no owner marker for write-back")
    return Place(calls, identity, calls.connection.mark)
