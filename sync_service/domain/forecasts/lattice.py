"""Whole steps for numbers with decimals: exact where there are few steps, else rounded with a known bound."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, gcd, lcm

MOST_CELLS = 5_000
"""Steps between the least and the most that can be reached in the weeks of a forecast; with more, steps are larger."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """Numbers that are whole multiples of a step."""

    step: Fraction

    def steps_to(self, distance: Fraction) -> int:
        """Return the fewest steps that cover a distance."""
        return ceil(distance / self.step)

    def rounded(self, counts: Mapping[Fraction, int]) -> dict[int, int]:
        """Return changes in whole steps, with how often each of them comes.

        What is lost by rounding one change is given to the next greater one, so that their sum is right to half a step.
        """
        found: Counter[int] = Counter()
        left = Fraction(0)
        for value in sorted(Counter(counts).elements()):
            steps = round(value / self.step + left)
            left += value / self.step - steps
            found[steps] += 1
        return found


def lattice(changes: Collection[Fraction], weeks: int, *, most_cells: int = MOST_CELLS) -> Lattice:
    """Return the lattice for so many weeks with one of these changes in each.

    All changes are on it where it has at most `most_cells` steps from the least to the most that can be reached. Else
    each change is rounded, by less than a step, and the mean of n changes by at most a step divided by 2 n.
    """
    finest = common_step(changes)
    numbers = [Fraction(0), *changes]
    span = max(numbers) - min(numbers)
    return Lattice(finest * max(ceil(Fraction(span * weeks, most_cells) / finest), 1))


def common_step(values: Collection[Fraction]) -> Fraction:
    """Return the greatest number that all values are whole multiples of; 1 where all are zero."""
    below = lcm(*(value.denominator for value in values))
    return Fraction(gcd(*(int(value * below) for value in values)) or below, below)
