"""Changes of an issue's state over time: those seen in snapshots, and those read from the tracker's history.

All that a measure wants to know of the past is derived from them: when work started, how often the issue was reopened,
and its state at any time. The same snapshots and histories in any order give the same changes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol, runtime_checkable

from sync_service.domain.durations import MICROSECOND
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.issue import Issue, with_fields
from sync_service.domain.trackers.observations import CLOSED, Kind, Snapshot, State

AT_CREATION = timedelta(seconds=2)
"""A snapshot of an open issue that is not older than this shows the state with which the issue was created."""

_RANK = (State.TODO, State.DOING, State.DROPPED, State.DONE)
"""At equal times the later of these states wins: trackers' times may be whole seconds."""


@dataclass(frozen=True, slots=True, order=True)
class StateChange:
    """The issue has this state since `at`, the tracker's time."""

    at: datetime
    state: State


def in_order(changes: Iterable[StateChange]) -> tuple[StateChange, ...]:
    """Return the changes, oldest first, without those that change nothing."""
    found: list[StateChange] = []
    for one in _one_each_time(changes):
        if not found or found[-1].state is not one.state:
            found.append(one)
    return tuple(found)


def _one_each_time(changes: Iterable[StateChange]) -> list[StateChange]:
    ordered = sorted(changes, key=lambda one: (one.at, _RANK.index(one.state)))
    return list({one.at: one for one in ordered}.values())


def state_at(changes: Iterable[StateChange], at: datetime) -> State | None:
    """Return the state at a time; None before the first known change."""
    return next((one.state for one in reversed(in_order(changes)) if one.at <= at), None)


def started_at(changes: Iterable[StateChange]) -> datetime | None:
    """Return when work first started; None when none of the changes starts work."""
    return next((one.at for one in in_order(changes) if one.state is State.DOING), None)


def reopened(changes: Iterable[StateChange]) -> int:
    """Count how often the issue left done for work that is open again."""
    steps = pairwise(one.state for one in in_order(changes))
    return sum(before is State.DONE and after not in CLOSED for before, after in steps)


@dataclass(frozen=True, slots=True)
class IssueStates:
    """The known changes of one issue: those `seen` in snapshots, and its `history` as the tracker gave it."""

    seen: tuple[StateChange, ...] = ()
    history: tuple[StateChange, ...] = ()

    @property
    def changes(self) -> tuple[StateChange, ...]:
        """Return all changes in order. The history wins for the span from its first change to its last one."""
        return in_order((*self.history, *self._beside_history(self.seen)))

    def with_seen(self, seen: Iterable[StateChange]) -> "IssueStates":
        """Add changes seen in snapshots."""
        return replace(self, seen=tuple(self._beside_history(_one_each_time((*self.seen, *seen)))))

    def with_history(self, history: Iterable[StateChange]) -> "IssueStates":
        """Add a history read from the tracker; it replaces all that is known of its span."""
        new = _one_each_time(history)
        if not new:
            return self
        outside = [one for one in self.history if not new[0].at <= one.at <= new[-1].at]
        found = IssueStates(history=tuple(_one_each_time((*outside, *new))))
        return found.with_seen(self.seen)

    def until(self, at: datetime) -> "IssueStates":
        """Drop the changes later than a time: the tracker no longer has them."""
        seen = tuple(one for one in self.seen if one.at <= at)
        return IssueStates(seen, tuple(one for one in self.history if one.at <= at))

    def with_last(self, state: State | None, at: datetime | None) -> "IssueStates":
        """Return the changes so that they end in the state that the newest snapshot shows, where they are not newer."""
        known = self.changes
        if state is None or at is None or (known and (known[-1].state is state or known[-1].at > at + MICROSECOND)):
            return self
        last = max(at, known[-1].at + MICROSECOND) if known else at
        return self.with_seen([StateChange(last, state)])

    def _beside_history(self, seen: Iterable[StateChange]) -> list[StateChange]:
        if not self.history:
            return list(seen)
        first, last = self.history[0].at, self.history[-1].at
        return [one for one in seen if not first <= one.at <= last]


@dataclass(frozen=True, slots=True)
class SeenStates:
    """What a snapshot shows of states over time; `drop_after`: the tracker no longer has what came later."""

    changes: tuple[StateChange, ...]
    drop_after: datetime | None = None


def seen_states(before: Issue | None, after: Issue, snapshot: Snapshot, *, fetched: bool = False) -> SeenStates | None:
    """Return what to note of a snapshot that made an issue `after` from `before`; None when it shows no change.

    A change is noted with the last time at which we saw the state before it. An older snapshot that arrives late is
    always noted, with the state that we knew for a later time: nothing then depends on the order of arrival.
    """
    if before is None or before.state is None or before.updated_at is None:
        return SeenStates((_change_in(snapshot, fetched=fetched),))
    held = StateChange(before.updated_at, before.state)
    if after.updated_at is not None and after.updated_at < before.updated_at:
        return SeenStates(_found_in(snapshot, held, fetched=fetched), drop_after=snapshot.updated_at)
    is_late = snapshot.updated_at < before.updated_at
    if not is_late and snapshot.state is before.state and not _entered_again(snapshot, held):
        return None
    return SeenStates((held, *_found_in(snapshot, held, fetched=fetched)))


