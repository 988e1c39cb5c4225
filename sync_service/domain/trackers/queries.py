"""Tracker queries: the connector protocol for rules in the tracker's own language (JQL, GitHub search).

Optional, like those in `capabilities.py`: every call may raise any `ConnectorError` unless it says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from sync_service.domain.trackers.connector import Connection, Connector
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Observation, ScopeRef


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberPage:
    """One page of the issues that a query finds: identity → key.

    `cursor` is where the next page begins, None at the end. `observations` are what the page shows besides; they are
    applied like those of a poll. `outside` counts the issues in scopes that are not watched. `incomplete_reason` says
    why the listing does not show every member: then it removes nothing and does not count as complete.
    """

    found: Mapping[str, str]
    cursor: str | None
    observations: tuple[Observation, ...] = ()
    outside: int = 0
    incomplete_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A changed issue to be matched against queries, with the present names of its labels and milestone.

    `scope_names` are all names by which its scope is known. A label that was deleted is not among the `labels`.
    """

    issue: Issue
    scope_names: frozenset[str]
    labels: tuple[str, ...] = ()
    milestone: str | None = None


@runtime_checkable
class EvaluatesQueries(Protocol):
    """Evaluates queries in the tracker's own language.

    Two answers say that an issue is not a member. A complete listing without it always removes it. False from `match`
    removes it only when `evaluates_locally` is true.
    """

    evaluates_locally: bool
    """True: `match` makes no call, works without credentials, and its True and False are both right.

    False: `match` asks the tracker, whose search index may lag. Then False removes nothing, and the same is asked again
    after a minute.
    """

    def check_query(self, connection: Connection, *, query: str) -> None:
        """Raise `Rejected` when a query cannot be used: unknown field, unbounded, has an order, too long.

        Makes a call only when there are credentials.
        """
        ...

    def not_evaluable(self, connection: Connection, *, query: str) -> Sequence[str]:
        """Return the parts of a valid query that `match` cannot evaluate; makes no call."""
        ...

    def query_bucket(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> str:
        """Return the rate limit bucket that a listing would use; makes no call.

        See `Unavailable.bucket`.
        """
        ...

    def list_members(
        self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef], cursor: str | None
    ) -> MemberPage:
        """List one page of a query's members in the watched scopes. A cursor stays valid for days.

        An issue that is a member from the first page to the last must be on one of the pages.
        """
        ...

    def match(
        self, connection: Connection, *, queries: Sequence[str], candidates: Sequence[Candidate]
    ) -> Mapping[str, Mapping[str, bool | None]]:
        """Return by query and identity whether the query finds the issue; None, or no entry, when unknown.

        At most 100 candidates. A query that the tracker refuses gives no answers and must not affect the answers for
        the other queries.
        """
        ...


def evaluated_by_tracker(connectors: Mapping[str, Connector]) -> frozenset[str]:
    """Return the kinds of trackers that evaluate queries themselves: we match no issue, listings find the members."""
    return frozenset(
        kind for kind, one in connectors.items() if isinstance(one, EvaluatesQueries) and not one.evaluates_locally
    )
