"""A cycle begins, ends and freezes for a key result with the days of its team, wherever the organisation is."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from sync_service.domain.measures.status import Span
from sync_service.domain.people.check_in import Author, CheckIn
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.store import tables
from sync_service.store.cycles import spans
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import histories
from sync_service.store.okrs import check_ins
from sync_service.store.okrs.key_results import recompute
from sync_service.store.views.cycles.closing import ClosingView, closing_view
from sync_service.store.views.issues import issues_view
from sync_service.store.views.key_results import KeyResultView, key_result_view
from sync_service.store.views.lists import cycles
from sync_service.store.views.objectives import cycle_views
from tests.domain.factories import NOON
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness, bump_rules

SECOND = timedelta(seconds=1)
CHECKOUT = {"field": "labels", "has": "checkout"}
ZONES = ("Pacific/Pago_Pago", "America/Sao_Paulo", "Europe/Berlin", "Pacific/Kiritimati")


def work_in(core: CoreHarness, zone: str, *, organisation: str = "Asia/Kathmandu") -> Span:
    """Let the parent team of the objective's team have a time zone; return the cycle there."""
    with writing(core.engine) as tx:
        tx.execute(sa.insert(tables.organisation).values(name="Acme", timezone=organisation))
        parent = tx.execute(
            sa.insert(tables.team).values(slug="p", name="P", timezone=zone).returning(tables.team.c.id)
        ).scalar_one()
        team = sa.insert(tables.team).values(slug="t", name="T", parent_id=parent).returning(tables.team.c.id)
        tx.execute(sa.update(tables.objective).values(team_id=tx.execute(team).scalar_one()))
    return Span.of_days(date(2026, 10, 1), date(2026, 12, 31), ZoneInfo(zone))


def since_noon(at: datetime) -> float:
    """Return a time as the factories of issues take it."""
    return (at - NOON).total_seconds()


def at_time(core: CoreHarness, at: datetime) -> KeyResultView:
    """Let it be a time, compute the key results again, and return the first one."""
    core.now = at
    core.make_due(tables.recompute)
    core.drain()
    with reading(core.engine) as tx:
        view = key_result_view(tx, "KR-1", at)
    assert view is not None
    return view


def closing(core: CoreHarness) -> ClosingView:
    """Return the cycle as it closes."""
    with reading(core.engine) as tx:
        found = closing_view(tx, "2026-q4", core.now)
    assert found is not None
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_a_cycle_starts_ends_and_freezes_with_the_days_of_the_team(core: CoreHarness, zone: str) -> None:
    """Status, expected progress, work closed after the end, and final numbers."""
    span = work_in(core, zone)
    core.receive_and_drain(issue(1, 0), issue(2, 0), issue(3, 0))
    assert at_time(core, span.starts_at - SECOND).status == "not_started"
    first = at_time(core, span.starts_at)
    assert (first.status, first.expected) == ("on_track", 0)
    core.now = span.ends_at - SECOND
    core.receive_and_drain(done(1, since_noon(span.ends_at - 2 * SECOND)))
    assert core.value() == pytest.approx(100 / 3)
    core.now = span.ends_at + SECOND
    core.receive_and_drain(done(2, since_noon(span.ends_at)))
    assert core.value() == pytest.approx(100 / 3)
    core.receive_and_drain(done(3, since_noon(span.ends_at - SECOND)))
    assert core.value() == pytest.approx(200 / 3)
    freezes_at = datetime(2027, 1, 4, tzinfo=ZoneInfo(zone))
    assert at_time(core, freezes_at - SECOND).status != "closed"
    assert (closing(core).final, closing(core).freezes_at) == (False, freezes_at)
    assert at_time(core, freezes_at).status == "closed"
    assert core.key_result_row().status == "closed"
    assert closing(core).final


@pytest.mark.parametrize("zone", ZONES)
def test_work_of_the_cycle_is_counted_by_the_days_of_the_team(empty_core: CoreHarness, zone: str) -> None:
    """The last second before the start is another cycle's; the first and last seconds of the cycle are its own."""
    core = empty_core
    span = work_in(core, zone)
    id_ = core.key_result(kind="done-count")
    core.rule("r", id_, CHECKOUT)
    times = (span.starts_at - SECOND, span.starts_at, span.ends_at - SECOND)
    core.now = span.ends_at - SECOND
    created = {"created_at": span.starts_at - timedelta(days=9)}
    core.receive_and_drain(*(done(index, since_noon(one), **created) for index, one in enumerate(times)))
    assert core.value() == 2
    with reading(core.engine) as tx:
        left_out = {one.key: one.why_not for one in issues_view(tx, id_) if one.why_not}
        line = key_result_line(tx, id_, core.now)
    assert left_out == {"acme/checkout#0": "closed outside the cycle"}
    assert [(one.day.isoformat(), one.value) for one in (line[0], line[-2], line[-1])] == [
        ("2026-10-01", 1),
        ("2026-12-30", 1),
        ("2026-12-31", 2),
    ]


