"""The open connections of one process: when there are too many, the client with the most loses its quietest one."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Protocol


class Connection(Protocol):
    """A connection of a client; `active_at` is when it was opened or last had a complete request head."""

    client: str
    active_at: float

    @property
    def idle(self) -> bool:
        """Whether it waits for a request."""

    def abort(self) -> None:
        """Close the connection at once."""


@dataclass(slots=True)
class OpenConnections:
    """At most `most` connections."""

    most: int
    _open: dict[Connection, None] = field(default_factory=dict)
    _clients: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: Connection) -> None:
        """Add a connection. When that is one too many, abort the quietest one of the client with the most."""
        self._open[connection] = None
        self._clients[connection.client] += 1
        if len(self._open) > self.most:
            heaviest = self._clients.most_common(1)[0][0]
            victims = (one for one in self._open if one.client == heaviest)
            victim = min(victims, key=lambda one: one.active_at)
            self.remove(victim)
            victim.abort()

    def remove(self, connection: Connection) -> None:
        """Remove a connection that is closed."""
        if connection in self._open:
            del self._open[connection]
            self._clients[connection.client] -= 1
            if not self._clients[connection.client]:
                del self._clients[connection.client]

    def abort_idle(self) -> None:
        """Abort every connection that waits for a request."""
        for connection in [one for one in self._open if one.idle]:
            connection.abort()
