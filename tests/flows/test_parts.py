"""What is recorded of each change: its parts, its inputs, and the inputs of any past time."""

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.trackers.observations import Snapshot, State, Tombstone
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.store.okrs import contributions, history
from sync_service.store.okrs.history import inputs_at, is_shown
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness

SHARES = [{"kind": "done-share"}, {"kind": "done-share", "weight": "points", "doing": 0.5}, {"kind": "open-count"}]


def parts_of(row: Row[Any]) -> dict[str, float]:
    """Return the parts of an entry by kind."""
    return {part["kind"]: part["change"] for part in row.parts}


def entries(core: CoreHarness) -> Sequence[Row[Any]]:
    """Return the entries that people see, oldest first."""
    return core.rows(tables.history, is_shown)


def test_work_and_added_scope_are_separate_parts(core: CoreHarness) -> None:
    """One of two is closed; then two are added, one of them already done."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    core.receive_and_drain(done(1, 1))
    assert parts_of(entries(core)[-1]) == {"done": 50}
    core.receive_and_drain(issue(3, 2), done(4, 2))
    core.receive_and_drain(issue(5, 3))
    assert parts_of(entries(core)[-1]) == {"scope_added": -10}


def test_dropping_and_reopening_have_parts_of_their_own(core: CoreHarness) -> None:
    """Three issues: one done; one is dropped; the done one is reopened."""
    core.receive_and_drain(done(1, 0), issue(2, 0), issue(3, 0))
    core.receive_and_drain(done(2, 1, state=State.DROPPED))
    assert parts_of(entries(core)[-1]) == {"scope_dropped": 16.666667}
    core.receive_and_drain(issue(1, 2))
    assert parts_of(entries(core)[-1]) == {"reopened": -50}


def test_what_a_changed_rule_links_is_the_rules_part(core: CoreHarness) -> None:
    """The issues themselves did not change."""
    core.receive_and_drain(done(1, 0), issue(2, 0), issue(3, 0, labels=[]))
    core.rule("everything", core.key_result_row().id, {"field": "scope", "is": "acme/checkout"})
    core.drain()
    assert parts_of(entries(core)[-1]) == {"rule": -16.666667}


@pytest.mark.parametrize("measure", SHARES)
def test_entries_telescope_and_recompute_from_their_inputs(core: CoreHarness, measure: dict[str, Any]) -> None:
    """Random happenings: each entry begins where the last one ended, its parts add up, its inputs give its value."""
    with core.engine.begin() as tx:
        tx.execute(sa.update(tables.key_result).values(measure=measure))
    chance = random.Random(7)  # noqa: S311 - a seed makes it repeatable
    seen: list[tuple[datetime, float | None, Mapping[int, Contribution]]] = []
    for step in range(40):
        core.now += timedelta(minutes=1)
        core.receive_and_drain(_happening(chance, step))
        with reading(core.engine) as tx:
            held = contributions.stored(tx, [core.key_result_row().id])[core.key_result_row().id]
        seen.append((core.now, core.value(), held))
    every = core.rows(tables.history)
    for before, after in pairwise(every):
        assert before.to == after._mapping["from"]
    for entry in every:
        start = entry._mapping["from"]
        if start is not None and entry.to is not None:
            assert sum(parts_of(entry).values()) == pytest.approx(entry.to - start, abs=1e-5)
    with reading(core.engine) as tx:
        for at, value, expected in seen:
            past = inputs_at(tx, core.key_result_row().id, at)
            assert (past.value if past else None) == value
            assert (past.contributions if past else {}) == expected


def _happening(chance: random.Random, step: int) -> Snapshot | Tombstone:
    number = chance.randrange(1, 7)
    match chance.randrange(7):
        case 0:
            return Tombstone(identity=f"501#{number}", key=f"acme/checkout#{number}")
        case 1:
            return done(number, step, state=State.DROPPED)
        case 2:
            return issue(number, step, state=State.DOING, points=chance.choice([None, 1.0, 5.0]))
        case 3:
            return issue(number, step, labels=[])
        case 4:
            return done(number, step, points=2.0)
        case _:
            return issue(number, step, points=3.0) if chance.random() < 0.5 else done(number, step)


@pytest.mark.both_databases
def test_a_checkpoint_holds_all_inputs(core: CoreHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    """Past inputs are read from the last checkpoint before them."""
    monkeypatch.setattr(history, "CHECKPOINT", 3)
    times = []
    for number in range(1, 9):
        core.now += timedelta(minutes=1)
        core.receive_and_drain(issue(number, number))
        times.append(core.now)
    assert len(core.rows(tables.history_checkpoint)) == 2
    with reading(core.engine) as tx:
        found = [inputs_at(tx, core.key_result_row().id, at) for at in times]
    assert [len(one.contributions) if one else 0 for one in found] == list(range(1, 9))
