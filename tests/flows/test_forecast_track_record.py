"""The track record that is shown equals what came of the forecasts that were shown, week after week."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from sync_service.domain.forecasts.track_record import TrackRecord
from sync_service.domain.measures.settings import parse_measure
from sync_service.domain.trackers.observations import State
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs.forecasts import Found
from tests.flows.forecast_harness import DAY, forecast_now, issue_of
from tests.support.fake_tracker import CoreHarness, open_core_harness
from tests.support.run_scope import ALL, LONG

pytestmark = [
    pytest.mark.both_databases,
    pytest.mark.slow,
    pytest.mark.only_in_test_all(databases="postgresql"),
]

FIRST_MONDAY = datetime(2026, 9, 7, tzinfo=UTC)
STARTS = datetime(2026, 10, 1, tzinfo=UTC)
WEEKS = 16
GOALS: Sequence[tuple[dict[str, Any], float, float]] = [
    ({"kind": "done-count", "within": "ever"}, 0, 9),
    ({"kind": "done-count"}, 0, 5),
    ({"kind": "done-share"}, 0, 60),
    ({"kind": "done-share", "within": "cycle"}, 0, 50),
    ({"kind": "done-sum", "within": "ever"}, 0, 14),
    ({"kind": "open-count"}, 16, 8),
]

Happening = tuple[int, int, State]
"""The hour since the first Monday, the number of the issue, and its state from then on."""

happenings = st.lists(
    st.tuples(
        st.integers(0, 24 * 7 * WEEKS - 1),
        st.integers(1, 16),
        st.sampled_from([State.DONE, State.DONE, State.DONE, State.TODO, State.DROPPED]),
    ),
    min_size=10,
    max_size=40,
    unique_by=lambda one: one[0],
).map(sorted)


STEADY: Sequence[Happening] = [(24 * 7 * week + 30, week + 1, State.DONE) for week in range(9)]
"""One issue a week: dates are called, and come true."""


@pytest.fixture
def core(migrated_url: str) -> Iterator[CoreHarness]:
    """Yield a harness whose scope was imported before anything happened."""
    made = open_core_harness(migrated_url, now=FIRST_MONDAY - 3 * DAY)
    yield made
    made.engine.dispose()


@dataclass(frozen=True, slots=True)
class Monday:
    """What was shown on a Monday: the value, and the forecast."""

    day: date
    value: float | None
    found: Found


def reached(value: float | None, start: float, target: float) -> bool:
    """Return whether a value is at the target or past it."""
    return value is not None and (value >= target if target >= start else value <= target)


def what_came(mondays: Sequence[Monday], start: float, target: float, since: date) -> TrackRecord:
    """Count the dates called with 85 % on earlier Mondays, and those by which the target was reached."""
    called = came_true = 0
    for index, one in enumerate(mondays):
        on = one.found.forecast.on_85
        if one.day < since or on is None or on > mondays[-1].day or reached(one.value, start, target):
            continue
        called += 1
        came_true += any(reached(later.value, start, target) for later in mondays[index + 1 :] if later.day <= on)
    return TrackRecord(called, came_true)


def test_the_track_record_is_what_came_of_the_forecasts_that_were_shown(core: CoreHarness) -> None:
    """Random work over sixteen weeks; each Monday the forecast is computed as the product does."""
    numbers, calls = count(1), [0]

    @settings(max_examples=60 if LONG else 6 if ALL else 4, suppress_health_check=list(HealthCheck), deadline=None)
    @example(goal=GOALS[0], done=STEADY)
    @given(goal=st.sampled_from(GOALS), done=happenings)
    def compare(goal: tuple[dict[str, Any], float, float], done: Sequence[Happening]) -> None:
        measure, start, target = goal
        since = STARTS.date() if parse_measure(measure).within == "cycle" else date.min
        slug = f"KR-{next(numbers)}"
        core.now = FIRST_MONDAY - DAY
        with writing(core.engine) as tx:
            tx.execute(sa.delete(tables.forecast))  # of earlier examples
        core.key_result(slug, start=start, target=target, **measure)
        created = core.now
        core.receive_and_drain(*(_snapshot(slug, number, created, State.TODO, created) for number in range(1, 17)))
        mondays: list[Monday] = []
        waiting = list(done)
        for week in range(WEEKS + 1):
            monday = FIRST_MONDAY + timedelta(weeks=week)
            while waiting and FIRST_MONDAY + timedelta(hours=waiting[0][0]) < monday:
                hour, number, state = waiting.pop(0)
                core.now = FIRST_MONDAY + timedelta(hours=hour)
                core.receive_and_drain(_snapshot(slug, number, core.now, state, created))
            core.now = monday
            found = forecast_now(core, slug)
            assert found is not None
            mondays.append(Monday(monday.date(), core.value(slug), found))
            expected = what_came(mondays, start, target, since)
            if found.forecast.enough:
                assert found.forecast.track_record == expected
                calls.append(expected.called)

    compare()
    assert max(calls) > 3, "no forecast called a date"


def _snapshot(slug: str, number: int, at: datetime, state: State, created: datetime) -> Any:
    fields = {"identity": f"{slug}#{number}", "key": f"{slug}#{number}", "points": float(number % 3 + 1)}
    return issue_of(slug, number, at, state, created_at=created, **fields)
