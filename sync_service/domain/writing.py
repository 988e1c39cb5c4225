"""What an issue says of the key results it serves, and the ability of a connector to let it say so.

An ability like those of `abilities.py`, in a room of its own with the words it takes.
"""

import hashlib
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sync_service.domain.connectors import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A key result that an issue counts toward, as people are told there, in words.

    `url` is its page; `completed` says once more, not in words, what `status` says.
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


@dataclass(frozen=True, slots=True)
class Note:
    """What an issue is to say: the key results it serves, in the order they are shown in; none at all may be left."""

    serves: tuple[Serving, ...]

    def digest(self, manner: str = "") -> str:
        """Hash what is worth an edit (hex, 64 characters): the value alone is not, its rounded progress and target are.

        So is another `WritesBack.manner` of saying it.
        """
        content = [
            (one.slug, one.title, one.url, one.objective, one.target, one.progress, one.status) for one in self.serves
        ]
        return hashlib.sha256((manner + repr(content)).encode("utf-8", "replace")).hexdigest()


@runtime_checkable
class WritesBack(Protocol):
    """Tells people on the issue itself which key results it serves. Whatever is written bears `Connection.mark`."""

    def writing_part(self, connection: Connection, *, about: str) -> str:
        """Name the part of the connection whose writes go one by one; may call to find it. See `Parts.part`.

        An issue's own part is that, a slash and its identity.
        """
        ...

    def manner(self, connection: Connection) -> str:
        """Name the way in which issues say it, where its settings give a choice; what is said in another way is due."""
        ...

    def write(
        self, connection: Connection, *, identity: str, key: str, note: Note, memory: str | None, afresh: bool
    ) -> str | None:
        """Make the issue say this, in place of what we said before; give what to remember for the next time.

        With `memory` lost, what we wrote is found again by its mark: it is never there twice. Where somebody took it
        away, it is written again only if `afresh`, else None is given. A `Rejected` is about this issue alone, and a
        `Refused` about the credentials as a whole.
        """
        ...

    def unwrite(self, connection: Connection, *, identity: str, key: str, memory: str | None) -> str | None:
        """Let the issue say that it serves nothing any more, if it said anything; give what to remember."""
        ...
