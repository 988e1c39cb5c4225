"""Rules that compare days: with a date, or with the cycle of their key result in the time zone of its team."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import permutations
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.domain.trackers.observations import Snapshot, State
from sync_service.domain.trackers.state_changes import IssueHistory, StateChange
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.jobs import histories
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness

ON_THE_DAY = {"field": "closed", "on": "cycle start + 50 days"}
"""The 20th of November, the day of `at`."""

DAY = 86_400


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return the harness."""
    return empty_core


def linked(core: CoreHarness) -> list[str]:
    """Return the keys of the linked issues."""
    found = sa.select(tables.issue.c.key).join(tables.link, tables.link.c.issue_id == tables.issue.c.id)
    with reading(core.engine) as tx:
        return sorted(tx.scalars(found))


def closed(second: float) -> Snapshot:
    """Return the issue, closed so many seconds after noon."""
    return snapshot(second, state=State.DONE, closed_at=at(second), dated_anew=True)


@pytest.mark.both_databases
def test_a_rule_follows_the_closing_of_an_issue(core: CoreHarness) -> None:
    """As it closes, is reopened, and closes on another day."""
    core.rule("of-the-day", core.key_result(kind="done-count", within="ever"), ON_THE_DAY)
    core.now = at(2 * DAY)
    core.receive_and_drain(snapshot(0))
    assert linked(core) == []
    core.receive_and_drain(closed(1))
    assert len(linked(core)) == 1
    core.receive_and_drain(snapshot(2, state=State.TODO))
    assert linked(core) == []
    core.receive_and_drain(closed(DAY))
    assert linked(core) == []


def test_links_do_not_depend_on_the_order_of_deliveries(core: CoreHarness) -> None:
    """The closing date is decided by all snapshots."""
    core.rule("of-the-day", core.key_result(kind="done-count", within="ever"), ON_THE_DAY)
    core.now = at(2 * DAY)
    steps = [closed(1), snapshot(2, state=State.TODO), closed(3), replace(closed(3), updated_at=at(DAY))]
    for number, order in enumerate(permutations(steps)):
        same: dict[str, Any] = {"identity": f"501#{100 + number}", "key": f"acme/checkout#{100 + number}"}
        for one in order:
            core.receive_and_drain(replace(one, **same))
    assert len(linked(core)) == 24


def test_a_start_that_is_read_from_the_tracker_matches_the_rule(core: CoreHarness) -> None:
    """Histories are read later than the issues."""
    core.rule("early", core.key_result(kind="open-count"), {"field": "started", "before": "2100-01-01"})
    core.receive_and_drain(snapshot(900, state=State.TODO, created_at=at(0)))
    assert linked(core) == []
    changes = tuple(map(StateChange, map(at, range(3)), (State.TODO, State.DOING, State.TODO)))
    with writing(core.engine) as tx:
        found = IssueHistory(snapshot().identity, changes, whole=True, calls=1)
        histories.save(tx, core.connection_id, [found], read_at=core.now)
    core.drain()
    assert len(linked(core)) == 1


OBJECTIVE = {"slug": "o", "title": "Paying is effortless", "cycle": "2026-q4", "owner": "ana@example.com"}


@pytest.mark.both_databases
def test_a_moved_cycle_and_a_new_time_zone_match_the_issues_again(core: CoreHarness) -> None:
    """The rule itself is not edited; one without days is not asked again."""
    found = core.key_result(kind="done-count", within="ever")
    core.rule("dated", found, {"field": "closed", "on": "cycle start"})
    early = datetime(2026, 10, 1, 2, 0, tzinfo=UTC)  # the day before in Lima
    core.receive_and_drain(snapshot(1, state=State.DONE, closed_at=early, dated_anew=True))

    known: Any = {"paper": core.tracker}

    def after(**sections: Any) -> bool:
        applier = ConfigApplier(
            engine=core.engine,
            sealer=core.sealer,
            connectors=known,
            environment=None,
            zone=ZoneInfo("UTC"),
            now=core.clock,
            actor="the tests",
        )
        applier.apply([("okrs.yaml", json.dumps(sections).encode())], prune=False)
        core.drain()
        return bool(linked(core))

    assert linked(core)
    cycle = {"slug": "2026-q4", "name": "Q4 2026", "ends": "2026-12-31"}
    assert not after(cycles=[{**cycle, "starts": "2026-10-02"}])
    assert core.reasons()[-1] == ("its cycle is now 2026-10-02 to 2026-12-31 in UTC, no longer linked by rule dated")
    assert after(cycles=[{**cycle, "starts": "2026-10-01"}])
    team = {"slug": "lima", "name": "Lima"}
    assert after(teams=[team], objectives=[{**OBJECTIVE, "team": "lima"}])
    assert not after(teams=[{**team, "timezone": "America/Lima"}])
    assert after(teams=[{**team, "timezone": "Europe/Madrid"}])
    assert not after(organisation={"timezone": "America/Lima"}, teams=[team])
    assert after(organisation={"timezone": "UTC"})
    later = {"slug": "2027-q1", "name": "Q1 2027", "starts": "2027-01-01", "ends": "2027-03-31"}
    assert not after(cycles=[later], objectives=[{**OBJECTIVE, "team": "lima", "cycle": "2027-q1"}])
