"""The issue we hold: what the core knows of one issue of a tracker."""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter, is_
from typing import Any

from sync_service.domain.trackers.closing_date import NOTHING_SEEN, ClosingHistory, ClosingSource
from sync_service.domain.trackers.fields.custom_fields import TimedCustomValue
from sync_service.domain.trackers.observations import (
    Account,
    Closing,
    Kind,
    Number,
    ScopeRef,
    State,
)

MOVED = "moved to "
"""The reason for which a transferred issue is gone begins with this; its new key follows."""

MULTI_VALUED_TERMS = ("components", "versions", "sprints")
"""Terms of which an issue may have several, and which a delivery may omit."""


@dataclass(frozen=True, slots=True)
class TimedNumber(Number):
    """A numeric field; `at` is the tracker's time of the snapshot that had it."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What we hold of one issue. Labels, milestone, components, versions and sprints are ids; names are stored apart.

    `state` None: only its parent or a tombstone is known. `gone` says why it no longer counts ("deleted"). `parent_at`,
    `closes_at`, `points_at` and so on None: its parent, what it closes, its estimate is unknown. `parent_received_at`
    is when we received the parent; it decides when the tracker's times are equal. `closes_fetched`: a fetch showed what
    it closes. `closing` decides `closed_at`, and `closed_at_source` says how; all three are about a closed issue only.
    `started_at` and `reopened` None: unknown, or not started; all changes of the state since `states_known_since` are
    known, and where that is None only those seen are.
    `digest` is the hash of the newest snapshot's content. `received_at` is when we received that snapshot, by our
    clock; for a fetch, when we asked. `fetched`: a fetch gave it. `in_doubt`: another snapshot had the same time and
    other content.
    """

    identity: str
    key: str
    scope: ScopeRef | None = None
    kind: Kind = Kind.ISSUE
    type: str | None = None
    title: str = ""
    url: str = ""
    state: State | None = None
    resolution: str | None = None
    labels: tuple[str, ...] = ()
    milestone: str | None = None
    parent_key: str | None = None
    parent_identity: str | None = None
    parent_at: datetime | None = None
    parent_received_at: datetime | None = None
    closes: tuple[Closing, ...] = ()
    closes_at: datetime | None = None
    closes_fetched: bool = False
    assignees: tuple[Account, ...] = ()
    author: Account | None = None
    priority: str | None = None
    points: float | None = None
    points_at: datetime | None = None
    components: tuple[str, ...] = ()
    components_at: datetime | None = None
    versions: tuple[str, ...] = ()
    versions_at: datetime | None = None
    sprints: tuple[str, ...] = ()
    sprints_at: datetime | None = None
    numbers: tuple[TimedNumber, ...] = ()
    custom_fields: tuple[TimedCustomValue, ...] = ()
    created_at: datetime | None = None
    closing: ClosingHistory = NOTHING_SEEN
    closed_at: datetime | None = None
    closed_at_source: ClosingSource | None = None
    started_at: datetime | None = None
    reopened: int | None = None
    states_known_since: datetime | None = None
    updated_at: datetime | None = None
    received_at: datetime | None = None
    digest: str = ""
    fetched: bool = False
    in_doubt: bool = False
    gone_reason: str | None = None
    successor: str | None = None

    @property
    def moved_to(self) -> tuple[str, str] | None:
        """Return the identity and key that a transfer gave the issue; None when they are unknown."""
        return transfer_target(self.gone_reason, self.successor)


_SLOTS = {one.name: Issue.__dict__[one.name] for one in fields(Issue)}
_STORE = tuple(slot.__set__ for slot in _SLOTS.values())
_read = attrgetter(*_SLOTS)


def with_fields(one: Issue, **changed: Any) -> Issue:
    """Return an issue with other values of some fields: as `dataclasses.replace`, in less than half the time.

    Each delivery does it several times.
    """
    found = object.__new__(Issue)
    for store, value in zip(_STORE, _read(one), strict=True):
        store(found, value)
    for name, value in changed.items():
        _SLOTS[name].__set__(found, value)
    return found


def transfer_target(gone: str | None, successor: str | None) -> tuple[str, str] | None:
    """Return the identity and key to which an issue was transferred; None when they are unknown."""
    return (successor, gone.removeprefix(MOVED)) if gone is not None and successor is not None else None


def with_account_ids(issue: Issue, seen: Iterable[Account | None]) -> Issue:
    """Take the ids of accounts, seen with the logins of an issue's people, where it had none; of two the greater."""
    ids = {one.id: one.stable_id for one in seen if one and one.stable_id}

    def with_id(one: Account) -> Account:
        found = max(filter(None, (one.stable_id, ids.get(one.id))), default=None)
        return one if found == one.stable_id else replace(one, stable_id=found)

    author, assignees = with_id(issue.author) if issue.author else None, tuple(map(with_id, issue.assignees))
    # Accounts compare without their ids.
    same = author is issue.author and all(map(is_, assignees, issue.assignees))
    return issue if same else with_fields(issue, author=author, assignees=assignees)
