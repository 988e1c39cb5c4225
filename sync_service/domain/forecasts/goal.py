"""The goal of a key result in numbers that can be added: how far it is away, and how much a week takes off that."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, lru_cache

from sync_service.domain.forecasts.samples import Week

DECIMALS = 9
"""Numbers are read to so many decimals: the last bits of a sum are noise."""


@lru_cache(maxsize=4096)
def exact(value: float | Fraction) -> Fraction:
    """Return a number as the decimal fraction that it is written as."""
    return value if isinstance(value, Fraction) else Fraction(str(round(value, DECIMALS)))


@dataclass(frozen=True, slots=True)
class Position:
    """How much is done, and the scope: how much is linked and counts. Both in issues, or in the sizes counted."""

    done: Fraction
    scope: Fraction

    @classmethod
    def of(cls, done: float, scope: float) -> "Position":
        """Return the position of two numbers as they are stored."""
        return cls(exact(done), exact(scope))

    def after(self, week: Week, share: Fraction = Fraction(1)) -> "Position":
        """Return the position after a week like this one, or after a share of it."""
        return Position(self.done + share * net_done(week), self.scope + share * exact(week.added))


def net_done(week: Week) -> Fraction:
    """Return what a week adds to what is done: done less reopened."""
    return exact(week.done) - exact(week.reopened)


@dataclass(frozen=True)
class History:
    """What happened before a forecast: the position at the beginning of the first week, and all full weeks since.

    The count began after `counts_from` weeks: those before show the pace, and nothing was forecast then.
    """

    first: Position
    weeks: Sequence[Week]
    counts_from: int = 0

    @cached_property
    def positions(self) -> Sequence[Position]:
        """Return the burn-up: the positions at the beginning of the first week and at the end of each."""
        found = [self.first]
        for week in self.weeks:
            found.append(found[-1].after(week))
        return found


@dataclass(frozen=True, slots=True)
class _Terms:
    """A value less its target, times something positive: a sum of what is done, the scope and a constant."""

    of_done: Fraction
    of_scope: Fraction
    constant: Fraction


@dataclass(frozen=True)
class Goal:
    """What a key result wants to reach: the kind of its measure, its start and its target."""

    kind: str
    start: float | Fraction
    target: float | Fraction

    @property
    def direction(self) -> int:
        """Return 1 where the value has to rise, -1 where it has to fall."""
        return 1 if self.target >= self.start else -1

    @property
    def is_share(self) -> bool:
        """Return whether the value is a share of the scope, in percent."""
        return self.kind == "done-share"

    @cached_property
    def _terms(self) -> _Terms:
        target = exact(self.target)
        if self.is_share:
            return _Terms(Fraction(100), -target, Fraction(0))
        if self.kind in ("open-count", "open-sum"):
            return _Terms(Fraction(-1), Fraction(1), -target)
        return _Terms(Fraction(1), Fraction(0), exact(self.start) - target)

    def value(self, position: Position) -> Fraction:
        """Return the value at a position, within what a value of its kind can be; a share needs a scope."""
        if self.is_share:
            return max(min(100 * position.done / position.scope, Fraction(100)), Fraction(0))
        if self.kind in ("open-count", "open-sum"):
            return max(position.scope - position.done, Fraction(0))
        return exact(self.start) + position.done

    def value_at(self, distance: Fraction) -> Fraction:
        """Return the value at a distance from the target; of a share, its distance does not say its value."""
        value = exact(self.target) - self.direction * distance
        return max(value, Fraction(0)) if self.kind in ("open-count", "open-sum") else value

    def distance(self, position: Position) -> Fraction:
        """Return how far the target is away, 0 or less where it is reached: for a share t, t·scope - 100·done."""
        terms = self._terms
        return -self.direction * (terms.of_done * position.done + terms.of_scope * position.scope + terms.constant)

    def approach(self, week: Week) -> Fraction:
        """Return by how much a week reduces the distance; negative where it grows."""
        terms = self._terms
        return self.direction * (terms.of_done * net_done(week) + terms.of_scope * exact(week.added))

    def approaches(self, weeks: Iterable[Week]) -> Mapping[Fraction, int]:
        """Return by how much each of the weeks reduces the distance, with the number of weeks that do."""
        return Counter(map(self.approach, weeks))


KINDS = ("done-share", "done-count", "done-sum", "open-count", "open-sum")
"""The kinds of measures that have forecasts."""
