"""Forecasts from the database: requested by changes, computed by due rows, from the weeks of the linked issues."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.forecasts.goal import Position
from sync_service.domain.forecasts.samples import Week
from sync_service.domain.forecasts.track_record import TrackRecord
from sync_service.domain.trackers.observations import State, Term
from sync_service.progress.forecasts.compute_forecast import compute_forecast
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.okrs import forecasts
from sync_service.store.queue import due
from sync_service.store.tables.instant import EPOCH
from sync_service.store.views.forecasts.forecast_view import ForecastView, forecast_view
from sync_service.store.views.key_results import key_result_view
from tests.faults.crashing_worker import SimulatedCrash
from tests.flows.forecast_harness import BEGAN, DAY, TODAY, forecast_now, forget_history, issue_of, stored, work
from tests.support.fake_tracker import CoreHarness, open_core_harness


@pytest.fixture
def core(migrated_url: str) -> Iterator[CoreHarness]:
    """Yield a harness whose scope was imported on 5 November, on either database."""
    made = open_core_harness(migrated_url, now=BEGAN)
    yield made
    made.engine.dispose()


def test_a_forecast_is_made_of_the_weeks_of_its_issues_seen_or_reconstructed(core: CoreHarness) -> None:
    """Seven issues were done in five weeks, four are missing: 9 of the 25 pairs of weeks reach that."""
    core.key_result(kind="done-count", target=11)
    work(core)
    for _ in range(2):
        found = forecast_now(core)
        assert found is not None
        assert found.basis.weeks == (*[Week(done=1)] * 4, Week(done=3))
        assert found.basis.position == Position.of(7, 12)
        assert found.forecast.chance == 0.36
        assert found.forecast.on_50 == date(2027, 1, 14)
        assert found.forecast.pace_needed == 2
        assert found.forecast.track_record == TrackRecord(called=0, came_true=0)
        forget_history(core)


@pytest.mark.both_databases
def test_a_burst_of_changes_asks_for_one_forecast_a_minute_later(core: CoreHarness) -> None:
    """None is computed with the deliveries; a later change does not move the time."""
    id_ = core.key_result(kind="done-count", target=11)
    core.now = BEGAN + DAY
    forecast_now(core)
    for number in range(1, 4):
        core.receive_and_drain(issue_of("KR-1", number, core.now))
    (row,) = core.rows(tables.forecast)
    assert row.key_result_id == id_
    assert timedelta(seconds=30) < wait_of(core, row.due_at) <= forecasts.DELAY
    found = stored(core)
    assert found is not None
    assert found.basis.position == Position.of(0, 0)


def wait_of(core: CoreHarness, due_at: datetime) -> timedelta:
    """Return the time until a row is due, by the database's clock."""
    with reading(core.engine) as tx:
        return due_at - database_now(tx)


@pytest.mark.both_databases
def test_a_change_just_before_a_forecast_is_due_is_followed_by_another(core: CoreHarness) -> None:
    """A worker may claim it before the change is committed, and compute it without that change."""
    id_ = core.key_result(kind="done-count", target=11)
    work(core)
    counts = []
    for wait in (timedelta(seconds=1), timedelta(seconds=40), DAY):
        with writing(core.engine) as tx:
            tx.execute(sa.update(tables.forecast).values(due_at=database_now(tx) + wait))
            before = tx.scalars(sa.select(tables.forecast.c.request_count)).one()
            forecasts.request(tx, [id_])
            counts.append(tx.scalars(sa.select(tables.forecast.c.request_count)).one() - before)
    assert counts == [1, 0, 1]


@pytest.mark.both_databases
def test_a_change_while_a_forecast_is_computed_is_followed_by_another(core: CoreHarness) -> None:
    """The one under way is saved all the same."""
    id_ = core.key_result(kind="done-count", target=11)
    work(core)
    core.make_due(tables.forecast)
    (row,) = due.claim(core.engine, tables.forecast, limit=1)
    with writing(core.engine) as tx:
        forecasts.request(tx, [id_])
    with reading(core.engine) as tx:
        found = compute_forecast(tx, id_, core.now)
    with writing(core.engine) as tx:
        assert forecasts.save(tx, row, found, at=core.now, wait=DAY)
    assert stored(core) == found
    (after,) = core.rows(tables.forecast)
    assert wait_of(core, after.due_at) <= forecasts.DELAY


def test_a_forecast_is_computed_again_each_night_of_its_team(core: CoreHarness) -> None:
    """Two minutes after midnight in Lima, by when values of the day are computed."""
    core.key_result(kind="done-count", target=11)
    put_in_team(core, "America/Lima")
    core.now = datetime(2026, 12, 17, 4, 30, tzinfo=UTC)
    forecast_now(core)
    (row,) = core.rows(tables.forecast)
    assert timedelta(minutes=31) < wait_of(core, row.due_at) <= timedelta(minutes=32)


