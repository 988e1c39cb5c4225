"""Working calendars from settings: holidays of countries, working days, and errors that name the nearest value."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sync_service.domain.measures.calendar import Calendar
from sync_service.progress.calendars import YEARS, CalendarError, build_calendar

MADRID = ZoneInfo("Europe/Madrid")


def noon(month: int, day: int) -> datetime:
    """Return noon of a day in 2026."""
    return datetime(2026, month, day, 12, tzinfo=UTC)


def test_without_settings_there_are_no_holidays() -> None:
    """Monday to Friday, also at Christmas."""
    assert build_calendar(None, MADRID) == build_calendar({}, MADRID) == Calendar(MADRID)
    assert build_calendar(None, MADRID).duration(noon(12, 24), noon(12, 28), "working") == 3


def test_holidays_of_the_country_are_no_working_days() -> None:
    """Christmas 2026 is a Friday."""
    calendar = build_calendar({"country": "ES"}, MADRID)
    assert calendar.zone == MADRID
    assert calendar.duration(noon(12, 24), noon(12, 28), "working") == 2


def test_a_subdivision_has_holidays_of_its_own() -> None:
    """The day of the Community of Madrid is the second of May, which is a Saturday in 2026, but a Tuesday in 2028."""
    day = date(2028, 5, 2)
    assert day in build_calendar({"country": "ES", "subdivision": "MD"}, MADRID).holidays
    assert day not in build_calendar({"country": "ES"}, MADRID).holidays


def test_working_days_are_those_of_the_settings() -> None:
    """Sunday to Thursday."""
    calendar = build_calendar({"days": ["sun", "mon", "tue", "wed", "thu"]}, MADRID)
    assert calendar.working_days == {6, 0, 1, 2, 3}
    assert calendar.duration(noon(10, 1), noon(10, 4), "working") == 2  # Thursday and Sunday


def test_holidays_are_known_for_a_bounded_number_of_years() -> None:
    """From the first to the last of them."""
    years = {day.year for day in build_calendar({"country": "US"}, MADRID).holidays}
    assert set(YEARS) <= years
    assert len(YEARS) == 51


@pytest.mark.parametrize(
    ("settings", "field", "allowed"),
    [
        ({"country": "EX"}, "country", "did you mean E"),
        ({"country": "ESP"}, "country", "did you mean ES?"),
        ({"country": 34}, "country", "two letters"),
        ({"country": False}, "country", 'did you mean "NO", in quotes?'),
        ({"country": "ES", "subdivision": "MDD"}, "subdivision", "did you mean MD?"),
        ({"country": "ES", "subdivision": ["MD"]}, "subdivision", "one of AN"),
        ({"subdivision": "MD"}, "subdivision", "beside its country"),
        ({"days": []}, "days", "at least one of mon"),
        ({"days": "mon"}, "days", "a list"),
        ({"days": ["mon", "tues"]}, "days", "did you mean tue?"),
        ({"days": ["mon", "mon"]}, "days", "each day once"),
        ({"contry": "ES"}, "contry", "did you mean country?"),
    ],
)
def test_an_invalid_calendar_names_what_is_allowed(settings: dict[str, Any], field: str, allowed: str) -> None:
    """With the nearest value."""
    with pytest.raises(CalendarError) as raised:
        build_calendar(settings, MADRID)
    assert raised.value.field == field
    assert allowed in raised.value.allowed
