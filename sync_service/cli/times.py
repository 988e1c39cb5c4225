"""Times as people type them after an option: a day, a moment, or how long ago or from now."""

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import click

_LENGTH = re.compile(r"(?P<number>[0-9]{1,6})(?P<unit>[smhd])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def moment(written: str, now: datetime, zone: ZoneInfo, *, option: str = "--since") -> datetime:
    """Parse a time; one without an offset is in the time zone. Raise `UsageError` for anything else."""
    ago = _length(written)
    try:
        if ago is not None:
            return now - ago
        found = datetime.fromisoformat(written)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the latter for years before 1 and after 9999
        raise click.UsageError(
            f"{option} {written!r} is not a time: write 2026-10-01T12:00, or 90m, 24h, 7d"
        ) from error


def ahead(written: str, now: datetime, zone: ZoneInfo, *, option: str) -> datetime:
    """Parse a time to come: a day (it ends at its midnight), a moment, or how long from now. Raise `UsageError`."""
    length = _length(written)
    if length is not None:
        return now + length
    try:
        day = date.fromisoformat(written) + timedelta(days=1)
    except (ValueError, OverflowError):
        return moment(written, now, zone, option=option)
    return datetime.combine(day, time(), tzinfo=zone)


def _length(written: str) -> timedelta | None:
    found = _LENGTH.fullmatch(written)
    return timedelta(**{_UNITS[found["unit"]]: int(found["number"])}) if found else None


def end_of(written: str, now: datetime, zone: ZoneInfo, *, option: str) -> datetime:
    """Parse a past time; a day alone is its last moment. Raise `UsageError`."""
    try:
        day = date.fromisoformat(written)
    except ValueError:
        return moment(written, now, zone, option=option)
    return datetime.combine(day, time.max, tzinfo=zone)
