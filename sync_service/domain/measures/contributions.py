"""Contributions of single issues to a key result, and tallies: sums of contributions that are alike."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import chain, repeat
from math import fsum

from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import CLOSED, State


class ClosedWhen(StrEnum):
    """When an issue was closed."""

    BEFORE = "before"
    DURING = "during"
    AFTER = "after"


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one linked issue contributes to a key result. Fields that its measure does not read keep their defaults.

    `number` is the number field that the measure reads, `number_at` the time of its last change. `started_at` is its
    first change into work in progress. None: the issue has none, or it is unknown. `met` says whether the issue meets
    those conditions of `share-meeting` that are not about durations or reopenings.
    """

    state: State
    weight: float = 1.0
    number: float | None = None
    number_at: datetime | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    closed_at: datetime | None = None
    reopened: int | None = None
    met: bool | None = None

    @property
    def done_at(self) -> datetime | None:
        """Return when it was done; None when it is not done, or the time is unknown."""
        return self.closed_at if self.state is State.DONE else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Linked issues of one state, closed at the same time of the cycle, summed. `weight` is the sum of their weights.

    `number` is the sum of their numbers, `weighted_number` the sum of weight times number. `without_number` counts the
    issues that have none, `weight_without_number` is the sum of the weights of these.
    """

    state: State
    closed: ClosedWhen | None
    issues: int
    weight: float
    number: float = 0.0
    weighted_number: float = 0.0
    without_number: int = 0
    weight_without_number: float = 0.0


def closed_when(contribution: Contribution, span: Span) -> ClosedWhen | None:
    """Return when an issue was closed; None when it is open, or the time is unknown."""
    at = contribution.closed_at
    if at is None or contribution.state not in CLOSED:
        return None
    if at < span.starts_at:
        return ClosedWhen.BEFORE
    return ClosedWhen.DURING if at < span.ends_at else ClosedWhen.AFTER


Sizes = Counter[tuple[float, float | None]]
"""Pairs of weight and number, each with how many contributions have it."""


def tally(contributions: Iterable[Contribution], span: Span) -> list[Tally]:
    """Sum the contributions of the same state that were closed before, during or after the cycle."""
    alike: dict[tuple[State, ClosedWhen | None], Sizes] = defaultdict(Counter)
    for one in contributions:
        alike[one.state, closed_when(one, span)][one.weight, one.number] += 1
    return [sum_alike(state, closed, sizes) for (state, closed), sizes in alike.items()]


def sum_alike(state: State, closed: ClosedWhen | None, sizes: Sizes) -> Tally:
    """Return the tally of contributions that are alike."""
    without = [(weight, count) for (weight, number), count in sizes.items() if number is None]
    return Tally(
        state=state,
        closed=closed,
        issues=sizes.total(),
        weight=_exact_sum((weight, count) for (weight, _), count in sizes.items()),
        number=_exact_sum((number, count) for (_, number), count in sizes.items() if number is not None),
        weighted_number=_exact_sum(
            (weight * number, count) for (weight, number), count in sizes.items() if number is not None
        ),
        without_number=sum(count for _, count in without),
        weight_without_number=_exact_sum(without),
    )


def _exact_sum(counts: Iterable[tuple[float, int]]) -> float:
    """Return the sum of numbers that occur so many times each, rounded once."""
    return fsum(chain.from_iterable(repeat(number, count) for number, count in counts))
