"""Status: compare progress with the elapsed time of the cycle."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.measures.status import Pace, Span, Status, Thresholds, proposed_outcome, status

START = datetime(2026, 10, 1, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=100))
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("day", "progress", "expected"),
    [
        (0, 0.0, Status.ON_TRACK),
        (-5, 0.0, Status.NOT_STARTED),
        (-5, 1.0, Status.NOT_STARTED),
        (50, 0.5, Status.ON_TRACK),
        (50, 0.4, Status.ON_TRACK),
        (50, 0.39, Status.AT_RISK),
        (50, 0.25, Status.AT_RISK),
        (50, 0.24, Status.BEHIND),
        (50, -0.2, Status.BEHIND),
        (50, 1.0, Status.COMPLETED),
        (5, 1.3, Status.COMPLETED),
        (50, None, Status.NO_DATA),
        (101, 0.99, Status.ON_TRACK),
        (101, 0.2, Status.BEHIND),
    ],
)
def test_status_compares_progress_with_the_elapsed_share(day: int, progress: float | None, expected: Status) -> None:
    """A tenth less is at risk, a quarter less is behind."""
    assert status(progress, Pace(span=SPAN, now=START + timedelta(days=day))) is expected


def test_a_partial_value_has_no_other_status() -> None:
    """Not even completed, because part of the issues is not imported yet."""
    assert status(1.0, Pace(span=SPAN, now=START, partial=True)) is Status.PARTIAL


def test_a_cycle_closes_after_the_grace_days_of_the_organisation() -> None:
    """It does not close a moment earlier."""
    closing = SPAN.ends_at + timedelta(days=5)
    assert SPAN.frozen(closing, 5)
    assert not SPAN.frozen(closing - timedelta(seconds=1), 5)
    assert status(0.5, Pace(span=SPAN, now=closing, closed=True, partial=True)) is Status.CLOSED


def test_thresholds_are_percentage_points_below_the_expected_progress() -> None:
    """Exactly that many points below is not more than that many."""
    thresholds = Thresholds(at_risk=5, behind=7)
    found = [
        status(progress, Pace(span=SPAN, now=START + timedelta(days=50), thresholds=thresholds))
        for progress in (0.45, 0.4499, 0.43, 0.4299)
    ]
    assert found == [Status.ON_TRACK, Status.AT_RISK, Status.AT_RISK, Status.BEHIND]


@pytest.mark.parametrize(
    ("progress", "days_outside", "expected"),
    [(1.0, 0, Status.ON_TRACK), (0.0, 1, Status.AT_RISK), (0.0, 7, Status.AT_RISK), (0.0, 8, Status.BEHIND)],
)
def test_a_value_out_of_its_range_is_behind_after_a_week(progress: float, days_outside: int, expected: Status) -> None:
    """Inside it is on track, never completed."""
    pace = Pace(span=SPAN, now=START + timedelta(days=50), stays=True, days_outside=days_outside)
    assert status(progress, pace) is expected


def test_a_target_reached_by_dropping_alone_is_not_completed() -> None:
    """Nothing was done."""
    assert status(1.0, Pace(span=SPAN, now=START, only_dropped=True)) is Status.ON_TRACK


def test_a_proposed_outcome_is_achieved_from_the_target_on() -> None:
    """Without data nothing is proposed."""
    assert [proposed_outcome(one) for one in (1.2, 1.0, 0.999999, None)] == ["achieved", "achieved", "missed", None]


def slow_status(progress: Fraction | None, pace: Pace) -> str:
    """Return the status by the table of the documentation, with exact fractions."""
    elapsed = Fraction((pace.now - pace.span.starts_at) // MINUTE, (pace.span.ends_at - pace.span.starts_at) // MINUTE)
    gap = 100 * (min(max(elapsed, Fraction(0)), Fraction(1)) - (progress or 0))
    rows = [
        ("closed", pace.closed),
        ("not_started", pace.now < pace.span.starts_at),
        ("partial", pace.partial),
        ("no_data", progress is None),
        ("on_track", pace.stays and progress == 1),
        ("behind", pace.stays and pace.days_outside >= 8),
        ("at_risk", pace.stays),
        ("on_track", progress is not None and progress >= 1 and pace.only_dropped),
        ("completed", progress is not None and progress >= 1),
        ("behind", gap > Fraction(pace.thresholds.behind)),
        ("at_risk", gap > Fraction(pace.thresholds.at_risk)),
        ("on_track", True),
    ]
    return next(name for name, holds in rows if holds)


FLAGS = st.fixed_dictionaries(
    {name: st.booleans() for name in ("partial", "closed", "only_dropped", "stays")}
    | {"days_outside": st.integers(0, 9)}
)


@given(
    days=st.integers(1, 400),
    minute=st.integers(-500_000, 700_000),
    percents=st.none() | st.integers(-50, 150),
    thresholds=st.sampled_from([Thresholds(), Thresholds(5, 7), Thresholds(0, 100)]),
    flags=FLAGS,
)
def test_a_status_is_the_first_row_of_the_table_that_holds(
    days: int, minute: int, percents: int | None, thresholds: Thresholds, flags: dict[str, Any]
) -> None:
    """At any minute of cycles of any length, before and after them too."""
    if flags["stays"] and percents is not None:
        percents = 100 if percents >= 50 else 0
    pace = Pace(
        span=Span(START, START + timedelta(days=days)), now=START + minute * MINUTE, thresholds=thresholds, **flags
    )
    progress = None if percents is None else percents / 100
    exact = None if percents is None else Fraction(percents, 100)
    assert status(progress, pace).value == slow_status(exact, pace)
