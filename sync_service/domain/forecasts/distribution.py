"""A distribution of a number: its values with how often each of them comes, their percentiles and chances."""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import Generic, TypeVar

Number = TypeVar("Number", int, float, Fraction)


class Distribution(Generic[Number]):
    """Values in ascending order, each with how often it comes. Percentiles are nearest rank."""

    def __init__(self, values: Sequence[Number], counts: Sequence[int]) -> None:
        self.values: Sequence[Number] = values
        self.counts: Sequence[int] = counts

    @classmethod
    def of(cls, counts: Mapping[Number, int]) -> "Distribution[Number]":
        """Return the distribution of values with their counts, in any order."""
        values = sorted(counts)
        return cls(values, [counts[value] for value in values])

    @cached_property
    def _before(self) -> Sequence[int]:
        """Return for each value how often smaller ones come, and last how often any does."""
        return [0, *accumulate(self.counts)]

    @property
    def whole(self) -> int:
        """Return how often any value comes."""
        return self._before[-1]

    def count_at_least(self, value: Number) -> int:
        """Return how often this value or a greater one comes."""
        return self.whole - self._before[bisect_left(self.values, value)]

    def at_least(self, value: Number) -> Fraction:
        """Return the chance of this value or a greater one."""
        return Fraction(self.count_at_least(value), self.whole)

    def at_most(self, value: Number) -> Fraction:
        """Return the chance of this value or a smaller one."""
        return Fraction(self._before[bisect_right(self.values, value)], self.whole)

    def percentile(self, percent: int) -> Number:
        """Return the smallest value that comes, or smaller ones, with so many percent."""
        return self.values[bisect_left(self._before, -(-percent * self.whole // 100), lo=1) - 1]

    def reached(self, percent: int) -> Number:
        """Return the greatest value that is reached with so many percent: `percentile`, descending."""
        below = (100 - percent) * self.whole // 100
        return self.values[bisect_right(self._before, below, hi=len(self.values)) - 1]

    @property
    def mean(self) -> Fraction:
        """Return the mean."""
        total = sum(
            (Fraction(value) * count for value, count in zip(self.values, self.counts, strict=True)), Fraction(0)
        )
        return total / self.whole
