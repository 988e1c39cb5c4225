"""The demo's expected values, statuses and mails."""

from datetime import UTC, date, datetime

import pytest

from simulator.demo.company import KEY_RESULTS
from simulator.demo.expectations import Cycle, KeyResult, TrackedIssue, ValueChange, status


def work(state: str, points: float | None = None) -> TrackedIssue:
    """Create an issue that counts."""
    return TrackedIssue(key="ONE-1", scope="ONE", type="Story", state=state, labels=frozenset(), points=points)


def key_result(start: float = 0, target: float = 100, **measure: object) -> KeyResult:
    """Create a key result that counts everything."""
    return KeyResult(
        slug="KR",
        title="",
        objective="",
        owner="",
        measure=measure,
        counts=lambda _work: True,
        start=start,
        target=target,
    )


@pytest.mark.parametrize(
    ("day", "starts", "ends", "slug", "name"),
    [
        (date(2026, 11, 23), date(2026, 9, 21), date(2026, 12, 20), "2026-w39", "Weeks 39 to 51, 2026"),
        (date(2026, 11, 29), date(2026, 9, 21), date(2026, 12, 20), "2026-w39", "Weeks 39 to 51, 2026"),
        (date(2027, 1, 1), date(2026, 10, 26), date(2027, 1, 24), "2026-w44", "Weeks 44 to 3, 2027"),
        (date(2028, 2, 29), date(2027, 12, 27), date(2028, 3, 26), "2027-w52", "Weeks 52 to 12, 2028"),
    ],
)
def test_nine_weeks_of_the_cycle_are_over(day: date, starts: date, ends: date, slug: str, name: str) -> None:
    """Whatever the day: the demo always has a past, and four weeks to come."""
    cycle = Cycle.around(day)
    assert (cycle.starts, cycle.ends, cycle.slug, cycle.name) == (starts, ends, slug, name)
    assert cycle.elapsed(datetime(starts.year, starts.month, starts.day, tzinfo=UTC)) == 0
    assert 9 / 13 <= cycle.elapsed(datetime(day.year, day.month, day.day, tzinfo=UTC)) < 10 / 13


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        (key_result(kind="done-share"), 50),
        (key_result(kind="done-share", weight="points", unestimated=1), 75),
        (key_result(kind="done-count", start=2, target=9), 3),
        (key_result(kind="open-count", start=5, target=1), 1),
    ],
)
def test_values_leave_dropped_work_out(measured: KeyResult, expected: float) -> None:
    """One issue is done, one open and without an estimate, one dropped."""
    assert measured.value([work("done", 3), work("open"), work("dropped", 8)], None) == expected


@pytest.mark.parametrize("kind", ["done-share", "done-count", "open-count"])
def test_without_issues_there_is_no_value(kind: str) -> None:
    """No data is neither 0 % nor 100 %."""
    assert key_result(kind=kind).value([], None) is None
    assert key_result(kind="done-share").value([work("dropped")], None) is None


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(None, "no_data"), (0.24, "behind"), (0.3, "at_risk"), (0.45, "on_track"), (1.0, "completed")],
)
def test_status_at_half_time(progress: float | None, expected: str) -> None:
    """More than a quarter behind is behind, more than a tenth at risk."""
    assert status(progress, 0.5) == expected


@pytest.mark.parametrize(
    ("before", "after", "reopened", "mail"),
    [
        (80, 100, False, "completed"),
        (None, 100, False, "completed"),
        (None, 10, False, None),
        (100, 80, False, "fell back"),
        (80, 70, True, "fell back"),
        (80, 70, False, None),
        (50, 20, True, "fell back"),
        (50, 20, False, "changed"),
        (20, 60, False, "changed"),
        (60, None, False, "changed"),
    ],
)
def test_what_is_worth_a_mail_at_half_time(
    before: float | None, after: float | None, *, reopened: bool, mail: str | None
) -> None:
    """For completed, fell back, or a changed status; nothing else."""
    assert ValueChange(key_result(kind="done-share"), before, after).mail(0.5, reopened=reopened) == mail


def test_the_example_names_each_key_result_once_and_each_has_an_owner() -> None:
    """The scenario and the files have the same seven."""
    assert [one.slug for one in KEY_RESULTS] == [f"KR-{number}" for number in range(1, 8)]
    assert all(one.owner.endswith("@example.com") for one in KEY_RESULTS)
