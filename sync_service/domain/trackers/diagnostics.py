"""Diagnostics: the checks of a connection that `okr-sync doctor` runs, and the connector protocol for them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sync_service.domain.trackers.connector import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check: what was checked, whether it is well, and how to fix it if not.

    `well` None: the check could not tell, or it works but is worth knowing. A finding never contains a secret.
    """

    what: str
    well: bool | None
    says: str
    mend: str | None = None


@runtime_checkable
class HasDiagnostics(Protocol):
    """Checks whether a connection works: credentials, permissions, scopes, webhooks."""

    def check_connection(self, connection: Connection, *, scopes: Sequence[str], hooked: bool) -> Iterator[Finding]:
        """Yield one finding after the other; those already yielded count even if the time runs out.

        `scopes` are the present names of the watched scopes. `hooked`: webhooks are expected. Every error becomes a
        finding; nothing is raised.
        """
        ...
