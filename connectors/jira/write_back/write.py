"""Write-back on a Jira issue: remote links to the key results it serves, and a comment if the connection wants one."""

import json
from dataclasses import dataclass

from connectors.jira.write_back.comment import create_or_edit_comment, edit_comment
from connectors.jira.write_back.issue_client import IssueClient
from connectors.jira.write_back.remote_links import put_links, remove_links, wanted_links
from connectors.json_fields import json_object
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.write_back import Note

WRITE_COMMENTS = "write_comments"
"""The connection option for a comment on each issue, in addition to the links."""


@dataclass(frozen=True, slots=True)
class Memory:
    """What we wrote on an issue: links by slug, and the comment's id, "" after somebody deleted the comment."""

    links: tuple[str, ...] = ()
    comment: str | None = None

    @classmethod
    def read(cls, written: str | None) -> "Memory":
        """Parse the stored memory, if any."""
        stored = json_object(json.loads(written)) if written else {}
        return cls(tuple(stored.get("links", ())), stored.get("comment"))

    def written(self) -> str:
        """Return the memory as JSON."""
        return json.dumps({"links": list(self.links)} | ({} if self.comment is None else {"comment": self.comment}))


def wants_comments(connection: Connection) -> bool:
    """Return whether a connection wants a comment on each issue."""
    return connection.options.get(WRITE_COMMENTS) is True


def write_note(client: IssueClient, note: Note, *, memory: str | None, force: bool) -> str | None:
    """Write the note on an issue; return the new memory, None when somebody removed everything that we wrote."""
    was = Memory.read(memory)
    wanted = wanted_links(note)
    links = put_links(client, note, made=wanted if memory is None else was.links, force=force)
    comment = _write_comment(client, note, was.comment, make=force or was.comment is None)
    return Memory(tuple(wanted), comment).written() if links or comment else None


def remove_note(client: IssueClient, *, memory: str | None) -> str | None:
    """Remove our links, and edit our comment, if there is one, to say that the issue serves nothing."""
    remove_links(client)
    comment = _write_comment(client, Note(()), Memory.read(memory).comment, make=False)
    return None if comment is None else Memory(comment=comment).written()


def _write_comment(client: IssueClient, note: Note, was: str | None, *, make: bool) -> str | None:
    """Create or edit our comment; return its id, "" when somebody deleted it, None when the connection wants none.

    A comment that is no longer wanted gets a last text and is not edited again. A deleted comment is not made again.
    """
    if not wants_comments(client.calls.connection):
        if was:
            edit_comment(client, None if note.key_results else note, known=was)
        return was if was == "" else None
    if was == "" and not make:
        return was
    kept = create_or_edit_comment(client, note, known=was or None, make=make)
    return "" if kept is None and was is not None else kept
