"""What decides a status beside the progress: days out of a range, and work that was only dropped."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.contributions import Contribution, tally
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.settings import parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.people.check_in import Author, CheckIn
from sync_service.domain.trackers.observations import State
from sync_service.progress.pace import only_dropped
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import check_ins
from sync_service.store.okrs.key_results import recompute
from tests.support.servers import Databases
from tests.support.services import Clock, add, add_cycle, add_key_result, build_services

DAY = timedelta(days=1)
SPAN = Span(datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("states", "measure", "expected"),
    [
        ([State.DROPPED, State.TODO], {"kind": "done-share"}, True),
        ([State.DROPPED], {"kind": "open-count"}, True),
        ([State.DROPPED, State.DONE], {"kind": "open-count"}, False),
        ([State.TODO], {"kind": "open-count"}, False),
        ([State.DROPPED], {"kind": "done-share", "dropped": "done"}, False),
        ([State.DROPPED], {"kind": "lead-time"}, True),
        ([], {"kind": "open-count"}, False),
    ],
)
def test_only_dropped_work_differs_from_done_work(
    states: list[State], measure: dict[str, str], *, expected: bool
) -> None:
    """For measures by sums and by single issues; dropped work that counts as done is done."""
    settings = parse_measure(measure)
    each = tuple(Contribution(state) for state in states)
    inputs = Inputs(
        measure=settings,
        start=5.0,
        target=0.0,
        span=SPAN,
        at=SPAN.starts_at + DAY,
        calendar=Calendar(ZoneInfo("UTC")),
        tallies=tuple(tally(each, SPAN)) if settings.tallied else (),
        contributions=() if settings.tallied else each,
    )
    assert only_dropped(inputs) is expected


@pytest.fixture
def clock() -> Clock:
    """Return a clock at noon of the cycle's day 10."""
    return Clock(datetime(2026, 10, 10, 12, tzinfo=UTC))


@pytest.fixture
def services(databases: Databases, tmp_path: Path, clock: Clock) -> Iterator[Services]:
    """Yield services on a database with a key result that has to stay below 5."""
    found = build_services(databases.empty(), tmp_path, clock=clock)
    with writing(found.engine) as tx:
        team = add(tx, tables.team, slug="west", name="West", timezone="America/Los_Angeles")
        cycle = add_cycle(tx, "q4", "Q4", starts=date(2026, 10, 1), ends=date(2026, 12, 31))
        objective = add(tx, tables.objective, slug="o", title="O", cycle_id=cycle, team_id=team)
        numbers = {"start": None, "target": None, "unit": "bugs", "stay": {"below": 5}}
        add_key_result(tx, objective, "KR", "Few bugs", measure={"kind": "manual"}, **numbers)
    yield found
    found.engine.dispose()
    found.redis.close()


def status_after(services: Services, value: float | None = None) -> str:
    """Return the status after a check-in of a value, or after a new day alone."""
    with writing(services.engine) as tx:
        if value is not None:
            check_ins.add(tx, 1, CheckIn(value=value), author=Author("Ana", "admin"), at=services.now())
        recompute(tx, [1], causes=[])
    services.drains.drain_everything()
    with reading(services.engine) as tx:
        found: str = tx.scalars(sa.select(tables.key_result.c.status)).one()
    return found


@pytest.mark.both_databases
def test_a_value_out_of_its_range_is_at_risk_for_seven_days_of_its_team(services: Services, clock: Clock) -> None:
    """The days are the team's; a change outside does not begin anew, being inside again does."""
    assert status_after(services, 5) == "on_track"
    clock.at = datetime(2026, 10, 11, 6, tzinfo=UTC)  # the 10th in Los Angeles
    assert status_after(services, 6) == "at_risk"
    clock.at += 3 * DAY
    assert status_after(services, 9) == "at_risk"
    clock.at = datetime(2026, 10, 17, 6, 59, tzinfo=UTC)  # still the 16th, the seventh day
    assert status_after(services) == "at_risk"
    clock.at += timedelta(minutes=1)
    assert status_after(services) == "behind"
    assert status_after(services, 4) == "on_track"
    clock.at += DAY
    assert status_after(services, 6) == "at_risk"
