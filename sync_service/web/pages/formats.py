"""Format dates and durations for pages; numbers, counts, amounts and percentages are in `domain/text`."""

from datetime import UTC, date, datetime, timedelta, tzinfo

from sync_service.domain.text import counted

MINUTE, HOUR, DAY, WEEK = 60, 3600, 86400, 7 * 86400


def bar_length(share: float | None) -> float:
    """Return the length of a progress bar in percent, 0…100, to two decimals. Only the whole is 100."""
    if share is None or share <= 0:
        return 0.0
    return 100.0 if share >= 1 else min(round(100 * share, 2), 99.99)


def ago(at: datetime, now: datetime, zone: tzinfo = UTC) -> str:
    """Format a moment relative to now: `just now`, `5 min ago`, `in 3 h`, `4 days ago`, `12 Oct 2026` in a zone."""
    seconds = (now - at).total_seconds()
    size = abs(seconds)
    if size < MINUTE:
        return "just now" if seconds >= 0 else "in a moment"
    if size < HOUR:
        text = f"{size // MINUTE:.0f} min"
    elif size < DAY:
        text = f"{size // HOUR:.0f} h"
    elif size < 4 * WEEK:
        text = counted(int(size // DAY), "day")
    else:
        local = at.astimezone(zone)
        return f"{local.day} {local:%b %Y}"
    return f"{text} ago" if seconds >= 0 else f"in {text}"


def exact(at: datetime, zone: tzinfo = UTC) -> str:
    """Format a moment in full in a time zone: `Mon 12 Oct 2026, 14:03:22 CEST`."""
    local = at.astimezone(zone)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M:%S %Z}"


def day(on: date) -> str:
    """Format a day: `12 Oct 2026`."""
    return f"{on.day} {on:%b %Y}"


def duration(length: timedelta) -> str:
    """Format a duration in its largest unit: `3 s`, `5 min`, `2 h`, `4 days`."""
    seconds = max(length.total_seconds(), 0.0)
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min"
    return f"{seconds // HOUR:.0f} h" if seconds < DAY else counted(int(seconds // DAY), "day")
