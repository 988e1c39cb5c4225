"""Working calendars of teams, from their settings: a country's public holidays and the days of the week."""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import holidays

from sync_service.domain.measures.calendar import MONDAY_TO_FRIDAY, Calendar
from sync_service.domain.text import did_you_mean

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""The days of the week in order, as they are written."""

YEARS = range(2000, 2051)
"""The years whose holidays are known."""

SETTINGS = ("country", "subdivision", "days")


class CalendarError(ValueError):
    """A calendar that cannot be used. `field` names the setting."""

    def __init__(self, field: str, found: object, allowed: str) -> None:
        self.field, self.found, self.allowed = field, found, allowed
        super().__init__(f"calendar.{field}: found {found!r}, allowed is {allowed}")


def build_calendar(settings: Mapping[str, Any] | None, zone: ZoneInfo) -> Calendar:
    """Return the calendar of `{country, subdivision, days}`. Raise `CalendarError` when a setting is invalid.

    Without a country there are no holidays; without days, the working days are Monday to Friday.
    """
    given = settings or {}
    for name in given:
        if name not in SETTINGS:
            raise CalendarError(str(name), given[name], ", ".join(SETTINGS) + did_you_mean(name, SETTINGS))
    days = _working_days(given.get("days"))
    country, subdivision = given.get("country"), given.get("subdivision")
    if country is None and subdivision is not None:
        raise CalendarError("subdivision", subdivision, "a subdivision beside its country")
    return Calendar(zone, days, frozenset() if country is None else _holidays_of(country, subdivision))


def _working_days(days: Any) -> frozenset[int]:
    if days is None:
        return MONDAY_TO_FRIDAY
    if not isinstance(days, list | tuple) or not days:
        raise CalendarError("days", days, "a list of at least one of " + ", ".join(WEEKDAYS))
    for index, day in enumerate(days):
        if day not in WEEKDAYS:
            raise CalendarError("days", day, "one of " + ", ".join(WEEKDAYS) + did_you_mean(day, WEEKDAYS))
        if day in days[:index]:
            raise CalendarError("days", day, "each day once")
    return frozenset(WEEKDAYS.index(day) for day in days)


def _holidays_of(country: Any, subdivision: Any) -> frozenset[date]:
    known = _countries()
    if country is False:  # as YAML reads it
        raise CalendarError("country", country, 'a country\'s code of two letters; did you mean "NO", in quotes?')
    if not isinstance(country, str) or country not in known:
        allowed = "a country's code of two letters (ISO 3166)" + _nearest(country, list(known))
        raise CalendarError("country", country, allowed)
    if subdivision is not None and (not isinstance(subdivision, str) or subdivision not in known[country]):
        words = ", ".join(known[country])
        allowed = f"one of {words}{_nearest(subdivision, known[country])}" if words else f"none for {country}"
        raise CalendarError("subdivision", subdivision, allowed)
    return _public_holidays(country, subdivision)


def _nearest(found: object, known: Sequence[str]) -> str:
    """Return a suggestion: the similar code, or else the first that begins with the same letter."""
    alike = did_you_mean(found, known)
    same_initial = [one for one in known if str(found)[:1].upper() == one[:1]]
    return alike or (f"; did you mean {same_initial[0]}?" if same_initial else "")


@cache
def _countries() -> Mapping[str, Sequence[str]]:
    """Return the countries whose holidays are known, each with its subdivisions."""
    return holidays.list_supported_countries(include_aliases=False)


@cache
def _public_holidays(country: str, subdivision: str | None) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=YEARS))
