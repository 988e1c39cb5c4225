"""Propose the next cycle: the quarter after the last cycle, or the quarter of today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ProposedCycle:
    """A cycle that could be added."""

    slug: str
    name: str
    starts: date
    ends: date


def next_cycle(today: date, ends: Sequence[date]) -> ProposedCycle:
    """Return the three months after the latest of the last days `ends`; the present quarter where that is over.

    Three months that are a quarter of the calendar are named for it, others for their first month.
    """
    quarter = date(today.year, today.month - (today.month - 1) % 3, 1)
    latest = max(ends, default=None)
    starts = quarter if latest is None or latest < quarter else latest + DAY
    name, slug = f"{starts:%b %Y}", f"{starts:%Y-%m}"
    if starts.day == 1 and starts.month % 3 == 1:
        number = starts.month // 3 + 1
        name, slug = f"Q{number} {starts.year}", f"{starts.year}-q{number}"
    return ProposedCycle(slug, name, starts, _three_months_after(starts) - DAY)


def _three_months_after(day: date) -> date:
    """Return the same day three months later, or the first day of the month after where there is none."""
    month = day.year * 12 + day.month - 1 + 3
    try:
        return day.replace(year=month // 12, month=month % 12 + 1)
    except ValueError:
        return date((month + 1) // 12, (month + 1) % 12 + 1, 1)
