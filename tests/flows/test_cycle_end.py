"""From the end of a cycle on, values are as of its end; work reported late counts, work done later does not."""

from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from sync_service.domain.people.check_in import Author, CheckIn
from sync_service.domain.trackers.observations import State
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import check_ins
from sync_service.store.okrs.key_results import recompute
from sync_service.store.okrs.staleness import Stale
from sync_service.store.views.key_results import key_result_view
from tests.domain.factories import NOON
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness

END = datetime(2027, 1, 1, tzinfo=UTC)
AT_END = (END - NOON).total_seconds()
HOUR = 3600.0


def test_work_closed_after_the_end_does_not_count_and_work_received_late_does(core: CoreHarness) -> None:
    """Both deliveries arrive in the grace."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    core.now = END + timedelta(hours=5)
    core.receive_and_drain(done(1, AT_END + HOUR))
    assert core.value() == 0
    core.receive_and_drain(done(2, AT_END - HOUR))
    assert core.value() == 50


def test_an_issue_reopened_dropped_or_created_after_the_end_is_as_it_was_then(core: CoreHarness) -> None:
    """A done issue that is reopened later stays done, one dropped later stays open, a new one is not there."""
    core.receive_and_drain(issue(1, 0), issue(2, 0), done(1, HOUR / 2))
    assert core.value() == 50
    core.now = END + timedelta(hours=5)
    core.receive_and_drain(issue(1, AT_END + HOUR))
    core.receive_and_drain(issue(2, AT_END + HOUR, state=State.DROPPED, closed_at=NOON + timedelta(seconds=AT_END + 9)))
    core.receive_and_drain(issue(3, AT_END + 2 * HOUR, created_at=END + timedelta(hours=2)))
    assert core.value() == 50


def freeze(core: CoreHarness) -> None:
    """Let the days of grace pass."""
    core.now = END + timedelta(days=3, seconds=5)
    core.make_due(tables.recompute)
    core.drain()


def test_numbers_become_final_when_the_grace_is_over(core: CoreHarness) -> None:
    """Whatever arrives later changes nothing, also late news of work of the cycle."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    core.now = END + timedelta(hours=5)
    core.receive_and_drain(done(1, AT_END - HOUR))
    freeze(core)
    row = core.key_result_row()
    assert (row.status, row.current) == ("closed", 50)
    assert row.frozen == {"at": (core.now).isoformat(), "partial": None, "stale": None, "refrozen": None}
    core.receive_and_drain(done(2, AT_END - HOUR))
    assert core.key_result_row() == row


def test_a_service_that_was_down_for_the_whole_grace_computes_as_of_the_end_once(core: CoreHarness) -> None:
    """The last value was computed in the middle of the cycle; a delivery of the first hours of the next one waits."""
    core.receive_and_drain(issue(1, 0), issue(2, 0), issue(3, 0))
    core.now = END + timedelta(hours=5)
    core.post(done(1, AT_END - HOUR))
    core.post(done(2, AT_END + HOUR))
    core.now = END + timedelta(days=9)
    core.drain()
    row = core.key_result_row()
    assert (row.status, round(row.current, 3)) == ("closed", 33.333)


def test_a_day_is_due_at_the_end_of_the_cycle_and_when_the_grace_is_over(core: CoreHarness) -> None:
    """Both are midnights of the team."""
    with writing(core.engine) as tx:
        team = (
            sa.insert(tables.team).values(slug="lima", name="Lima", timezone="America/Lima").returning(tables.team.c.id)
        )
        tx.execute(sa.update(tables.objective).values(team_id=tx.execute(team).scalar_one()))
    end = END + timedelta(hours=5)
    for moment in (end, end + timedelta(days=3)):
        core.now = moment - timedelta(hours=1)
        core.make_due(tables.recompute)
        core.drain()
        (row,) = core.rows(tables.recompute)
        assert timedelta(minutes=59) < row.due_at - datetime.now(UTC) <= timedelta(hours=1, seconds=5)


def test_numbers_that_were_stale_or_partly_seen_freeze_marked_so(core: CoreHarness) -> None:
    """With the reason."""
    core.receive_and_drain(issue(1, 0), done(2, 0))
    since = END - timedelta(days=1)
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(refused_at=since, refused_reason="401"))
        tx.execute(sa.update(tables.scope).values(covered_at=None))
        versions.bump(tx, versions.RULES)
    freeze(core)
    frozen = core.key_result_row().frozen
    assert frozen["stale"] == {"since": since.isoformat(), "reason": "paper: 401"}
    assert frozen["partial"] == "not imported yet: acme/checkout"
    with reading(core.engine) as tx:
        view = key_result_view(tx, "KR-1", core.now)
    assert view is not None
    assert view.stale == Stale(since, "paper: 401")


def test_check_ins_of_the_grace_count_and_later_ones_do_not(empty_core: CoreHarness) -> None:
    """Whoever checks in the day after the end reports the end."""
    id_ = empty_core.key_result(kind="manual")
    for days, value in ((-1, 10.0), (2, 20.0)):
        empty_core.now = END + timedelta(days=days)
        check_in(empty_core, id_, value)
    assert empty_core.value() == 20
    freeze(empty_core)
    empty_core.now = END + timedelta(days=4)
    check_in(empty_core, id_, 30.0)
    assert empty_core.value() == 20
    with reading(empty_core.engine) as tx:
        last = key_result_line(tx, id_, empty_core.now)[-1]
    assert (last.day, last.value) == (date(2026, 12, 31), 20), "the line ends with the frozen value"


def check_in(core: CoreHarness, id_: int, value: float) -> None:
    """Check in a value."""
    with writing(core.engine) as tx:
        check_ins.add(tx, id_, CheckIn(value=value), author=Author("Ana", "admin"), at=core.now)
        recompute(tx, [id_])
    core.drain()