def put_in_team(core: CoreHarness, timezone: str) -> None:
    """Give the objective to a team with a time zone."""
    with writing(core.engine) as tx:
        made = sa.insert(tables.team).values(slug="one", name="One", timezone=timezone).returning(tables.team.c.id)
        tx.execute(sa.update(tables.objective).values(team_id=tx.execute(made).scalar_one()))


@pytest.mark.parametrize(("timezone", "weeks"), [("Pacific/Kiritimati", [1, 0]), ("Pacific/Honolulu", [0, 1])])
def test_weeks_are_those_of_the_teams_time_zone(core: CoreHarness, timezone: str, weeks: list[int]) -> None:
    """Something is done at noon UTC on Sunday: in Kiritimati it is Monday already."""
    core.key_result(kind="done-count", target=11)
    put_in_team(core, timezone)
    core.now = BEGAN + DAY
    core.receive_and_drain(issue_of("KR-1", 1, core.now))
    core.now = datetime(2026, 11, 15, 12, tzinfo=UTC)
    core.receive_and_drain(issue_of("KR-1", 1, core.now, State.DONE))
    core.now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    found = forecast_now(core)
    assert found is not None
    assert [one.done for one in found.basis.weeks] == weeks[::-1]


@pytest.mark.both_databases
def test_weeks_begin_when_those_of_the_organisation_do(core: CoreHarness) -> None:
    """On Sundays: from Sunday, 8 November, five weeks are over on 13 December."""
    core.key_result(kind="done-count", target=11)
    with writing(core.engine) as tx:
        tx.execute(sa.insert(tables.organisation).values(week_starts="sun"))
    work(core)
    core.now = datetime(2026, 12, 13, 1, tzinfo=UTC)
    found = forecast_now(core)
    assert found is not None
    assert [one.done for one in found.basis.weeks] == [1, 1, 1, 1, 3]


def test_a_key_result_without_enough_weeks_says_how_many_are_known(core: CoreHarness) -> None:
    """Three full weeks have passed since its first issue."""
    core.key_result(kind="done-count", target=11)
    work(core)
    core.now = BEGAN + 25 * DAY
    found = forecast_now(core)
    assert found is not None
    assert (found.forecast.enough, found.forecast.weeks) == (False, 3)
    assert found.forecast.reason.startswith("3 full weeks are known, a forecast needs 5")


@pytest.mark.both_databases
def test_a_past_that_was_not_imported_is_not_known(core: CoreHarness) -> None:
    """The connection ignores what was before its import, though its issues are older."""
    core.key_result(kind="done-count", target=11)
    old = BEGAN - 70 * DAY
    core.receive_and_drain(issue_of("KR-1", 1, core.now, created_at=old))
    core.now = BEGAN + 25 * DAY
    for earlier, weeks in (("ignore", 3), ("import", 12)):
        with writing(core.engine) as tx:
            tx.execute(sa.update(tables.connection).values(earlier=earlier))
        found = forecast_now(core)
        assert found is not None
        assert found.forecast.weeks == weeks


def test_work_before_the_cycle_shows_the_pace_but_does_not_count(core: CoreHarness) -> None:
    """Three issues were done in three weeks before the cycle, one in it."""
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.connection).values(earlier="import"))
    core.key_result(kind="done-count", target=4)
    created = datetime(2026, 9, 6, tzinfo=UTC)
    closed = [datetime(2026, 9, day, 12, tzinfo=UTC) for day in (8, 15, 22)] + [datetime(2026, 10, 6, 12, tzinfo=UTC)]
    for number, at in enumerate(closed, 1):
        core.receive_and_drain(issue_of("KR-1", number, at, State.DONE, created_at=created))
    core.now = datetime(2026, 10, 13, 12, tzinfo=UTC)
    found = forecast_now(core)
    assert found is not None
    assert [one.done for one in found.basis.weeks] == [1, 1, 1, 0, 1]
    assert found.basis.position.done == 1
    assert core.value() == 1


def test_a_relinked_issue_counts_from_the_week_in_which_it_was_linked(core: CoreHarness) -> None:
    """And unlinking takes it off the scope in its week."""
    core.key_result(kind="done-share", target=80)
    work(core, weekly={})
    core.now = BEGAN + 19 * DAY
    core.receive_and_drain(issue_of("KR-1", 12, core.now, labels=[]))
    core.now = BEGAN + 26 * DAY
    core.receive_and_drain(issue_of("KR-1", 12, core.now))
    core.now = TODAY
    found = forecast_now(core)
    assert found is not None
    assert [one.added for one in found.basis.weeks] == [0, 0, -1, 1, 0]


# Where there is none


@pytest.mark.parametrize("measure", [{"kind": "throughput"}, {"kind": "manual"}, {"kind": "lead-time"}])
def test_other_measures_have_no_forecast(core: CoreHarness, measure: dict[str, Any]) -> None:
    """Also after their settings changed."""
    core.key_result(**measure)
    work(core)
    assert forecast_now(core) is None


