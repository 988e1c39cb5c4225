"""Status: compare progress with the elapsed time of the cycle."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_service.domain.measures.status import Pace, Span, Status, Thresholds, proposed_outcome, status

START = datetime(2026, 10, 1, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=100))


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
