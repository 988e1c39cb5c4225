"""Samples of a forecast: what was done, added and reopened in each of the last full weeks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction

from sync_service.domain.text import counted, percent

FEWEST_WEEKS = 5
"""Full weeks that a forecast needs."""

MOST_WEEKS = 12
"""Full weeks that a forecast looks back to."""

WEEK = timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Week:
    """What changed in one week, in issues, or in the sizes that the measure counts.

    `done` is what became done, `reopened` what was done and is no longer, `added` how much the scope grew; what was
    dropped or unlinked is taken off it.
    """

    done: float = 0.0
    added: float = 0.0
    reopened: float = 0.0

    def __add__(self, other: "Week") -> "Week":
        return Week(self.done + other.done, self.added + other.added, self.reopened + other.reopened)


@dataclass(frozen=True, slots=True)
class Samples:
    """The weeks that a forecast draws from, oldest first. `reason` says why they are not enough; empty if they are."""

    weeks: tuple[Week, ...]

    @property
    def reason(self) -> str:
        """Return why they are not enough, in words; empty if they are."""
        known = len(self.weeks)
        if known >= FEWEST_WEEKS:
            return ""
        words = f"{counted(known, 'full week')} {'is' if known == 1 else 'are'} known, a forecast needs {FEWEST_WEEKS}"
        chance = percent(float(within_range(known)))
        return words if known < 2 else f"{words}: the next week is within the range of these with a chance of {chance}"


def last_weeks(weeks: Sequence[Week]) -> Samples:
    """Return the samples of the last twelve of the full weeks, which are oldest first."""
    return Samples(tuple(weeks[-MOST_WEEKS:]))


def within_range(known: int) -> Fraction:
    """Return the chance that the next value lies within the range of `known` earlier ones."""
    return Fraction(known - 1, known + 1) if known else Fraction(0)


def full_weeks(known_since: date, today: date, *, first_weekday: int = 0) -> list[date]:
    """Return the first days of the weeks that are over and wholly known, oldest first.

    `known_since` is the first day that is wholly known; `first_weekday` is the day on which weeks start, 0 for Monday.
    """
    first = known_since + timedelta(days=(first_weekday - known_since.weekday()) % 7)
    return [first + WEEK * index for index in range(max((today - first).days // 7, 0))]


def by_week(changes: Iterable[tuple[date, Week]], weeks: Sequence[date]) -> list[Week]:
    """Return what changed in each of the weeks that start on these days. Changes on other days are left out."""
    found = [Week()] * len(weeks)
    for day, change in changes:
        index = (day - weeks[0]).days // 7 if weeks else -1
        if 0 <= index < len(weeks):
            found[index] += change
    return found
