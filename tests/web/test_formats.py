"""Numbers, times and shares as pages show them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sync_service.domain.text import sentence
from sync_service.domain.trackers.causes import Cause
from sync_service.web.pages import formats
from sync_service.web.pages.template_globals import moved_by, web_address
from tests.support.services import NOW


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (timedelta(seconds=3), "just now"),
        (timedelta(seconds=-3), "in a moment"),
        (timedelta(minutes=5, seconds=59), "5 min ago"),
        (timedelta(hours=3), "3 h ago"),
        (timedelta(days=1), "1 day ago"),
        (timedelta(days=9), "9 days ago"),
        (timedelta(hours=-2), "in 2 h"),
        (timedelta(days=40), "1 Oct 2026"),
    ],
)
def test_a_time_is_shown_relative_to_now(before: timedelta, expected: str) -> None:
    """An old time is shown as a date."""
    assert formats.ago(NOW - before, NOW) == expected


def test_an_old_time_is_shown_as_the_date_in_the_zone_of_the_reader() -> None:
    """As the exact time beside it is."""
    at = datetime(2026, 9, 30, 23, 30, tzinfo=UTC)
    assert formats.ago(at, NOW, ZoneInfo("Europe/Madrid")) == "1 Oct 2026"


def test_an_exact_time_is_in_the_zone_of_the_reader() -> None:
    """It has the name of the zone."""
    at = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)
    assert formats.exact(at, ZoneInfo("Europe/Madrid")) == "Tue 10 Nov 2026, 10:30:00 CET"


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(seconds=3), "3 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=1), "1 day"),
        (timedelta(seconds=-4), "0 s"),
    ],
)
def test_a_duration_is_shown_in_its_largest_unit(length: timedelta, expected: str) -> None:
    """One unit is exact enough."""
    assert formats.duration(length) == expected


def test_a_sentence_begins_with_a_capital_and_ends_with_a_full_stop() -> None:
    """Other final punctuation stays."""
    assert sentence("no issue is linked") == "No issue is linked."
    assert sentence("Done!") == "Done!"


@pytest.mark.parametrize(
    ("causes", "expected"),
    [
        ([], "settings or the calendar"),
        ([Cause(what="closed as done", issue="SHOP-7", actor="Ana")], "SHOP-7 closed as done"),
        ([Cause(what="checked in", actor="Ana Ruiz")], "checked in by Ana Ruiz"),
        ([Cause(what="opened", issue="SHOP-7")] * 4, "SHOP-7 opened, and 3 more"),
    ],
)
def test_the_causes_of_a_change_are_summarised(causes: list[Cause], expected: str) -> None:
    """The summary has the first cause and the number of the others."""
    assert moved_by(causes) == expected


@pytest.mark.parametrize("given", [None, "", "javascript:alert(1)", "data:text/html,x", "//example.com", "/local"])
def test_only_http_addresses_become_links(given: str | None) -> None:
    """A tracker may send any text as a URL."""
    assert web_address(given) is None
    assert web_address("https://example.com/1") == "https://example.com/1"
