"""How pages say numbers, times and shares."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sync_service.domain.text import sentence
from sync_service.domain.trackers.causes import Cause
from sync_service.web.pages import formats
from sync_service.web.pages.template_globals import moved_by, web_address
from tests.support.services import NOW


@pytest.mark.parametrize(
    ("before", "said"),
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
def test_a_time_is_told_from_now(before: timedelta, said: str) -> None:
    """Old ones by their date."""
    assert formats.ago(NOW - before, NOW) == said


def test_an_exact_time_is_told_where_the_reader_is() -> None:
    """With the zone's name."""
    at = datetime(2026, 11, 10, 9, 30, tzinfo=UTC)
    assert formats.exact(at, ZoneInfo("Europe/Madrid")) == "Tue 10 Nov 2026, 10:30:00 CET"


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(seconds=3), "3 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=2), "2 h"),
        (timedelta(days=1), "1 day"),
        (timedelta(seconds=-4), "0 s"),
    ],
)
def test_a_duration_is_told_in_its_largest_unit(length: timedelta, said: str) -> None:
    """One is enough."""
    assert formats.duration(length) == said


def test_a_sentence_begins_and_ends_as_one() -> None:
    """What ends well stays."""
    assert sentence("no issue is linked") == "No issue is linked."
    assert sentence("Done!") == "Done!"


@pytest.mark.parametrize(
    ("causes", "said"),
    [
        ([], "settings or the calendar"),
        ([Cause(what="closed as done", issue="SHOP-7", actor="Ana")], "SHOP-7 closed as done"),
        ([Cause(what="checked in", actor="Ana Ruiz")], "checked in by Ana Ruiz"),
        ([Cause(what="opened", issue="SHOP-7")] * 4, "SHOP-7 opened, and 3 more"),
    ],
)
def test_what_moved_a_value_is_told_in_half_a_sentence(causes: list[Cause], said: str) -> None:
    """The first cause stands for all."""
    assert moved_by(causes) == said


@pytest.mark.parametrize("given", [None, "", "javascript:alert(1)", "data:text/html,x", "//example.com", "/local"])
def test_only_an_address_of_the_web_becomes_a_link(given: str | None) -> None:
    """Whatever a tracker says."""
    assert web_address(given) is None
    assert web_address("https://example.com/1") == "https://example.com/1"
