"""An issue at Jira that is written on: calls about what hangs on it, and what follows where they are not permitted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from connectors.fields import identifier
from connectors.http import Method
from connectors.jira.calls import Calls
from connectors.jira.limits import READING, WRITING, judge_call, words_of
from connectors.replies import Reply
from sync_service.domain.connectors import Rejected, Unavailable

MENDED = timedelta(hours=1)
"""How long writes wait for a permission."""

What = Literal["remotelink", "comment"]

_PERMISSIONS: Mapping[What, str] = {
    "remotelink": "to link issues there (Link issues)",
    "comment": "to comment there (Add comments, Edit own comments)",
}


@dataclass(frozen=True, slots=True)
class Place:
    """An issue, by its id; `mark` tells what we wrote from what others did."""

    calls: Calls
    identity: str
    mark: str

    @property
    def own(self) -> str:
        """Name the issue's own part of what writes."""
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
        """Call; what is not permitted waits for an hour: this issue, or all writing where the credentials may not.

        A status among `forbids` says that it is not permitted. 401 to a write, where reading the same was permitted,
        is a consent or token that covers reading alone.
        """
        calls, reading = self.calls, method == "GET"
        path = f"/issue/{self.identity}/{what}" + (f"/{id_}" if id_ else "")
        reply = calls.send(method, path, params=params, json=body)
        until, words = calls.http.now() + MENDED, words_of(reply) or str(reply.status)
        if reply.status in forbids:
            unsure = "" if reply.status == 403 else "not taken, or "
            raise Unavailable(f"{unsure}not permitted {_PERMISSIONS[what]}: {words}", until, part=self.own)
        if reply.status == 401 and not reading:
            lacking = "the token or consent does not cover writing (write:jira-work); a consent has to be given again"
            raise Unavailable(f"{lacking}: {words}", until, part=WRITING)
        judge_call(reply, now=calls.http.now(), part=READING if reading else self.own)
        return reply


def place_of(calls: Calls, *, identity: str) -> Place:
    """Give the place of an issue; raise `Rejected` where the connection was never switched on."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    if not calls.connection.mark:
        raise Rejected("the connection has no mark for what we write")
    return Place(calls, identity, calls.connection.mark)
