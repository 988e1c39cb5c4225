"""What an examination finds of a connection: the ability of connectors that `okr-sync doctor` asks for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sync_service.domain.connectors import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that an examination found: what was looked at, how it is, and, where it is not well, how to mend it.

    `well` None says that it can't be told, or that it works and is worth knowing all the same. Nothing in it is secret.
    """

    what: str
    well: bool | None
    says: str
    mend: str | None = None


@runtime_checkable
class Examines(Protocol):
    """Tells whether a connection works: credentials, permissions, scopes, webhooks."""

    def examine(self, connection: Connection, *, scopes: Sequence[str], hooked: bool) -> Iterator[Finding]:
        """Look at everything a connection needs, one finding after the other: what was found stands if time is up.

        `scopes` are the present names of the watched ones; `hooked` says that webhooks are to come. What goes wrong is
        a finding, and never raised.
        """
        ...
