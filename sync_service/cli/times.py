"""Times as people type them after an option: a day, a moment, or how long ago."""

import re
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import click

_AGO = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(written: str, now: datetime, zone: ZoneInfo, *, option: str = "--since") -> datetime:
    """Parse a time; one without an offset is in the organisation's time zone."""
    ago = _AGO.fullmatch(written)
    if ago:
        return now - timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
    try:
        found = datetime.fromisoformat(written)
    except ValueError as error:
        raise click.UsageError(
            f"{option} {written!r} is not a time: write 2026-10-01T12:00, or 90m, 24h, 7d"
        ) from error
    return found if found.tzinfo else found.replace(tzinfo=zone)


def end_of(written: str, now: datetime, zone: ZoneInfo, *, option: str) -> datetime:
    """Parse a time; a day alone is its last moment."""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return moment(written, now, zone, option=option)
    return datetime.combine(day, time.max, tzinfo=zone)
