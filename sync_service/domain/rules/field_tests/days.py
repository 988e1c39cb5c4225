"""Days in conditions: a date, or a day that counts from the begin or the end of the key result's cycle."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

OPERATORS = ("before", "after", "on")
"""`before` a day is earlier than its beginning, `after` is from its end on."""

A_DAY = "a day like 2026-10-01, or one that counts from the cycle: cycle start, cycle end - 2 weeks"

PATTERN = r"^(2[01][0-9]{2}-[0-9]{2}-[0-9]{2}|cycle (start|end)( ?[+-] ?[0-9]{1,3} (day|week)s?)?)$"
"""Such a day as a JSON Schema says it."""

_DATE = re.compile(r"2[01][0-9]{2}-[0-9]{2}-[0-9]{2}", re.ASCII)
_IN_CYCLE = re.compile(r"cycle (start|end)(?: ?([+-]) ?([0-9]{1,3}) (day|week)s?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class CycleDays:
    """The first and the last day of a key result's cycle, and the time zone of its team."""

    first: date
    last: date
    zone: tzinfo

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.first} to {self.last} in {self.zone}"


@dataclass(frozen=True, slots=True)
class DayInCycle:
    """A day that counts from the first or the last day of a cycle."""

    from_end: bool
    days: int

    def of(self, cycle: CycleDays) -> date:
        """Return the day in a cycle."""
        return (cycle.last if self.from_end else cycle.first) + timedelta(days=self.days)


def parse_day(written: object) -> date | DayInCycle:
    """Return a day as it is written in a condition. Raise `ValueError` when it is none."""
    if isinstance(written, str) and _DATE.fullmatch(written.strip()):
        return date.fromisoformat(written.strip())
    found = _IN_CYCLE.fullmatch(" ".join(written.lower().split())) if isinstance(written, str) else None
    if found is None:
        raise ValueError("not a day")
    edge, sign, count, unit = found.groups()
    days = int(count or 0) * (7 if unit == "week" else 1)
    return DayInCycle(edge == "end", -days if sign == "-" else days)


def is_in_cycle(written: object) -> bool:
    """Return whether a value of a condition is a day that counts from the cycle."""
    return isinstance(written, str) and written.strip().lower().startswith("cycle ")


def day_test(operator: str, written: object, cycle: CycleDays) -> Callable[[date | datetime], bool]:
    """Return the test of a day, or of the day of a time in the zone of the cycle. Raise `ValueError` for no day."""
    parsed = parse_day(written)
    day, zone = parsed.of(cycle) if isinstance(parsed, DayInCycle) else parsed, cycle.zone
    if operator == "before":
        return lambda found: _day_of(found, zone) < day
    if operator == "after":
        return lambda found: _day_of(found, zone) > day
    return lambda found: _day_of(found, zone) == day


def _day_of(found: date | datetime, zone: tzinfo) -> date:
    return found.astimezone(zone).date() if isinstance(found, datetime) else found
