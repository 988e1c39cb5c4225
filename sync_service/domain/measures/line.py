"""The line of a key result: one value a day of the cycle, reconstructed from the times of its linked issues.

The issues count with the links, weights and numbers of today; only their states follow the day.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from enum import StrEnum
from zoneinfo import ZoneInfo

from sync_service.domain.durations import DAY, MICROSECOND
from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.contributions import (
    ClosedWhen,
    Contribution,
    Sizes,
    Tally,
    closed_when,
    sum_alike,
)
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.domain.trackers.state_changes import StateChange

Key = tuple[State, ClosedWhen | None]
"""The fields that contributions in one sum have in common."""


class Source(StrEnum):
    """Where the value of a day comes from: recorded inputs, or the times of the linked issues."""

    SEEN = "seen"
    RECONSTRUCTED = "reconstructed"


@dataclass(frozen=True, slots=True)
class DayValue:
    """The value at the end of a day, with how many linked issues were not dropped and how many were done."""

    day: date
    value: float | None
    scope: int
    done: int
    source: Source


@dataclass(frozen=True, slots=True)
class CycleDay:
    """A day, its first moment, and the last one that belongs to it: of today, it is now."""

    day: date
    begins: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class PastIssue:
    """A linked issue: what it contributes today, when it was created, and its known changes of state, oldest first."""

    now: Contribution
    created_at: datetime | None = None
    changes: Sequence[StateChange] = ()


def cycle_days(zone: ZoneInfo, first: date, last: date, now: datetime) -> list[CycleDay]:
    """Return the days of a cycle in a time zone, from its first to its last one, or to today."""
    last = min(last, now.astimezone(zone).date())
    days = [first + index * DAY for index in range((last - first).days + 1)]
    return [CycleDay(one, _midnight(one, zone), min(_midnight(one + DAY, zone) - MICROSECOND, now)) for one in days]


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def reconstruct(inputs: Inputs, issues: Mapping[int, PastIssue], days: Iterable[CycleDay]) -> list[DayValue]:
    """Return the line of these days, oldest first; each event is applied once, on its day."""
    waiting = happenings(inputs, issues)
    present = Present(inputs.span, tallied=inputs.measure.tallied)
    line, applied = [], 0
    for one in days:
        while applied < len(waiting) and waiting[applied][0] <= one.last:
            present.put(*waiting[applied][1:])
            applied += 1
        value = compute(present.inputs(inputs, one.last)).current
        line.append(DayValue(one.day, value, present.scope, present.done, Source.RECONSTRUCTED))
    return line


Happening = tuple[datetime, int, Contribution]
"""A time, an issue, and what it contributed from then on."""


def happenings(inputs: Inputs, issues: Mapping[int, PastIssue]) -> list[Happening]:
    """Return the times at which contributions of issues changed, oldest first."""
    return sorted(_happenings(inputs, issues), key=lambda one: one[0])


def _happenings(inputs: Inputs, issues: Mapping[int, PastIssue]) -> Iterator[Happening]:
    """Yield each time at which the contribution of an issue changed, with the new contribution."""
    reads = inputs.measure.reads
    for id_, one in issues.items():
        first = one.changes[0].at if one.changes else inputs.span.starts_at
        created = first if one.created_at is None else min(one.created_at, first)
        reopened, before, closed = 0, State.TODO, None
        yield created, id_, _as_of(one.now, reads, StateChange(created, before), None, reopened)
        for change in one.changes:
            reopened += before is State.DONE and change.state not in CLOSED
            closed = None if change.state not in CLOSED else closed if before in CLOSED else change.at
            before = change.state
            yield change.at, id_, _as_of(one.now, reads, change, closed, reopened)


def _as_of(
    now: Contribution, reads: frozenset[str], change: StateChange, closed: datetime | None, reopened: int
) -> Contribution:
    """Return the contribution of an issue after a change. Unknown fields, and fields that are not read, stay."""
    is_started = now.started_at is not None and now.started_at <= change.at
    return Contribution(
        state=change.state,
        weight=now.weight,
        number=now.number,
        number_at=now.number_at,
        created_at=now.created_at,
        started_at=now.started_at if is_started else None,
        closed_at=closed if "closed_at" in reads else None,
        reopened=None if now.reopened is None else reopened,
        met=now.met,
    )


class Present:
    """The contributions at one moment, by issue id in `each`, with their sums kept up to date."""

    def __init__(self, span: Span, *, tallied: bool) -> None:
        self.scope = self.done = 0
        self._span, self._tallied = span, tallied
        self.each: dict[int, Contribution] = {}
        self._alike: dict[Key, Sizes] = {}
        self._sums: dict[Key, Tally] = {}

    def put(self, id_: int, after: Contribution | None) -> None:
        """Set the contribution of an issue from now on; None: it is not linked."""
        before = self.each.pop(id_, None)
        if before is not None:
            self._add(before, -1)
        if after is not None:
            self.each[id_] = after
            self._add(after, 1)

    def _add(self, one: Contribution, count: int) -> None:
        self.scope += count * (one.state is not State.DROPPED)
        self.done += count * (one.state is State.DONE)
        if self._tallied:
            key, size = (one.state, closed_when(one, self._span)), (one.weight, one.number)
            sizes = self._alike.setdefault(key, Counter())
            sizes[size] += count
            if not sizes[size]:
                del sizes[size]
            self._sums.pop(key, None)

    def inputs(self, inputs: Inputs, at: datetime) -> Inputs:
        """Return the inputs of that moment."""
        tallies = tuple(self._tallies()) if self._tallied else ()
        each = () if self._tallied else tuple(self.each.values())
        return replace(inputs, at=at, tallies=tallies, contributions=each, ever_linked=bool(self.each))

    def _tallies(self) -> Iterator[Tally]:
        for key, sizes in self._alike.items():
            if sizes:
                yield self._sums.get(key) or self._sums.setdefault(key, sum_alike(*key, sizes))