@pytest.mark.both_databases
def test_a_range_has_no_forecast(core: CoreHarness) -> None:
    """There is nothing to reach."""
    core.key_result(kind="open-count")
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(start=None, target=None, stay={"below": 5}))
    work(core)
    assert forecast_now(core) is None


def test_a_cycle_that_is_over_has_too_little_to_say_and_final_numbers_none(core: CoreHarness) -> None:
    """In the days of grace the reason is given."""
    core.key_result(kind="done-count", target=11)
    work(core)
    core.now = datetime(2026, 12, 31, 23, tzinfo=UTC)
    found = forecast_now(core)
    assert found is not None
    assert found.forecast.enough
    assert found.forecast.pace_needed is None
    core.now = datetime(2027, 1, 1, 1, tzinfo=UTC)
    found = forecast_now(core)
    assert found is not None
    assert (found.forecast.enough, found.forecast.reason) == (False, "the cycle is over")
    core.now = datetime(2027, 1, 5, tzinfo=UTC)
    core.make_due(tables.recompute)
    core.drain()
    shown = shown_forecast(core)
    assert (shown.forecast, shown.sentences) == (None, ("Its numbers are final.",))


def shown_forecast(core: CoreHarness) -> ForecastView:
    """Return what pages show."""
    with reading(core.engine) as tx:
        view = key_result_view(tx, "KR-1", core.now)
        assert view is not None
        return forecast_view(tx, view)


@pytest.mark.both_databases
def test_a_forecast_of_another_target_is_not_shown(core: CoreHarness) -> None:
    """Until the next one is computed."""
    core.key_result(kind="done-count", target=11)
    work(core)
    forecast_now(core)
    assert shown_forecast(core).forecast is not None
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(target=12))
    assert shown_forecast(core).forecast is None
    assert shown_forecast(core).sentences == ("Its forecast is computed within two minutes.",)
    forecast_now(core)
    assert shown_forecast(core).forecast is not None


def test_what_is_partly_seen_has_no_forecast(core: CoreHarness) -> None:
    """One of its scopes is not imported yet."""
    core.key_result(kind="done-count", target=11)
    work(core)
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.scope).values(covered_at=None))
        versions.bump(tx, versions.RULES)
    core.make_due(tables.recompute)
    core.drain()
    found = forecast_now(core)
    assert found is not None
    assert found.forecast.reason == "some of its issues are not imported yet"


# What decides it


@pytest.mark.both_databases
def test_blocked_old_and_unestimated_issues_decide_a_forecast(core: CoreHarness) -> None:
    """In order of their effect on the chance."""
    core.key_result(kind="done-sum", field="points", target=41)
    core.now = BEGAN + DAY
    label, blocked = Term("KR-1", "okr:KR-1"), Term("b", "status: blocked")
    core.receive_and_drain(*(issue_of("KR-1", number, core.now, points=2.0) for number in range(1, 10)))
    core.receive_and_drain(
        issue_of("KR-1", 10, core.now, points=8.0, labels=[label, blocked]),
        issue_of("KR-1", 11, core.now),
        issue_of("KR-1", 12, core.now, points=2.0, created_at=BEGAN - 99 * DAY),
    )
    for week, points in enumerate((2.0, 2.0, 2.0, 2.0, 14.0)):
        core.now = BEGAN + (5 + 7 * week) * DAY
        core.receive_and_drain(issue_of("KR-1", week + 1, core.now, State.DONE, points=points))
    core.now = TODAY
    found = forecast_now(core)
    assert found is not None
    assert [one.key.rpartition("#")[2] for one in found.deciding] == ["10", "12", "11"]
    assert found.deciding[0].reasons == ("blocked",)
    assert found.deciding[1].reasons[0].startswith("open for 141 days")
    assert found.deciding[2].reasons == ("without an estimate",)
    assert found.deciding[0].effect >= found.deciding[1].effect >= found.deciding[2].effect


# Kills


@pytest.mark.both_databases
def test_a_worker_killed_between_any_two_statements_leaves_a_forecast_due(core: CoreHarness) -> None:
    """The last one is as if nobody had died."""
    core.key_result(kind="done-count", target=11)
    work(core)
    expected = forecast_now(core)
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.forecast).values(found=None, computed_from=None))
    core.make_due(tables.forecast)
    crashes = crash_between_statements(core)
    assert crashes > 5
    assert stored(core) == expected


def crash_between_statements(core: CoreHarness) -> int:
    """Drain forecasts, crashing before each statement in turn, until nothing is due; return the crashes."""
    crashes, left = 0, 0

    def die(*_: object) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise SimulatedCrash

    sa.event.listen(core.engine, "before_cursor_execute", die)
    worked = False
    while not worked:
        left = 3 + crashes
        try:
            worked = core.drains.by_table["forecast"]() > 0
        except SimulatedCrash:
            crashes += 1
        left = 10**6
        with writing(core.engine) as tx:
            tx.execute(sa.update(tables.forecast).where(tables.forecast.c.lease.isnot(None)).values(due_at=EPOCH))
    sa.event.remove(core.engine, "before_cursor_execute", die)
    return crashes
