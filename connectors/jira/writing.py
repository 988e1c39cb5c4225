"""Remote links of ours on an issue: one for each key result it serves, known again by the global id that we gave it.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links/
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from connectors.fields import exact, identifier, table
from connectors.http import Method
from connectors.jira.calls import Calls
from connectors.jira.limits import READING, WRITING, judge_call, words_of
from connectors.replies import Reply
from sync_service.domain.connectors import Gone, Rejected, Unavailable
from sync_service.domain.writing import Note, Serving

MOST_LINKS = 10
"""Key results linked from one issue: Jira takes 20 writes to an issue in two seconds, from all who write there."""

MENDED = timedelta(hours=1)
"""How long writes wait for a permission."""

_LONGEST = 255
"""Characters of a title. Data Center's own table holds no more."""


@dataclass(frozen=True, slots=True)
class Place:
    """An issue, to be linked from."""

    calls: Calls
    identity: str
    mark: str

    def global_id(self, slug: str) -> str:
        """Give what names the link to a key result, for this connection alone."""
        return f"okr-sync/{self.mark}/{slug}"

    def links(self) -> dict[str, Mapping[str, Any]]:
        """Give our links that are there, by the slug of their key result."""
        prefix = self.global_id("")
        found = {exact(one.get("globalId")): one for one in self._send("GET").objects()}
        return {name.removeprefix(prefix): one for name, one in found.items() if name and name.startswith(prefix)}

    def put(self, link: Mapping[str, Any]) -> None:
        """Make or replace a link by its global id; what is left out of it would become empty."""
        self._send("POST", body=link)

    def remove(self, slug: str) -> None:
        """Take a link away, if it is still there."""
        try:
            self._send("DELETE", params={"globalId": self.global_id(slug)})
        except Gone:
            return

    def _send(self, method: Method, *, params: Mapping[str, str] | None = None, body: Any = None) -> Reply:
        """Call; what is not permitted waits for an hour: this issue, or all writing where the credentials may not.

        401 to a write, where reading the same was permitted, is a consent or token that covers reading alone.
        """
        calls, reading = self.calls, method == "GET"
        reply = calls.send(method, f"/issue/{self.identity}/remotelink", params=params, json=body)
        own, until = f"{WRITING}/{self.identity}", calls.http.now() + MENDED
        words = words_of(reply) or str(reply.status)
        if reply.status == 403:
            raise Unavailable(f"not permitted to link issues there (Link issues): {words}", until, part=own)
        if reply.status == 401 and not reading:
            lacking = "the token or consent does not cover writing (write:jira-work); a consent has to be given again"
            raise Unavailable(f"{lacking}: {words}", until, part=WRITING)
        judge_call(reply, now=calls.http.now(), part=READING if reading else own)
        return reply


def place_of(calls: Calls, *, identity: str) -> Place:
    """Give the place of an issue; raise `Rejected` where the connection was never switched on."""
    if identifier(identity) is None:
        raise Rejected(f"{identity[:60]!r} is not the id of a Jira issue")
    if not calls.connection.mark:
        raise Rejected("the connection has no mark for what we write")
    return Place(calls, identity, calls.connection.mark)


def write_note(place: Place, note: Note, *, memory: str | None, afresh: bool) -> str | None:
    """Let our links be those of the note, the first ten; give their slugs, None where somebody took all of them away.

    What is there is seen first, so nothing is sent that stands there already, and what we left in dying is found. A
    link that we made and somebody took away is made again only if `afresh`.
    """
    there = place.links()
    wanted = {one.slug: one for one in note.serves[:MOST_LINKS]}
    made = set(wanted) if memory is None else set(json.loads(memory))
    taken = set() if afresh else {slug for slug in wanted if slug in made and slug not in there}
    for slug, one in wanted.items():
        link = _link(place, one)
        if slug not in taken and not _says(there.get(slug), link):
            place.put(link)
    for slug in sorted(set(there) - set(wanted)):
        place.remove(slug)
    return None if taken == set(wanted) else json.dumps(sorted(wanted))


def withdraw(place: Place) -> None:
    """Take all our links away."""
    for slug in sorted(place.links()):
        place.remove(slug)


def _link(place: Place, one: Serving) -> dict[str, Any]:
    """Write a link whole. Jira strikes out the title of what is `resolved`, and shows titles as they are."""
    return {
        "globalId": place.global_id(one.slug),
        "application": {"type": "okr-sync", "name": "OKR Sync"},
        "relationship": "counts toward",
        "object": {
            "url": one.url,
            "title": _clipped(f"{one.slug} {one.title}"),
            "summary": _clipped(f"{one.progress} ({one.value} of {one.target}), {one.status} · {one.objective}"),
            "icon": {"title": "Key result"},
            "status": {"resolved": one.completed, "icon": {"title": one.status, "link": one.url}},
        },
    }


def _says(there: Mapping[str, Any] | None, link: Mapping[str, Any]) -> bool:
    """Tell whether a link that is there shows the same; Jira may write its empty parts otherwise."""
    if there is None or there.get("relationship") != link["relationship"]:
        return False
    shown, meant = table(there.get("object")), link["object"]
    same = all(shown.get(name) == meant[name] for name in ("url", "title", "summary"))
    return same and table(shown.get("status")).get("resolved") == meant["status"]["resolved"]


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
