"""What a linked issue adds to what is done and to the scope of a key result, as its measure counts."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from sync_service.domain.forecasts.goal import Position, exact
from sync_service.domain.forecasts.samples import Week
from sync_service.domain.measures.contributions import Contribution, closed_when
from sync_service.domain.measures.kinds.counts import done_why_not
from sync_service.domain.measures.kinds.shares import credit, why_not
from sync_service.domain.measures.settings import Measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.observations import CLOSED, State

NOTHING = (0.0, 0.0)

Amounts = tuple[float, float]
"""What is done of an issue, and what it adds to the scope."""


def amounts(measure: Measure, one: Contribution | None, span: Span) -> Amounts:
    """Return what an issue adds; nothing if it does not count."""
    if one is None:
        return NOTHING
    size, closed = size_of(measure, one), closed_when(one, span)
    if measure.kind == "done-share":
        counts = why_not(measure, one.state, closed) is None
        return (credit(measure, one.state) * size, size) if counts else NOTHING
    if one.state is State.DROPPED:
        return NOTHING
    is_done = one.state is State.DONE
    if measure.kind in ("done-count", "done-sum"):
        is_done = done_why_not(measure, one.state, closed) is None
    return (size if is_done else 0.0, size)


def size_of(measure: Measure, one: Contribution) -> float:
    """Return the size of an issue: 1 or its number, and in shares times the weight of its link."""
    number = 1.0
    if measure.number_field is not None:
        number = measure.unestimated if one.number is None else one.number
    return number * one.weight if measure.kind == "done-share" else number


def position_of(measure: Measure, contributions: Iterable[Contribution], span: Span) -> Position:
    """Return the position that contributions add up to."""
    done, scope = Fraction(0), Fraction(0)
    for one in contributions:
        of_done, of_scope = amounts(measure, one, span)
        done += exact(of_done)
        scope += exact(of_scope)
    return Position(done, scope)


def as_done(one: Contribution, at: datetime, reads: Iterable[str]) -> Contribution:
    """Return what an issue adds if it is done at a time; one that is closed already stays as it is."""
    if one.state in CLOSED:
        return one
    return replace(one, state=State.DONE, closed_at=at if "closed_at" in reads else None)


@dataclass(frozen=True, slots=True)
class WeekChanges:
    """Counts changes of contributions as changes of what is done, added and reopened.

    What was done before the cycle shows the pace too, also where the measure counts work within the cycle alone.
    """

    measure: Measure
    span: Span

    def of(self, before: Contribution | None, after: Contribution | None, at: datetime) -> Week:
        """Return what a change of one issue at a time is in numbers."""
        measure = self.measure if at >= self.span.starts_at else replace(self.measure, within="ever")
        (was_done, was), (is_done, now) = amounts(measure, before, self.span), amounts(measure, after, self.span)
        return Week(max(is_done - was_done, 0.0), now - was, max(was_done - is_done, 0.0))
