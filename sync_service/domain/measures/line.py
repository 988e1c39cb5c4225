"""The line of a key result: one value a day of the cycle, reconstructed from the times of its linked issues.

The issues count with the links, weights and numbers of today; only their states follow the day.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import compute
from sync_service.domain.measures.contributions import ClosedWhen, Contribution, Tally, closed_when
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import CLOSED, State

DAY = timedelta(days=1)


class Source(StrEnum):
    """Where the value of a day comes from: recorded inputs, or the times of the linked issues."""

    SEEN = "seen"
    RECONSTRUCTED = "reconstructed"


@dataclass(frozen=True, slots=True)
class DayValue:
    """The value at the end of a day, with how many issues counted and how many of these were done."""

    day: date
    value: float | None
    scope: int
    done: int
    source: Source


@dataclass(frozen=True, slots=True)
class PastIssue:
    """A linked issue: what it brings today, when it was created, and its known changes of state, oldest first."""

    now: Contribution
    created_at: datetime | None = None
    changes: Sequence[tuple[datetime, State]] = ()


def changes_of(
    state: State, *, started_at: datetime | None, closed_at: datetime | None
) -> tuple[tuple[datetime, State], ...]:
    """Return the changes that the start and the closing of an issue give, where its history is not known."""
    closing = ((closed_at, state),) if closed_at is not None and state in CLOSED else ()
    begins = started_at is not None and (not closing or started_at < closing[0][0])
    return ((started_at, State.DOING), *closing) if begins and started_at is not None else closing


def day_ends(calendar: Calendar, span: Span, now: datetime) -> list[tuple[date, datetime]]:
    """Return the days of a cycle up to today, each with its end; the end of today is now."""
    day, last = calendar.day_of(span.starts_at), calendar.day_of(min(now, span.ends_at - timedelta(microseconds=1)))
    days = [day + index * DAY for index in range((last - day).days + 1)]
    midnights = [datetime.combine(one + DAY, time.min, tzinfo=calendar.zone).astimezone(UTC) for one in days]
    return [(one, min(end, now)) for one, end in zip(days, midnights, strict=True)]


def reconstruct(inputs: Inputs, issues: Mapping[int, PastIssue]) -> list[DayValue]:
    """Return the line of a cycle up to `inputs.at`; each happening is applied once, on its day.

    A happening at the very end of a day belongs to the next day, except today.
    """
    waiting = sorted(_happenings(inputs, issues), key=lambda one: one[0])
    present = _Present(inputs.span, tallied=inputs.measure.tallied)
    line, applied = [], 0
    for day, end in day_ends(inputs.calendar, inputs.span, inputs.at):
        while applied < len(waiting) and (waiting[applied][0] < end or end == inputs.at >= waiting[applied][0]):
            present.put(*waiting[applied][1:])
            applied += 1
        value = compute(present.inputs(inputs, end)).current
        line.append(DayValue(day, value, present.scope, present.done, Source.RECONSTRUCTED))
    return line


def _happenings(inputs: Inputs, issues: Mapping[int, PastIssue]) -> Iterator[tuple[datetime, int, Contribution]]:
    """Yield each time at which an issue began to bring something else, with what it brought from then on."""
    reads = inputs.measure.reads
    for id_, one in issues.items():
        first = one.changes[0][0] if one.changes else inputs.span.starts_at
        reopened, before = 0, State.TODO
        yield (
            min(one.created_at or first, first),
            id_,
            _as_of(one.now, State.TODO, None, reads, started=None, reopened=0),
        )
        started: datetime | None = None
        for at, state in one.changes:
            reopened += before in CLOSED and state not in CLOSED
            started = started or (at if state is State.DOING else None)
            closed = at if state in CLOSED else None
            before = state
            yield at, id_, _as_of(one.now, state, closed, reads, started=started, reopened=reopened)


def _as_of(
    now: Contribution,
    state: State,
    closed: datetime | None,
    reads: frozenset[str],
    *,
    started: datetime | None,
    reopened: int,
) -> Contribution:
    """Return what an issue brought in a state; fields that the measure does not read stay as they are."""
    known = now.reopened is not None
    return replace(
        now,
        state=state,
        closed_at=closed if "closed_at" in reads else now.closed_at,
        started_at=started if "started_at" in reads else now.started_at,
        reopened=reopened if "reopened" in reads and known else now.reopened,
    )


class _Present:
    """The contributions at one moment, with their exact sums kept up to date."""

    def __init__(self, span: Span, *, tallied: bool) -> None:
        self.scope = self.done = 0
        self._span, self._tallied = span, tallied
        self._each: dict[int, Contribution] = {}
        self._sums: dict[tuple[State, ClosedWhen | None], list[Fraction]] = {}

    def put(self, id_: int, one: Contribution) -> None:
        """Let an issue bring this from now on."""
        if id_ in self._each:
            self._add(self._each[id_], -1)
        self._each[id_] = one
        self._add(one, 1)

    def _add(self, one: Contribution, sign: int) -> None:
        self.scope += sign * (one.state is not State.DROPPED)
        self.done += sign * (one.state is State.DONE)
        if self._tallied:
            sums = self._sums.setdefault((one.state, closed_when(one, self._span)), [Fraction(0)] * 6)
            for index, adds in enumerate(_amounts(one)):
                sums[index] += sign * Fraction(adds)

    def inputs(self, inputs: Inputs, at: datetime) -> Inputs:
        """Return the inputs of that moment."""
        if self._tallied:
            return replace(
                inputs, at=at, tallies=tuple(self._tallies()), contributions=(), ever_linked=bool(self._each)
            )
        return replace(inputs, at=at, contributions=tuple(self._each.values()), ever_linked=bool(self._each))

    def _tallies(self) -> Iterable[Tally]:
        for (state, closed), sums in self._sums.items():
            issues, weight, number, weighted, without, weight_without = sums
            if issues:
                yield Tally(
                    state=state,
                    closed=closed,
                    issues=int(issues),
                    weight=float(weight),
                    number=float(number),
                    weighted_number=float(weighted),
                    without_number=int(without),
                    weight_without_number=float(weight_without),
                )


def _amounts(one: Contribution) -> tuple[float, float, float, float, float, float]:
    """Return what an issue adds to each sum of a tally."""
    if one.number is None:
        return 1, one.weight, 0, 0, 1, one.weight
    return 1, one.weight, one.number, one.weight * one.number, 0, 0
