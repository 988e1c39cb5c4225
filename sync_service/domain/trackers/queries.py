"""Tracker queries: the connector protocol for rules in the tracker's own language (JQL, GitHub search).

Optional, like those in `capabilities.py`: every call may raise any `ConnectorError` unless it says otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, runtime_checkable

from sync_service.domain.trackers.connector import Connection, Connector
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Observation, ScopeRef, State


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


ASKED_FIRST = 50
"""How many matches of a query a tracker is asked for before the query is saved."""

ASKING_SECONDS = 6.0
"""How long all calls together take, at most, that ask a tracker about a query while a person waits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundIssue:
    """An issue that a tracker finds, whether we know it or not; `state` is None where the answer does not say it."""

    identity: str
    key: str
    title: str
    url: str
    state: State | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryAnswer:
    """What a tracker answers about a query, newest issues first.

    `count` is how many issues it finds, None when the tracker does not say; not `exact` where that is about right, or
    where it counts issues outside the watched scopes, too. `first` are the first of those in watched scopes, and
    `whole` says that these are all. `outside` counts matches in scopes that are not watched, as far as is known.
    `incomplete_reason` says why matches may be missing, `warnings` are the tracker's own words.
    """

    count: int | None
    exact: bool
    first: tuple[FoundIssue, ...]
    whole: bool
    outside: int = 0
    incomplete_reason: str | None = None
    warnings: tuple[str, ...] = ()


class Asked(StrEnum):
    """What became of asking a tracker about a query."""

    ANSWERED = "answered"
    REJECTED = "rejected"
    """The query can't be used, as it is written."""
    NOT_NOW = "not_now"
    """The tracker can't answer at the moment, or its rate limit is used up."""
    REFUSED = "refused"
    """The tracker does not accept our credentials, or does not permit the question."""
    IMPOSSIBLE = "impossible"
    """There are no credentials to ask with, or the tracker can't be asked at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryReply:
    """What became of asking, with the reason in words; `answer` only where the tracker answered.

    `retry_at` is when the tracker wants to be asked again, if it says so.
    """

    outcome: Asked
    words: str = ""
    retry_at: datetime | None = None
    answer: QueryAnswer | None = None


@runtime_checkable
class AnswersQueries(Protocol):
    """Asks the tracker what a query finds, without saving anything, while a person waits."""

    def ask_query(self, connection: Connection, *, query: str, scopes: Sequence[ScopeRef]) -> QueryAnswer:
        """Ask about a query, within about `ASKING_SECONDS`.

        Raise `Rejected` only for a query that can't be used, in the tracker's own words; `Unavailable` for an answer
        that is not about the query, so that no such answer looks like "no matches".
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryField:
    """A field that queries may name. `label` is its name for people; `kinds` are the tracker's names of its types."""

    name: str
    label: str
    operators: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryFunction:
    """A function that queries may call. `is_list`: it returns several values."""

    name: str
    is_list: bool
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The words of a query language at one connection, for an editor. `kept_at` None: it is fixed.

    `help_url` is the address of the tracker's documentation.
    """

    help_url: str
    fields: tuple[QueryField, ...]
    functions: tuple[QueryFunction, ...] = ()
    reserved: tuple[str, ...] = ()
    kept_at: datetime | None = None


@runtime_checkable
class HasVocabulary(Protocol):
    """Knows the words of its query language. Makes no call: a scheduled task may keep them."""

    vocabulary_task: str | None
    """The scheduled task whose memory has the words; None when they are fixed."""

    value_fields: Mapping[str, str]
    """Fields of conditions whose known values a query may name, and what a query calls the field."""

    def vocabulary(self, memory: str | None) -> Vocabulary | None:
        """Return the words, from what the task remembers; None before its first success."""
        ...


def evaluated_by_tracker(connectors: Mapping[str, Connector]) -> frozenset[str]:
    """Return the kinds of trackers that evaluate queries themselves: we match no issue, listings find the members."""
    return frozenset(
        kind for kind, one in connectors.items() if isinstance(one, EvaluatesQueries) and not one.evaluates_locally
    )