@pytest.mark.parametrize("zone", ZONES)
def test_a_window_of_the_cycle_begins_with_the_day_of_the_team(empty_core: CoreHarness, zone: str) -> None:
    """Lead times of the cycle."""
    core = empty_core
    span = work_in(core, zone)
    core.rule("r", core.key_result(kind="lead-time", window="cycle", days="elapsed"), CHECKOUT)
    core.now = span.starts_at + timedelta(days=1)
    for index, at in enumerate((span.starts_at - SECOND, span.starts_at)):
        core.receive_and_drain(done(index, since_noon(at), created_at=at - timedelta(days=1 + index)))
    assert core.value() == 2


@pytest.mark.both_databases
@pytest.mark.parametrize("zone", ZONES)
def test_check_ins_count_until_the_team_s_days_of_grace_are_over(empty_core: CoreHarness, zone: str) -> None:
    """A second later they do not."""
    core = empty_core
    work_in(core, zone)
    id_ = core.key_result(kind="manual")
    freezes_at = datetime(2027, 1, 4, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    for at, value in ((freezes_at - SECOND, 10.0), (freezes_at + SECOND, 20.0)):
        core.now = at
        with writing(core.engine) as tx:
            check_ins.add(tx, id_, CheckIn(value=value), author=Author("Ana", "admin"), at=at)
            recompute(tx, [id_])
        core.drain()
    assert core.value() == 10


@pytest.mark.both_databases
def test_a_cycle_is_closed_once_the_numbers_of_its_westernmost_team_are_final(core: CoreHarness) -> None:
    """Each key result is final with its own team; `closed` says that all are."""
    east = work_in(core, "Pacific/Kiritimati", organisation="UTC").freezes_at()
    with writing(core.engine) as tx:
        cycle_id = tx.scalar(sa.select(tables.cycle.c.id))
        o = tables.objective
        found = tx.execute(sa.insert(o).values(slug="w", title="W", cycle_id=cycle_id).returning(o.c.id)).scalar_one()
    core.objective_id = found
    core.key_result("KR-2", kind="manual")
    core.now = east
    with reading(core.engine) as tx:
        (line,), (view,) = cycles(tx, core.now, after=None, limit=9), cycle_views(tx, core.now)
        finals = [one.closed for slug in ("KR-1", "KR-2") if (one := key_result_view(tx, slug, core.now))]
    assert finals == [True, False]
    assert [line.closed, view.closed, closing(core).final] == [False] * 3
    core.now = datetime(2027, 1, 4, tzinfo=UTC)
    with reading(core.engine) as tx:
        (line,), (view,) = cycles(tx, core.now, after=None, limit=9), cycle_views(tx, core.now)
    assert [line.closed, view.closed, closing(core).final] == [True] * 3


@pytest.mark.both_databases
@pytest.mark.parametrize("zone", ZONES)
def test_histories_are_read_for_the_cycle_of_the_team(core: CoreHarness, zone: str) -> None:
    """Of an issue whose states are known since after the team's first moment, from that moment on."""
    span = work_in(core, zone)
    core.receive_and_drain(issue(1, since_noon(span.starts_at), created_at=span.starts_at - timedelta(days=9)))

    def wanted(known_since: datetime, now: datetime) -> int:
        with writing(core.engine) as tx:
            tx.execute(sa.update(tables.issue).values(states_known_since=known_since))
            return len(histories.wanted(tx, core.connection_id, now=now, limit=9, starts=False))

    assert wanted(span.starts_at + SECOND, span.starts_at) == 1
    assert wanted(span.starts_at, span.starts_at) == 0
    assert wanted(span.starts_at + SECOND, span.starts_at - SECOND) == 0


def test_key_results_whose_cycle_is_over_are_those_of_the_team_s_days(core: CoreHarness) -> None:
    """A changed grace is about them."""
    span = work_in(core, "Pacific/Kiritimati")
    with writing(core.engine) as tx:
        bump_rules(tx)
        assert list(spans.key_results_ended(tx, span.ends_at - SECOND)) == []
        assert list(spans.key_results_ended(tx, span.ends_at)) == [core.key_result_row().id]
