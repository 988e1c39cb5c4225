"""The cache of lines: one computation for each version, and a bounded number of lines."""

from datetime import date

import pytest

from sync_service.domain.measures.line import DayValue, Source
from sync_service.progress.lines import line_cache
from sync_service.progress.lines.line_cache import LineCache


def line_of(value: float) -> list[DayValue]:
    """Return a line of one day."""
    return [DayValue(date(2026, 10, 1), value, 1, 0, Source.SEEN)]


def never() -> list[DayValue]:
    """Fail: the line is not to be computed."""
    raise AssertionError


def test_a_line_is_computed_once_for_each_version() -> None:
    """Another version, and another key result, are computed anew."""
    cache = LineCache()
    assert cache.line(1, "a", lambda: line_of(1)) == cache.line(1, "a", never) == line_of(1)
    assert cache.line(1, "b", lambda: line_of(2)) == line_of(2)
    assert cache.line(2, "b", lambda: line_of(3)) == line_of(3)
    assert cache.line(1, "b", never) == line_of(2)


def test_the_line_that_was_not_used_for_longest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of three lines, two are kept."""
    monkeypatch.setattr(line_cache, "MOST_LINES", 2)
    cache = LineCache()
    for key_result_id in (1, 2, 1, 3):
        cache.line(key_result_id, "a", lambda: line_of(1))
    assert cache.line(1, "a", never) == cache.line(3, "a", never)
    assert cache.line(2, "a", lambda: line_of(2)) == line_of(2)


def test_callers_cannot_change_what_is_kept() -> None:
    """Each gets a list of its own."""
    cache = LineCache()
    cache.line(1, "a", lambda: line_of(1)).clear()
    assert cache.line(1, "a", never) == line_of(1)
