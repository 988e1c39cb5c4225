"""Values as of the end of a cycle, through deliveries and the database: what was dated and known by then counts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from sync_service.domain.people.check_in import Author, CheckInRefused
from sync_service.domain.trackers.observations import CLOSED, Snapshot, State, Term
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.progress.manual import step_ticks
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import steps as store_steps
from sync_service.store.views.key_results import key_result_view
from tests.domain.cycles.test_every_measure_as_of import Shown, issue_of, played
from tests.domain.factories import NOON
from tests.domain.measures import oracle
from tests.domain.measures.oracle import Case
from tests.flows.issue_factory import CHECKOUT_LABEL, done, issue
from tests.support.config_file import LABELLED
from tests.support.fake_tracker import CoreHarness
from tests.support.run_scope import ALL, LONG

END = datetime(2027, 1, 1, tzinfo=UTC)
AT_END = (END - NOON).total_seconds()
HOUR = 3600.0
MEASURES: Sequence[dict[str, Any]] = (
    {"kind": "done-share", "weight": "points", "doing": 0.5},
    {"kind": "done-share", "weight": "points", "dropped": "done", "unestimated": 3},
    {"kind": "done-count"},
    {"kind": "done-count", "within": "ever"},
    {"kind": "open-count"},
    {"kind": "cycle-time", "days": "elapsed", "window": "cycle", "take": "p90"},
    {"kind": "cycle-time", "days": "elapsed", "window": "28d", "take": "median"},
    {"kind": "done-sum", "within": "ever"},
    {"kind": "done-sum", "unestimated": 2},
    {"kind": "open-sum"},
    {"kind": "field", "field": "points", "take": "sum"},
    {"kind": "field", "field": "points", "take": "average"},
    {"kind": "lead-time", "days": "elapsed", "window": "cycle", "take": "p80"},
    {"kind": "throughput", "window": "2w"},
    {"kind": "share-meeting", "meets": {"field": "labels", "has": "a"}},
    {
        "kind": "share-meeting",
        "meets": {"all": [{"field": "lead_time", "at_most": 20}, {"field": "labels", "has": "b"}]},
    },
)


def case_of(measure: dict[str, Any], shown: Sequence[Sequence[Shown]]) -> Case:
    """Return the case that the oracle computes: the issues as they were at the end."""
    return Case(
        settings=measure,
        issues=[one for each in shown if (one := played(each, END)) is not None],
        start=0,
        starts_at=datetime(2026, 10, 1, tzinfo=UTC),
        ends_at=END,
        at=END - timedelta(microseconds=1),
        zone=ZoneInfo("UTC"),
        working=frozenset(range(5)),
        holidays=frozenset(),
        ever_linked=True,
        known_since=None,
        ticked=frozenset(),
        checked_in=None,
    )


def snapshot_of(one: Shown, each: Sequence[Shown], number: int) -> Snapshot:
    """Return what the tracker sends of an issue: with its creation, and since when it is closed and in its state."""
    dated = sorted((other for other in each if other.at <= one.at), key=lambda other: other.at, reverse=True)
    alike = takewhile(lambda other: other.state is one.state, dated)
    closed = list(takewhile(lambda other: other.state in CLOSED, dated))
    return issue(
        number,
        (one.at - NOON).total_seconds(),
        state=one.state,
        labels=[CHECKOUT_LABEL, *(Term(name, name) for name in sorted(one.labels))],
        points=one.number,
        created_at=min(other.at for other in each),
        closed_at=closed[-1].at if closed else None,
        entered_category_at=list(alike)[-1].at,
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50 if LONG else 3 if ALL else 2))
def test_frozen_values_are_those_of_what_was_dated_and_known_by_the_end(empty_core: CoreHarness, seed: int) -> None:
    """Of issues that are shown to it before the end, and go on after it."""
    core, random = empty_core, Random(seed)  # noqa: S311 - not for secrets
    core.now = END - timedelta(days=70)
    for index, measure in enumerate(MEASURES):
        core.rule(f"r{index}", core.key_result(f"KR-{index}", **measure), LABELLED)
    shown = [sorted(issue_of(random, END), key=lambda one: (one.late, one.at)) for _ in range(6)]
    arrivals = [(one, snapshot_of(one, each, number)) for number, each in enumerate(shown) for one in each]
    core.now = END - timedelta(seconds=1)
    for one, sent in arrivals:
        if not one.late:
            core.post(sent)
    core.drain()
    core.now = END + timedelta(hours=200)
    with writing(core.engine) as tx:
        tx.execute(sa.insert(tables.organisation).values(name="Acme", grace_days=9))
    for one, sent in sorted(arrivals, key=lambda arrival: arrival[0].at):
        if one.late:
            core.receive_and_drain(sent)
    core.now = END + timedelta(days=9)
    core.make_due(tables.recompute)
    core.drain()
    for index, measure in enumerate(MEASURES):
        expected = oracle.value(case_of(measure, shown))
        assert core.key_result_row(f"KR-{index}").status == "closed"
        found = core.value(f"KR-{index}")
        assert found == (None if expected is None else pytest.approx(float(expected), abs=1e-5)), measure
        assert last_day(core, f"KR-{index}") == ("2026-12-31", found), measure


def last_day(core: CoreHarness, slug: str) -> tuple[str, float | None]:
    """Return the last day of the line, and its value."""
    with reading(core.engine) as tx:
        last = key_result_line(tx, core.key_result_row(slug).id, core.now)[-1]
    return last.day.isoformat(), last.value


def test_ticks_and_the_issues_of_steps_count_as_of_the_end(empty_core: CoreHarness) -> None:
    """Done, reopened or dropped after the end changes nothing; a tick in the days of grace counts, a late one does not.

    After the freeze the list of steps shows those that were counted.
    """
    core = empty_core
    steps = [{"name": name, "issue": f"paper:acme/checkout#{number}"} for number, name in enumerate("ABC")]
    id_ = core.key_result(kind="steps", steps=[*steps, {"name": "D"}, {"name": "E"}])
    core.receive_and_drain(done(0, 0), issue(1, 0), done(2, 0))
    core.now = END + timedelta(hours=5)
    core.receive_and_drain(issue(0, AT_END + HOUR), done(1, AT_END + HOUR))
    core.receive_and_drain(issue(2, AT_END + HOUR, state=State.DROPPED))
    tick(core, "D")
    core.make_due(tables.recompute)
    core.drain()
    assert (core.value(), counted(core)) == (60, ["A", "C", "D"])
    core.now = END + timedelta(days=3)
    core.make_due(tables.recompute)
    core.drain()
    with pytest.raises(CheckInRefused):
        tick(core, "E")
    with writing(core.engine) as tx:
        store_steps.tick(tx, id_, "E", person_id=None, now=core.now)
    core.receive_and_drain(done(1, AT_END - HOUR))
    assert (core.value(), counted(core)) == (60, ["A", "C", "D"])
    assert last_day(core, "KR-1") == ("2026-12-31", 60)


def tick(core: CoreHarness, step: str) -> None:
    """Tick a step as an admin."""
    with writing(core.engine) as tx:
        view = key_result_view(tx, "KR-1", core.now)
        assert view is not None
        step_ticks.set_done(tx, view, step, done=True, author=Author("Ana", "admin"), now=core.now)


def counted(core: CoreHarness) -> list[str]:
    """Return the names of the steps that the list shows as done."""
    with reading(core.engine) as tx:
        view = key_result_view(tx, "KR-1", core.now)
        assert view is not None
        return [one.name for one in step_ticks.step_states(tx, view, core.now) if one.done]
