"""Write-back: the note on an issue that lists its key results, and the connector protocol that writes it.

An optional protocol like those of `capabilities.py`; it has its own module because it has its own types.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sync_service.domain.trackers.connector import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedKeyResult:
    """A key result that an issue counts toward, as text for people.

    `target` is the target, or the range where it `stays` in one. `url` is its page. `completed` repeats as a flag what
    `status` says in words. `closing` says what closing the issue is worth, rounded; empty: nothing
    worth saying.
    """

    slug: str
    title: str
    url: str
    objective: str
    value: str
    target: str
    progress: str
    status: str
    completed: bool = False
    stays: bool = False
    closing: str = ""

    @property
    def value_of_target(self) -> str:
        """The value against its target, `12 of 20 bugs`, or its range: `99.7 %, stay above 99.5 %`."""
        return f"{self.value}, {self.target}" if self.stays else f"{self.value} of {self.target}"


@dataclass(frozen=True, slots=True)
class Note:
    """The note on one issue: the key results it serves, in the order shown. Empty when the issue serves none."""

    key_results: tuple[ServedKeyResult, ...]

    def digest(self, format_version: str = "") -> str:
        """Hash the content that is worth an edit (hex, 64 characters).

        A new value alone is not worth an edit; a new rounded progress or target is. A new `WritesBack.format_version`
        is too.
        """
        content = [
            (one.slug, one.title, one.url, one.objective, one.target, one.progress, one.status)
            + ((one.closing,) if one.closing else ())
            for one in self.key_results
        ]
        return hashlib.sha256((format_version + repr(content)).encode("utf-8", "replace")).hexdigest()


@runtime_checkable
class WritesBack(Protocol):
    """Writes on the issue itself which key results it serves.

    Everything it writes carries `Connection.owner_marker`.
    """

    def write_bucket(self, connection: Connection, *, about: str) -> str:
        """Return the write bucket of the connection, whose writes go one at a time; may make a call to find it.

        See `HasBuckets.bucket_for`. The bucket of a single issue is this name, a slash and the issue's identity.
        """
        ...

    def format_version(self, connection: Connection) -> str:
        """Return the format in which the note is written, where the connection's options give a choice.

        A note in another format is due to be written again.
        """
        ...

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, force: bool
    ) -> str | None:
        """Create the note, or replace our earlier one; return the `memory` for the next time.

        Without `memory`, find our earlier note by its marker: there are never two notes. When somebody deleted the
        note, write it again only with `force`; otherwise return None. `Rejected` is about this issue alone, `Refused`
        about the credentials as a whole.
        """
        ...

    def remove_note(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Remove the note, if there is one; return the `memory` for the next time."""
        ...
