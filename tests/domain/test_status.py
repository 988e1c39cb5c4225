"""Status: compare progress with the elapsed time of the cycle."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_service.domain.measures.status import GRACE, Span, Status, status

START = datetime(2026, 10, 1, tzinfo=UTC)
SPAN = Span(START, START + timedelta(days=100))


@pytest.mark.parametrize(
    ("day", "progress", "expected"),
    [
        (0, 0.0, Status.ON_TRACK),
        (-5, 0.0, Status.ON_TRACK),
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
    assert status(progress, span=SPAN, now=START + timedelta(days=day), partial=False) is expected


def test_a_partial_value_has_no_other_status() -> None:
    """Not even completed, because part of the issues is not imported yet."""
    assert status(1.0, span=SPAN, now=START, partial=True) is Status.PARTIAL


def test_a_cycle_closes_after_its_grace_period() -> None:
    """It does not close a moment earlier."""
    closing = SPAN.ends_at + GRACE
    assert status(0.5, span=SPAN, now=closing, partial=False) is Status.CLOSED
    assert status(0.5, span=SPAN, now=closing - timedelta(seconds=1), partial=False) is not Status.CLOSED
