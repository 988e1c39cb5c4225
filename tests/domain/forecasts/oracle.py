"""The forecast as a person would compute it: all sequences of weeks, one after the other, with fractions.

It knows the settings as the file has them and shares no code with the product.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import ceil
from random import Random

PlainWeek = tuple[Fraction, Fraction, Fraction]
"""What was done, added and reopened."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A key result with its weeks. `days` are those left in the cycle."""

    kind: str
    start: Fraction
    target: Fraction
    done: Fraction
    scope: Fraction
    weeks: Sequence[PlainWeek]
    days: int

    def value(self, done: Fraction, scope: Fraction) -> Fraction:
        """Return the value."""
        if self.kind == "done-share":
            return 100 * done / scope
        return scope - done if self.kind.startswith("open") else self.start + done

    def reached(self, done: Fraction, scope: Fraction) -> bool:
        """Return whether the value is at the target or past it."""
        value = self.value(done, scope)
        return value >= self.target if self.target >= self.start else value <= self.target

    def after(self, done: Fraction, scope: Fraction, week: PlainWeek) -> tuple[Fraction, Fraction]:
        """Return what is done and the scope after a week."""
        return done + week[0] - week[2], scope + week[1]

    def end_of(self, drawn: Sequence[PlainWeek], rest: PlainWeek) -> tuple[Fraction, Fraction]:
        """Return what is done and the scope at the end of the cycle."""
        done, scope = self.done, self.scope
        for week in drawn:
            done, scope = self.after(done, scope, week)
        share = Fraction(self.days % 7, 7)
        part = (rest[0] * share, rest[1] * share, rest[2] * share)
        return self.after(done, scope, part)

    def passes(self, drawn: Sequence[PlainWeek]) -> bool:
        """Return whether the target is reached now or at the end of one of the weeks."""
        done, scope = self.done, self.scope
        if self.reached(done, scope):
            return True
        for week in drawn:
            done, scope = self.after(done, scope, week)
            if self.reached(done, scope):
                return True
        return False


def _all(case: Case) -> Iterator[tuple[Fraction, Fraction]]:
    """Yield what is done and the scope at the end of the cycle, for all sequences of weeks."""
    for drawn in product(case.weeks, repeat=case.days // 7):
        for rest in case.weeks if case.days % 7 else case.weeks[:1]:
            yield case.end_of(drawn, rest)


def shares(case: Case) -> Mapping[Fraction, Fraction]:
    """Return all shares at the end, from 0 to 100, each with the chance of it."""
    found = Counter(max(min(100 * done / scope, Fraction(100)), Fraction(0)) for done, scope in _all(case))
    return {share: Fraction(count, found.total()) for share, count in found.items()}


def chance(case: Case) -> Fraction:
    """Return the share of the sequences that end at the target or past it."""
    found = [case.reached(*end) for end in _all(case)]
    return Fraction(sum(found), len(found))


def likely(case: Case, percent: int) -> Fraction:
    """Return the value that so many percent of the sequences reach, the best ones first."""
    values = sorted((case.value(*end) for end in _all(case)), reverse=case.target >= case.start)
    return values[max(ceil(Fraction(percent, 100) * len(values)), 1) - 1]


def passed(case: Case, weeks: int) -> Fraction:
    """Return the share of the sequences that have reached the target after so many weeks."""
    found = [case.passes(drawn) for drawn in product(case.weeks, repeat=weeks)]
    return Fraction(sum(found), len(found))


def drawn_chances(case: Case, weeks: int, *, runs: int, random: Random) -> tuple[float, float]:
    """Return the chance to end at the target, and the one to reach it within some weeks, by drawing weeks."""
    ended = passed_by = 0
    for _ in range(runs):
        drawn = random.choices(case.weeks, k=case.days // 7)
        ended += case.reached(*case.end_of(drawn, random.choice(case.weeks)))
        passed_by += case.passes(random.choices(case.weeks, k=weeks))
    return ended / runs, passed_by / runs