def _entered_again(snapshot: Snapshot, held: StateChange) -> bool:
    """Return whether the tracker dates the state of a snapshot later than we saw the same state: it left it between."""
    change = _change_in(snapshot, fetched=False)
    return change.at > held.at and change.at in (snapshot.closed_at, snapshot.entered_category_at)


def _found_in(snapshot: Snapshot, held: StateChange, *, fetched: bool) -> tuple[StateChange, ...]:
    """Return the change that a snapshot dates, and also its own time where that date can't be the newest change."""
    change = _change_in(snapshot, fetched=fetched)
    contradicted = change.at <= held.at <= snapshot.updated_at and change.state is not held.state
    return (change, StateChange(snapshot.updated_at, snapshot.state)) if contradicted else (change,)


def _change_in(snapshot: Snapshot, *, fetched: bool) -> StateChange:
    """Return the state of a snapshot with the tracker's date of it, or the snapshot's own time.

    A fetch that shows an issue open is newer than everything else of the same time.
    """
    is_closed, seen_at = snapshot.state in CLOSED, snapshot.updated_at
    if snapshot.created_at is not None and known_since(snapshot) is not None:
        return StateChange(snapshot.created_at, snapshot.state)
    entered = _not_after(snapshot.entered_category_at, seen_at)
    closed = _not_after(snapshot.closed_at, seen_at) if is_closed else None
    if closed is not None and (entered is None or closed >= entered):
        return StateChange(closed, snapshot.state)
    if entered is not None:
        return StateChange(entered, snapshot.state)
    return StateChange(seen_at + MICROSECOND if fetched and not is_closed else seen_at, snapshot.state)


def _not_after(date: datetime | None, seen_at: datetime) -> datetime | None:
    return date if date is not None and date <= seen_at else None


def known_since(snapshot: Snapshot) -> datetime | None:
    """Return when an issue was created, if the snapshot shows it as it was created; else None."""
    created = snapshot.created_at
    if created is None or snapshot.state in CLOSED or not created <= snapshot.updated_at <= created + AT_CREATION:
        return None
    return created


def with_states(issue: Issue, changes: Sequence[StateChange]) -> Issue:
    """Return an issue with what its changes of state say: when work started, and how often it was reopened.

    Both stay unknown unless all changes since the issue's creation are known.
    """
    since, created = issue.states_known_since, issue.created_at
    if since is None or created is None or since > created:
        return with_fields(issue, started_at=None, reopened=None)
    return with_fields(issue, started_at=started_at(changes), reopened=reopened(changes))


# The tracker's history


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRef:
    """An issue whose history is wanted, as we hold it."""

    identity: str
    key: str
    kind: Kind
    state: State
    created_at: datetime | None


@dataclass(frozen=True, slots=True)
class IssueHistory:
    """The changes of an issue's state from the first one given until now; `whole`: that one is its creation.

    No changes: the tracker gave nothing that can be used. `calls` is how many calls it took; `problem` says why a list
    did not come to its end.
    """

    identity: str
    changes: tuple[StateChange, ...]
    whole: bool
    calls: int = 1
    problem: str | None = None


@runtime_checkable
class ReadsHistory(Protocol):
    """Reads the changes of state that an issue had before we first saw it. Needs credentials."""

    def histories_together(self, connection: Connection) -> int:
        """Return for how many issues `read_history` is called at a time; makes no call."""
        ...

    def start_needs_history(self, connection: Connection) -> bool:
        """Return whether only its history shows when work on an issue started; makes no call."""
        ...

    def read_history(self, connection: Connection, refs: Sequence[HistoryRef]) -> Iterable[IssueHistory]:
        """Read the histories of issues, one after the other, with a bounded number of calls. Raise any error.

        Those yielded before an error count. An issue that can't be seen has a history without changes.
        """
        ...


def usable(issue: Issue, history: IssueHistory) -> IssueHistory:
    """Return a history without changes where it contradicts a newer snapshot: it lacks what we have seen."""
    ordered = in_order(history.changes)
    if not ordered or issue.state is None or issue.updated_at is None or ordered[-1].at > issue.updated_at:
        return history
    agrees = (ordered[-1].state in CLOSED) == (issue.state in CLOSED)
    return history if agrees else replace(history, changes=(), whole=False)


def with_history(issue: Issue, history: IssueHistory) -> Issue:
    """Return an issue with the time since which all its changes of state are known, after its history was read."""
    if not history.changes:
        return issue
    first = min(one.at for one in history.changes)
    since = issue.created_at if history.whole and issue.created_at is not None else first
    held = issue.states_known_since
    return with_fields(issue, states_known_since=since if held is None else min(held, since))
