"""How pages say numbers, times and shares, so that the same thing reads the same everywhere."""

from datetime import UTC, datetime, timedelta, tzinfo

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 7 * 86400
NARROW_SPACE = "\u202f"


def number(value: float) -> str:
    """Write a number with at most two decimals, thousands apart: `1 234.5`."""
    rounded = round(value, 2) + 0.0  # no minus before a zero
    digits = f"{rounded:,.2f}".rstrip("0").rstrip(".")
    return digits.replace(",", NARROW_SPACE).replace("-", "\u2212")


def amount(value: float | None, unit: str = "") -> str:
    """Write a value in its unit: `37.5 %`, `12 bugs`, `no data`."""
    if value is None:
        return "no data"
    return f"{number(value)}{NARROW_SPACE}{unit}" if unit else number(value)


def percent(share: float | None) -> str:
    """Write a fraction as a whole percentage: `37 %`. It never rounds up to 100 % what is not finished."""
    if share is None:
        return "no data"
    whole = round(100 * share)
    if whole == 100 and share < 1:
        whole = 99
    return f"{number(whole)}{NARROW_SPACE}%"


def counted(count: int, one: str, many: str | None = None) -> str:
    """Write a count with its noun: `1 issue`, `3 issues`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def ago(at: datetime, now: datetime) -> str:
    """Say how far a moment is from now: `just now`, `5 min ago`, `in 3 h`, `4 days ago`, `12 Oct 2026`."""
    seconds = (now - at).total_seconds()
    size = abs(seconds)
    if size < MINUTE:
        return "just now" if seconds >= 0 else "in a moment"
    if size < HOUR:
        said = f"{size // MINUTE:.0f} min"
    elif size < DAY:
        said = f"{size // HOUR:.0f} h"
    elif size < 4 * WEEK:
        said = counted(int(size // DAY), "day")
    else:
        return f"{at.day} {at:%b %Y}"
    return f"{said} ago" if seconds >= 0 else f"in {said}"


def exact(at: datetime, zone: tzinfo = UTC) -> str:
    """Write a moment in full in a time zone: `Mon 12 Oct 2026, 14:03:22 CEST`."""
    there = at.astimezone(zone)
    return f"{there:%a} {there.day} {there:%b %Y, %H:%M:%S %Z}"


def duration(length: timedelta) -> str:
    """Say how long something takes, in its largest unit: `3 s`, `5 min`, `2 h`, `4 days`."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min"
    return f"{seconds // HOUR:.0f} h" if seconds < DAY else counted(int(seconds // DAY), "day")


def sentence(words: str) -> str:
    """Make a sentence of words: a capital first, a full stop last."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
