"""What decides a forecast: open issues that are old, blocked or without an estimate, by their effect on the chance."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from sync_service.domain.forecasts.at_end import AtEnd
from sync_service.domain.forecasts.distribution import Distribution
from sync_service.domain.forecasts.goal import Position, exact
from sync_service.domain.text import counted, number

OLD = 85
"""The percentile of the team's ages past which an open issue is old."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIssue:
    """A linked issue that is not done. `size` is what it adds when it is done: 1 in counts, its weight in shares.

    `age` is in days. `size` None: the measure counts an estimate that the issue does not have.
    """

    key: str
    age: float
    blocked: bool = False
    size: float | None = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DecidingIssue:
    """An issue that decides a forecast, why, and by how much the chance would rise if it were done now."""

    key: str
    reasons: tuple[str, ...]
    effect: float


def deciding_issues(
    issues: Sequence[OpenIssue], *, end: AtEnd, position: Position, old_age: float | None
) -> list[DecidingIssue]:
    """Return the issues that are older than `old_age`, blocked or without an estimate, the greatest effect first.

    `old_age` is the team's 85th percentile; None: it is not known. An issue without an estimate counts as much as the
    median of those that have one. Of equal effects, the issue with more reasons is first, and then the older one.
    """
    typical = typical_size(issues)
    effect_of = _effects(end, position)
    found = [
        (effect_of(typical if issue.size is None else exact(issue.size)), reasons, issue)
        for issue in issues
        if (reasons := reasons_of(issue, old_age))
    ]
    found.sort(key=lambda one: (-one[0], -len(one[1]), -one[2].age, one[2].key))
    return [DecidingIssue(key=issue.key, reasons=reasons, effect=float(effect)) for effect, reasons, issue in found]


def reasons_of(issue: OpenIssue, old_age: float | None) -> tuple[str, ...]:
    """Return why an issue may decide a forecast, in words; empty if nothing speaks for it."""
    whys: Mapping[str, bool] = {
        f"open for {counted(issue.age, 'day')}, and {OLD} % of the team's are not older than {number(old_age or 0)}": (
            old_age is not None and issue.age > old_age
        ),
        "blocked": issue.blocked,
        "without an estimate": issue.size is None,
    }
    return tuple(words for words, holds in whys.items() if holds)


def typical_size(issues: Iterable[OpenIssue]) -> Fraction:
    """Return the median of the sizes by nearest rank; 1 where no issue has one."""
    sizes = [exact(issue.size) for issue in issues if issue.size is not None]
    return Distribution(sorted(sizes), [1] * len(sizes)).percentile(50) if sizes else Fraction(1)


def _effects(end: AtEnd, position: Position) -> Callable[[Fraction], Fraction]:
    """Return the function from the size of an issue to what the chance would rise by if it were done."""
    now = end.chance(position)

    @cache
    def effect_of(size: Fraction) -> Fraction:
        return end.chance(Position(position.done + size, position.scope)) - now

    return effect_of
