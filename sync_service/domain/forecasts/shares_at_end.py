"""The share that is done at the end of the cycle: all that it may be, or its percentiles where that is too many."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property

from sync_service.domain.forecasts.at_end import DAYS, AtEnd
from sync_service.domain.forecasts.convolution import sums
from sync_service.domain.forecasts.distribution import Distribution
from sync_service.domain.forecasts.goal import Goal, Position, exact, net_done
from sync_service.domain.forecasts.lattice import common_step
from sync_service.domain.forecasts.samples import Week

MOST_SHARES = 10_000
"""Shares that are computed one by one; of more, the percentiles are approached."""

FEW_CELLS = 2_000
"""Steps of the lattice on which a percentile is approached: each approach needs a convolution."""


@dataclass(frozen=True)
class SharesAtEnd:
    """The share after some days, with weeks drawn from the samples: done and scope of the same week together."""

    position: Position
    weeks: Sequence[Week]
    days: int

    def reached(self, goal: Goal, percent: int) -> Fraction:
        """Return the share that is reached, or passed in the direction of the goal, with so many percent."""
        if self.many:
            return self._approached(goal, percent)
        shares = self.distribution
        return Fraction(shares.reached(percent) if goal.direction > 0 else shares.percentile(percent))

    @property
    def many(self) -> bool:
        """Return whether there are too many shares to compute each."""
        return self._pairs.most * len(set(self.weeks) if self.days % DAYS else [0]) > MOST_SHARES

    @cached_property
    def distribution(self) -> Distribution[float]:
        """Return all shares with how often they come."""
        found: Counter[float] = Counter()
        rests = Counter(self._pairs.rests(self.days % DAYS))
        for done, scope, count in self._pairs.sums():
            for (more_done, more_scope), times in rests.items():
                found[_percent(done + more_done, scope + more_scope)] += count * times
        return Distribution.of(found)

    @cached_property
    def _pairs(self) -> "_Pairs":
        return _Pairs(self.position, self.weeks, self.days // DAYS)

    def _approached(self, goal: Goal, percent: int) -> Fraction:
        """Return about the share whose distance is covered with so many percent: two approaches, and the line on."""
        if self._mean.scope <= 0:
            return Fraction(0)
        mean = exact(float(goal.value(self._mean)))
        missed = self._missed(goal, mean, percent)
        near = exact(float(mean + missed))
        still = self._missed(goal, near, percent)
        found = near + (still * missed / (missed - still) if missed != still else still)
        return max(min(found, Fraction(100)), Fraction(0))

    def _missed(self, goal: Goal, share: Fraction, percent: int) -> Fraction:
        """Return by how much a share misses the percentile, in percentage points of the mean scope."""
        one = replace(goal, start=share - goal.direction, target=share)
        if share not in self._ends:
            self._ends[share] = AtEnd(one, self.weeks, self.days, most_cells=FEW_CELLS)
        past = self._ends[share].reached(percent) - one.distance(self.position)
        return goal.direction * past / self._mean.scope

    @cached_property
    def _ends(self) -> dict[Fraction, AtEnd]:
        """Return the distributions at the end by the share that they are about."""
        return {}

    @cached_property
    def _mean(self) -> Position:
        """Return the position at the end if each week is like the mean of the samples."""
        ahead, mean = Fraction(self.days, DAYS * len(self.weeks)), self.position
        for week in self.weeks:
            mean = mean.after(week, ahead)
        return mean


class _Pairs:
    """What is done and the scope after some weeks, in whole units."""

    def __init__(self, position: Position, weeks: Sequence[Week], count: int) -> None:
        changes = [(net_done(week), exact(week.added)) for week in weeks]
        numbers = [number for pair in changes for number in pair]
        self._unit = common_step([position.done, position.scope, *numbers])
        self._count = count
        self._first = (self._units(position.done), self._units(position.scope))
        self._changes = [(self._units(done), self._units(added)) for done, added in changes]
        self._least = [min(column) for column in zip(*self._changes, strict=True)]
        self._steps = [int(common_step([*map(Fraction, column)])) for column in zip(*self._changes, strict=True)]

    def _units(self, number: Fraction) -> int:
        return int(number / self._unit)

    @property
    def _ranges(self) -> list[int]:
        """Return how many steps there are from the least to the most that can be done, and be the scope."""
        most = [max(column) for column in zip(*self._changes, strict=True)]
        each = zip(most, self._least, self._steps, strict=True)
        return [(high - low) // step * self._count + 1 for high, low, step in each]

    @property
    def most(self) -> int:
        """Return how many pairs there are at most."""
        done, scope = self._ranges
        return done * scope

    def sums(self) -> Iterator[tuple[int, int, int]]:
        """Yield what is done, the scope, and how often they come, after the whole weeks, in sevenths of the unit.

        A pair is convolved as one number: steps of what is done, times the range of the scope, and steps of the scope.
        """
        (done_step, scope_step), (_, stride), (_, least) = self._steps, self._ranges, self._least
        found = sums(
            Counter(done // done_step * stride + (added - least) // scope_step for done, added in self._changes),
            self._count,
        )
        first_done, first_scope = self._first[0], self._first[1] + least * self._count
        for pair, count in zip(found.values, found.counts, strict=True):
            if count:
                done, scope = divmod(pair, stride)
                yield (first_done + done * done_step) * DAYS, (first_scope + scope * scope_step) * DAYS, count

    def rests(self, days: int) -> Iterator[tuple[int, int]]:
        """Yield what some days add to what is done and to the scope, in sevenths of the unit, for each sample."""
        return ((done * days, added * days) for done, added in self._changes)


def _percent(done: int, scope: int) -> float:
    return max(min(100 * done / scope, 100.0), 0.0) if scope > 0 else 0.0
