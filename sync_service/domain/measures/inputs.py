"""The inputs of a computation, and the value that comes out of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.contributions import Contribution, Tally, tally
from sync_service.domain.measures.progress import Stay
from sync_service.domain.measures.settings import Measure
from sync_service.domain.measures.status import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that a key result's value follows from. `at` is now, or the time as of which it is computed.

    A measure that is tallied needs `tallies`, or else the contributions to sum; the others need `contributions`.
    `steps_done` are the names of the steps that are done. `known_since` is the time from which on all closings are
    known; None: they always were.
    """

    measure: Measure
    start: float | None
    target: float | None
    span: Span
    at: datetime
    calendar: Calendar
    tallies: Iterable[Tally] = ()
    contributions: Iterable[Contribution] = ()
    checked_in: float | None = None
    steps_done: frozenset[str] = frozenset()
    ever_linked: bool = True
    known_since: datetime | None = None
    stay: Stay | None = None

    def summed(self) -> Sequence[Tally]:
        """Return the tallies, summed from the contributions where only these are given."""
        return list(self.tallies) or tally(self.contributions, self.span)

    @property
    def goals(self) -> tuple[float, ...]:
        """Return the values that rounding must not reach: the target, or the bounds of the range."""
        if self.stay is not None:
            return self.stay.bounds
        return () if self.target is None else (self.target,)


@dataclass(frozen=True, slots=True)
class Value:
    """The current value in the key result's unit (None: no data), and how it was computed, in words."""

    current: float | None
    explanation: str
