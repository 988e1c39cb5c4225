"""How often the owner of a key result is asked for a check-in, as written in the configuration file."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta

from sync_service.domain.text import counted

FORMS = "weekly, every 2 weeks (or another whole number from 2 to 26), monthly or none"
"""The allowed texts, for messages."""

LONGEST = 26
"""The most weeks between two check-ins."""

_WEEKS = re.compile(r"every ([1-9][0-9]?) weeks", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cadence:
    """Whole weeks, or months, from one check-in to the next; both zero: no check-ins are due."""

    weeks: int = 0
    months: int = 0


NEVER = Cadence()


def parse_cadence(written: str) -> Cadence:
    """Return a cadence from its text: `weekly`, `every 2 weeks`, `monthly` or `none`. Raise `ValueError`."""
    known = {"weekly": Cadence(weeks=1), "monthly": Cadence(months=1), "none": NEVER}
    if written in known:
        return known[written]
    found = _WEEKS.fullmatch(written)
    if found and 2 <= int(found[1]) <= LONGEST:
        return Cadence(weeks=int(found[1]))
    raise ValueError(f"no cadence; allowed: {FORMS}")


def next_due(cadence: Cadence, last: date | None, *, starts: date) -> date | None:
    """Return the day on which the next check-in is due; None when no check-ins are due.

    Counted from the last check-in, else from the first day of the cycle. A month later is the same day of the next
    month, or its last day.
    """
    if cadence == NEVER:
        return None
    since = starts if last is None else max(last, starts)
    if not cadence.months:
        return since + timedelta(weeks=cadence.weeks)
    month = since.year * 12 + since.month - 1 + cadence.months
    year, month = month // 12, month % 12 + 1
    return date(year, month, min(since.day, monthrange(year, month)[1]))


def cadence_text(cadence: Cadence, last: date | None, *, starts: date, today: date) -> str:
    """Return how often, when last, and when next: `checked in weekly; last 9 days ago: due`. Empty: none is due."""
    due = next_due(cadence, last, starts=starts)
    if due is None:
        return ""
    before = "no check-in yet" if last is None else f"last {_days_ago((today - last).days)}"
    days = (due - today).days
    coming = "due" if days <= 0 else f"next in {counted(days, 'day')}"
    return f"checked in {_often(cadence)}; {before}: {coming}"


def _often(cadence: Cadence) -> str:
    if cadence.months:
        return "monthly"
    return "weekly" if cadence.weeks == 1 else f"every {cadence.weeks} weeks"


def _days_ago(days: int) -> str:
    return "today" if days <= 0 else f"{counted(days, 'day')} ago"
