"""Random histories of work and decisions: what applies, and what the history keeps of it."""

import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from sync_service.domain.measures.applying.applied import Decision
from sync_service.progress.applying.proposals import Decider
from sync_service.progress.explanation import explain_value
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results
from tests.domain.measures.applied_oracle import PlainApplied
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness
from tests.support.run_scope import LONG

STEPS = 25


class History:
    """A key result with random happenings, each an hour after the one before, and the oracle that follows them."""

    def __init__(self, core: CoreHarness, seed: int) -> None:
        self.core, self.chance = core, random.Random(seed)  # noqa: S311 - a seed makes it repeatable
        self.plain, self.hour, self.done = PlainApplied(), 0, set[int]()

    def row(self) -> Row[Any]:
        """Return the key result."""
        return self.core.key_result_row()

    def happen(self) -> None:
        """Let an hour pass, in which an override may end, then let one thing happen."""
        self.hour += 1
        self.core.now += timedelta(hours=1)
        with writing(self.core.engine) as tx:
            key_results.recompute(tx, [self.row().id])
        self.core.drain()
        self.plain.compute(self.plain.computed, {}, self.hour)
        self.chance.choice([self.work, self.work, self.decide, self.override, self.resume, self.change_the_setting])()

    def work(self) -> None:
        """Close or reopen one of four issues."""
        number = self.chance.randint(1, 4)
        self.done ^= {number}
        change = done if number in self.done else issue
        self.core.receive_and_drain(change(number, 60 * self.hour))
        value = 25.0 * len(self.done)
        kind = "done" if number in self.done else "reopened"
        change_of = value - (self.plain.computed or 0)
        self.plain.compute(value, {kind: change_of}, self.hour)

    def decide(self) -> None:
        """Accept or decline what waits."""
        if self.plain.waiting is None:
            return
        decision = self.chance.choice([Decision.ACCEPTED, Decision.DECLINED])
        with writing(self.core.engine) as tx:
            self._decider(tx).decide(self.row().id, decision, expected=self.plain.waiting)
        (self.plain.accept if decision is Decision.ACCEPTED else self.plain.decline)(self.hour)

    def override(self) -> None:
        """Override the value, in one of three ways."""
        hours = self.chance.choice([None, 1, 3])
        change = hours is None and self.chance.random() < 0.5
        at = None if hours is None else self.core.now + timedelta(hours=hours)
        with writing(self.core.engine) as tx:
            self._decider(tx).override(self.row().id, 80.0, until="change" if change else at)
        until = None if hours is None else self.hour + hours
        self.plain.overrule(80.0, until=until, until_change=change)

    def resume(self) -> None:
        """End the override."""
        if self.plain.override is None:
            return
        with writing(self.core.engine) as tx:
            self._decider(tx).resume(self.row().id)
        self.plain.resume()

    def change_the_setting(self) -> None:
        """Propose values from now on, or apply them."""
        self.plain.proposes = not self.plain.proposes
        with writing(self.core.engine) as tx:
            tx.execute(sa.update(tables.key_result).values(apply="propose" if self.plain.proposes else "apply"))
            key_results.recompute(tx, [self.row().id])
        self.core.drain()
        self.plain.compute(self.plain.computed, {}, self.hour)

    def _decider(self, tx: sa.Connection) -> Decider:
        return Decider.begin(tx, by="Ana", actor="ana@example.com", now=self.core.now, settle=timedelta(hours=1))


@pytest.mark.parametrize("seed", range(50 if LONG else 2))
def test_any_history_of_decisions_is_the_oracles(core: CoreHarness, seed: int) -> None:
    """After each step: the values. In the end: entries telescope, their parts add up or are none, each is explained."""
    core.receive_and_drain(*(issue(number, 0) for number in range(1, 5)))
    history = History(core, seed)
    history.plain.compute(0.0, {}, 0)
    for _ in range(STEPS):
        history.happen()
        row, plain = history.row(), history.plain
        assert (row.current, row.computed) == (plain.value, plain.computed)
        assert (row.progress, row.override is None) == (
            None if plain.value is None else plain.value / 100,
            not plain.override,
        )
        waits = row.proposed is not None and row.proposed["decision"] == "waiting"
        assert (row.proposed["value"] if waits else None) == plain.waiting
    check_entries(core.rows(tables.history))
    check_explanations(core)


def check_entries(entries: Sequence[Row[Any]]) -> None:
    """Check that each begins where the one before ended, and that its parts add up."""
    assert len(entries) > 5
    for before, after in pairwise(entries):
        assert before.to == after._mapping["from"]
    for entry in entries:
        if entry.parts:
            assert sum(part["change"] for part in entry.parts) == pytest.approx(entry.to - entry._mapping["from"])
        elif entry._mapping["from"] not in (None, entry.to):
            assert any("overrid" in cause["what"] for cause in entry.causes)


def check_explanations(core: CoreHarness) -> None:
    """Check that the sum of each entry is the computed value, and that it says why another one applied."""
    by_time = {entry.at: entry for entry in core.rows(tables.history)}
    for at, entry in by_time.items():
        with reading(core.engine) as tx:
            found = explain_value(tx, entry.key_result_id, at)
        assert found is not None
        assert found.value == entry.to
        sums = found.lines[:-1] if found.differs else found.lines
        assert sums[-1].adds == found.computed
        assert found.differs or found.value == found.computed
