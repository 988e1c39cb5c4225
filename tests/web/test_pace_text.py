"""Status and expected progress in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync_service.domain.measures.applying.applied import NOTHING
from sync_service.domain.measures.status import DEFAULT_THRESHOLDS, Span, Status, Thresholds
from sync_service.store.views.key_results import KeyResultView
from sync_service.web.pages.pace_text import day_of_cycle, status_reason

SPAN = Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
HALF = SPAN.starts_at + timedelta(days=46)
VIEW = KeyResultView(
    id=1,
    slug="KR-1",
    title="Ship it",
    owner=None,
    owner_name=None,
    objective="o",
    objective_title="O",
    objective_owner=None,
    cycle="c",
    weight=1.0,
    measure={"kind": "done-share"},
    start=0.0,
    stay=None,
    target=100.0,
    unit="%",
    current=60.0,
    computed=60.0,
    applied=NOTHING,
    progress=0.6,
    status=Status.ON_TRACK,
    thresholds=DEFAULT_THRESHOLDS,
    outcome=None,
    rolls_up=True,
    span=SPAN,
    expected=0.5,
    stale=None,
    frozen=None,
    updated_at=None,
    explanation="",
)


@pytest.mark.parametrize(
    ("view", "expected_text"),
    [
        (VIEW, "60\u202f% done on day 47 of 92, 50\u202f% expected: not behind."),
        (replace(VIEW, progress=0.49, status=Status.ON_TRACK), "1 percentage point behind."),
        (replace(VIEW, progress=0.2, status=Status.BEHIND), "30 percentage points behind."),
        (replace(VIEW, progress=0.2, thresholds=Thresholds(3, 7)), "by more than 3 is “at risk”, by more than 7"),
        (replace(VIEW, progress=1.0), "nothing is done: issues were dropped"),
        (replace(VIEW, status=Status.NOT_STARTED), "has not started yet"),
        (replace(VIEW, progress=None, status=Status.NO_DATA), "There is no data yet"),
        (replace(VIEW, progress=1.2, status=Status.COMPLETED), "The target is reached."),
        (replace(VIEW, status=Status.PARTIAL), "Some watched issues are not imported yet"),
        (replace(VIEW, status=Status.CLOSED), "The cycle is over"),
    ],
)
def test_every_status_has_a_reason(view: KeyResultView, expected_text: str) -> None:
    """Readers need not know the rules."""
    assert expected_text in status_reason(view, HALF)


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (SPAN.starts_at - timedelta(days=5), 0),
        (SPAN.starts_at, 1),
        (SPAN.ends_at - timedelta(seconds=1), 92),
        (SPAN.ends_at + timedelta(days=9), 92),
    ],
)
def test_the_day_of_the_cycle_never_exceeds_the_cycle(at: datetime, day: int) -> None:
    """Day 1 is the first, day 92 the last; before the cycle it is 0."""
    assert day_of_cycle(SPAN, at) == (day, 92)


@pytest.mark.parametrize(
    ("status", "progress", "clause"),
    [
        (Status.ON_TRACK, 0.45, "on track (at most 10 points below the expected 50\u202f%)"),
        (Status.AT_RISK, 0.3, "at risk (more than 10 points below the expected 50\u202f%)"),
        (Status.BEHIND, 0.2, "behind (more than 25 points below the expected 50\u202f%)"),
        (Status.COMPLETED, 1.0, "completed"),
        (Status.ON_TRACK, 1.0, "on track"),
    ],
)
def test_a_status_is_shown_with_the_threshold_that_decided_it(status: Status, progress: float, clause: str) -> None:
    """Where no threshold decided it, there is none."""
    assert replace(VIEW, status=status, progress=progress).status_text == clause
