"""Queries in a tracker's own language: what a connector may be able to do with them.

An ability like those in `abilities.py`: every call may raise any `ConnectorError` unless it says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sync_service.domain.connectors import Connection
from sync_service.domain.issues import Observation, ScopeRef
from sync_service.domain.newest import Issue


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """A page of the issues that a query finds: identity → key.

    `cursor` is where the next page begins, None at the end. `observations` are what the page shows besides, taken as
    from any list. `outside` counts those in scopes that are not watched. `lacking` says why the listing does not show
    every member: nothing is removed by it then, and it does not count as complete.
    """

    found: Mapping[str, str]
    cursor: str | None
    observations: tuple[Observation, ...] = ()
    outside: int = 0
    lacking: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An issue of which somebody asks whether a query finds it, with the present names of what it carries.

    `places` are all names by which its scope is known. Where a label was deleted, it is not among the `labels`.
    """

    issue: Issue
    places: frozenset[str]
    labels: tuple[str, ...] = ()
    milestone: str | None = None


@runtime_checkable
class Queries(Protocol):
    """Evaluates queries in the tracker's own language.

    Two answers say that an issue is no member: a complete listing that does not show it, which always may remove; and
    False from `match`, which may remove only where `judges` is true.
    """

    judges: bool
    """True: `match` makes no call, works without credentials, and is right both ways wherever it gives an answer.

    False: it asks the tracker, whose index may lag. Then False removes nothing, and all is asked again after a minute.
    """

    def check_query(self, connection: Connection, *, query: str) -> None:
        """Raise `Rejected` where a query can't be used, saying why: no such field, no bounds, an order, too long.

        Makes a call only where there are credentials.
        """
        ...

    def unjudged(self, connection: Connection, *, query: str) -> Sequence[str]:
        """Name the parts of a good query about which `match` knows nothing; makes no call."""
        ...

    def query_part(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> str:
        """Name the part of a connection whose limit a listing would use, as `Unavailable.part` does; makes no call."""
        ...

    def members(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None) -> Members:
        """List a page of a query's members in the watched scopes. A cursor stays good for days.

        What is a member all the time from the first page to the last must be on one of them.
        """
        ...

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Tell by query and identity which issues are found, a hundred at most; None, or nothing, where unknown.

        A query that the tracker refuses says nothing of any issue, and spoils the others' answers in nothing.
        """
        ...
