"""Times as JQL writes them: literals, moments relative to now, and functions like `startOfWeek(-1)`.

https://support.atlassian.com/jira-software-cloud/docs/jql-functions/
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from simulator.jira.query.jql import Function, JqlError, Operand, Value

_RELATIVE = re.compile(r"([+-]?)(\d+)([mhdw])")
_STEPS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_WRITTEN = ("%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d", "%Y/%m/%d")
_NATURAL = {"day": "d", "week": "w"}
_UNTIL_END = timedelta(milliseconds=1)

FUNCTIONS = frozenset({"now", "startofday", "endofday", "startofweek", "endofweek"})
"""Functions that give a time, in lower case."""


def moment_of(operand: Operand, now: datetime) -> datetime:
    """Read a time: bare digits are milliseconds, other literals are to the minute, in the caller's zone (UTC)."""
    if isinstance(operand, Function):
        return _called(operand, now)
    text = operand.text if isinstance(operand, Value) else ""
    if text.isdigit():
        return datetime.fromtimestamp(int(text) / 1000, UTC)
    if _RELATIVE.fullmatch(text):
        return now + _step(text)
    for form in _WRITTEN:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise JqlError(f"Date value '{text}' is invalid. Valid formats include: 'yyyy-MM-dd HH:mm', '-5d'.")


def _called(function: Function, now: datetime) -> datetime:
    """Evaluate a function; an argument shifts it, by the function's unit without one. Weeks begin on Monday."""
    name = function.name.lower()
    if name not in FUNCTIONS:
        raise JqlError(f"Unable to find JQL function '{function.name}()'.")
    if name == "now":
        return now
    unit = "week" if name.endswith("week") else "day"
    start = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        start -= timedelta(days=start.weekday())
    for argument in function.arguments:
        written = f"{argument}{_NATURAL[unit]}" if argument.lstrip("+-").isdigit() else argument
        if not _RELATIVE.fullmatch(written):
            raise JqlError(f"Duration for function '{function.name}' should have the format (+/-)n(yMwdm).")
        start += _step(written)
    return start if name.startswith("start") else start + _STEPS[_NATURAL[unit]] - _UNTIL_END


def _step(text: str) -> timedelta:
    relative = _RELATIVE.fullmatch(text)
    assert relative is not None
    step = int(relative[2]) * _STEPS[relative[3]]
    return -step if relative[1] == "-" else step
