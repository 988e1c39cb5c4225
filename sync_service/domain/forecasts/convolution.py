"""Sums of weeks drawn with replacement: how often each sum comes, and how often a distance has been covered by then.

The counts of all sums are cells of 64 bits in one integer. A week more is a shifted copy of it for each sample, added:
Python's arithmetic on large integers then works on all cells at once. Counts are exact while they fit; before they
would not, all are halved several times, which takes off less than one in 2**55 of the whole for each cell and week.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from sys import byteorder

from sync_service.domain.forecasts.distribution import Distribution

_BITS = 64
_LARGEST = 1 << _BITS - 1


@dataclass(frozen=True, slots=True)
class _Counts:
    """Counts by cell, from the cell `first` on. `whole` is the sum of all, also of those that are no longer here."""

    packed: int
    first: int
    whole: Fraction

    @property
    def cells(self) -> int:
        """Return the number of cells from the first to the last one with a count."""
        return -(-self.packed.bit_length() // _BITS)

    def with_a_week(self, steps: Mapping[int, int], lowest: int) -> "_Counts":
        """Return the counts a week later: `steps` says by how many cells each sample lowers them, and how often.

        What falls below the lowest cell is gone.
        """
        drawn = sum(steps.values())
        had = self if self.whole * drawn < _LARGEST else self._halved(drawn.bit_length())
        first = max(had.first - max(steps), lowest)
        copies = ((_raised(had.packed, had.first - cells - first), count) for cells, count in steps.items())
        packed = sum(copy if count == 1 else copy * count for copy, count in copies)
        return _Counts(packed, first, had.whole * drawn)

    def _halved(self, times: int) -> "_Counts":
        kept = ((1 << _BITS - times) - 1).to_bytes(_BITS // 8, "little")
        packed = self.packed >> times & int.from_bytes(kept * self.cells, "little")
        empty = ((packed & -packed).bit_length() - 1) // _BITS if packed else 0
        return _Counts(packed >> _BITS * empty, self.first + empty, self.whole / (1 << times))

    def sum(self) -> int:
        """Return the sum of the counts that are here."""
        packed, cells = self.packed, self.cells
        while cells > 1:
            cells = -(-cells // 2)
            packed = (packed >> _BITS * cells) + (packed & (1 << _BITS * cells) - 1)
        return packed

    def unpacked(self) -> Sequence[int]:
        """Return the counts one by one."""
        counts = array("Q", self.packed.to_bytes(self.cells * _BITS // 8, "little"))
        if byteorder == "big":
            counts.byteswap()
        return counts


def _raised(packed: int, cells: int) -> int:
    """Return counts moved to higher cells; a negative number moves them to lower ones, and the lowest ones out."""
    return packed << _BITS * cells if cells >= 0 else packed >> -_BITS * cells


def covered(steps: Mapping[int, int], distance: int, weeks: int) -> Iterator[Fraction]:
    """Yield the chance that a distance is covered, now and by the end of each week: once it is, it stays so.

    `steps` are what the weeks drawn from take off the distance, each with how many of them do.
    """
    counts = _Counts(int(distance > 0), distance, Fraction(1))
    yield 1 - counts.sum() / counts.whole
    for _ in range(weeks):
        counts = counts.with_a_week(steps, 1)
        yield 1 - counts.sum() / counts.whole


def sums(steps: Mapping[int, int], weeks: int) -> Distribution[int]:
    """Return the distribution of the sum of so many weeks, each drawn from `steps`."""
    counts = _Counts(1, 0, Fraction(1))
    raised, lowest = {-step: count for step, count in steps.items()}, weeks * min(0, *steps)
    for _ in range(weeks):
        counts = counts.with_a_week(raised, lowest)
    found = counts.unpacked()
    return Distribution(range(counts.first, counts.first + len(found)), found)
