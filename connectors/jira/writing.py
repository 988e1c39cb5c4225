"""What stands on a Jira issue of the key results it serves: links always, a comment where the connection wants one."""

import json
from dataclasses import dataclass

from connectors.fields import table
from connectors.jira.own_comment import edit_comment, keep_comment
from connectors.jira.place import Place
from connectors.jira.remote_links import put_links, remove_links, wanted_links
from sync_service.domain.connectors import Connection
from sync_service.domain.writing import Note

COMMENTS = "write_comments"
"""The option of a connection that wants a comment on each issue, besides the links."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What we made on an issue: links by their slugs, and a comment by its id, empty once somebody took it away."""

    links: tuple[str, ...] = ()
    comment: str | None = None

    @classmethod
    def read(cls, written: str | None) -> "Memory":
        """Read what was remembered, if anything was."""
        held = table(json.loads(written)) if written else {}
        return cls(tuple(held.get("links", ())), held.get("comment"))

    def written(self) -> str:
        """Write it down."""
        return json.dumps({"links": list(self.links)} | ({} if self.comment is None else {"comment": self.comment}))


def wants_comments(connection: Connection) -> bool:
    """Tell whether a connection wants a comment on each issue."""
    return connection.options.get(COMMENTS) is True


def write_note(place: Place, note: Note, *, memory: str | None, afresh: bool) -> str | None:
    """Make an issue say this; give what to remember, None where somebody took away all that we had there."""
    was = Memory.read(memory)
    wanted = wanted_links(note)
    standing = put_links(place, note, made=wanted if memory is None else was.links, afresh=afresh)
    comment = _write_comment(place, note, was.comment, make=afresh or was.comment is None)
    return Memory(tuple(wanted), comment).written() if standing or comment else None


def withdraw(place: Place, *, memory: str | None) -> str | None:
    """Take our links away, and let our comment, if there is one, say that the issue serves nothing."""
    remove_links(place)
    comment = _write_comment(place, Note(()), Memory.read(memory).comment, make=False)
    return None if comment is None else Memory(comment=comment).written()


def _write_comment(place: Place, note: Note, was: str | None, *, make: bool) -> str | None:
    """Keep our comment, where one is wanted, and give its id, empty where it was taken away; None where none is wanted.

    One that is there but not wanted any more says so, and is left to itself. One that was taken away stays so.
    """
    if not wants_comments(place.calls.connection):
        if was:
            edit_comment(place, None if note.serves else note, known=was)
        return was if was == "" else None
    if was == "" and not make:
        return was
    kept = keep_comment(place, note, known=was or None, make=make)
    return "" if kept is None and was is not None else kept
