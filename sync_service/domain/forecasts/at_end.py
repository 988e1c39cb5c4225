"""How near the target a key result comes by the end of the cycle: whole weeks, and the rest as its share of a week."""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property

from sync_service.domain.forecasts.convolution import sums
from sync_service.domain.forecasts.distribution import Distribution
from sync_service.domain.forecasts.goal import Goal, Position
from sync_service.domain.forecasts.lattice import MOST_CELLS, lattice
from sync_service.domain.forecasts.samples import Week

DAYS = 7


class AtEnd:
    """The distribution of what some days take off the distance to the target, with weeks drawn from the samples.

    Days that make no whole week are one more week of the samples, of which their share counts.
    """

    def __init__(self, goal: Goal, weeks: Sequence[Week], days: int, *, most_cells: int = MOST_CELLS) -> None:
        self._goal = goal
        self._weeks, self._rest = divmod(max(days, 0), DAYS)
        approaches = goal.approaches(weeks)
        self._lattice = lattice(approaches, self._weeks + (self._rest > 0), most_cells=most_cells)
        self._steps = self._lattice.rounded(approaches)

    @cached_property
    def _sums(self) -> Distribution[int]:
        """Return the distribution of the whole weeks, in steps of the lattice."""
        return sums(self._steps, self._weeks)

    @cached_property
    def _rests(self) -> Distribution[int]:
        """Return the distribution of the rest, in sevenths of a step."""
        if not self._rest:
            return Distribution.of({0: 1})
        return Distribution.of({steps * self._rest: count for steps, count in self._steps.items()})

    def chance(self, position: Position) -> Fraction:
        """Return the chance that the value is at the target or past it at the end, from this position now."""
        return self.covers(self._goal.distance(position))

    def covers(self, distance: Fraction) -> Fraction:
        """Return the chance that at least this distance is taken off."""
        return self._at_least(self._lattice.steps_to(distance * DAYS))

    def _at_least(self, sevenths: int) -> Fraction:
        """Return the chance that at least so many sevenths of a step are taken off the distance."""
        whole_weeks, rests = self._sums, self._rests
        pairs = zip(rests.values, rests.counts, strict=True)
        counts = (whole_weeks.count_at_least(-((rest - sevenths) // DAYS)) * count for rest, count in pairs)
        return Fraction(sum(counts), whole_weeks.whole * rests.whole)

    def reached(self, percent: int) -> Fraction:
        """Return the most that is taken off the distance with so many percent."""
        least, most = (self._sums.values[end] * DAYS + self._rests.values[end] for end in (0, -1))
        possible = range(least, most + 1)
        index = bisect_right(possible, -Fraction(percent, 100), key=lambda sevenths: -self._at_least(sevenths))
        return self._lattice.step * possible[index - 1] / DAYS
