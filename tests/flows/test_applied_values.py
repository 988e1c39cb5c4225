"""Applied, proposed and overridden values, from a delivery to the history."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sync_service.progress.proposals import Decider, Refused
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.views.key_results import HistoryView, history_view
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness

pytestmark = pytest.mark.both_databases


def decide(core: CoreHarness, what: str, *values: object, **settings: object) -> None:
    """Let Ana decide about the key result."""
    with writing(core.engine) as tx:
        decider = Decider(tx=tx, ruleset=RulesetCache().current(tx), by="Ana", now=core.now, settle=timedelta(hours=1))
        getattr(decider, what)(core.key_result_row().id, *values, **settings)


def proposing(core: CoreHarness) -> None:
    """Start at a value of 0, and propose later ones."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    with core.engine.begin() as tx:
        tx.execute(sa.update(tables.key_result).values(apply="propose"))


def newest(core: CoreHarness) -> HistoryView:
    """Return the newest entry of the history."""
    with reading(core.engine) as tx:
        return history_view(tx, core.key_result_row().id)[0]


def test_an_accepted_value_is_one_entry_with_all_causes_and_parts(core: CoreHarness) -> None:
    """Two issues were done since; the superseded proposal made no entry."""
    proposing(core)
    core.receive_and_drain(done(1, 5))
    core.receive_and_drain(done(2, 6))
    row = core.key_result_row()
    assert (row.current, row.computed, row.proposed["value"]) == (0, 100, 100)
    decide(core, "accept", "agreed")
    row = core.key_result_row()
    assert (row.current, row.progress, row.status, row.proposed) == (100, 1, "completed", None)
    entry = newest(core)
    assert (entry.before, entry.after) == (0, 100)
    assert [(part.kind.value, part.change) for part in entry.parts] == [("done", 100)]
    assert [cause.what for cause in entry.causes][-1] == "proposed value accepted: agreed"
    assert len([cause for cause in entry.causes if cause.what == "closed as done"]) == 2


def test_a_declined_value_is_not_proposed_again_until_it_changes(core: CoreHarness) -> None:
    """A computation that gives the same value proposes nothing."""
    proposing(core)
    core.receive_and_drain(done(1, 5))
    decide(core, "decline")
    core.receive_and_drain(issue(1, 7, title="Renamed"))  # reopened: the value is the applied one again
    assert core.key_result_row().proposed is None
    core.receive_and_drain(done(1, 8))
    assert core.key_result_row().proposed["decision"] == "waiting"
    decide(core, "decline")
    with pytest.raises(Refused):
        decide(core, "accept")


def test_an_override_applies_until_it_is_resumed(core: CoreHarness) -> None:
    """Both are entries without parts, by the person."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    decide(core, "override", 80.0)
    core.receive_and_drain(done(1, 5))
    row = core.key_result_row()
    assert (row.current, row.computed, row.progress) == (80, 50, 0.8)
    entry = newest(core)
    assert (entry.after, entry.parts, [cause.actor for cause in entry.causes]) == (80, (), ["Ana"])
    decide(core, "resume")
    row = core.key_result_row()
    assert (row.current, row.override) == (50, None)
    assert (newest(core).before, newest(core).after, newest(core).parts) == (80, 50, ())


def test_an_override_until_a_change_ends_with_the_next_computed_value(core: CoreHarness) -> None:
    """The computed value applies from then on."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    decide(core, "override", 80.0, until_change=True)
    core.receive_and_drain(done(1, 5))
    assert (core.key_result_row().current, core.key_result_row().override) == (50, None)


def test_an_override_that_would_end_in_the_past_is_refused(core: CoreHarness) -> None:
    """It names what is wrong, and nothing changes."""
    core.receive_and_drain(issue(1, 0))
    past: datetime = core.now - timedelta(hours=1)
    with pytest.raises(Refused, match="later time"):
        decide(core, "override", 80.0, until=past)
    assert core.key_result_row().override is None


def test_an_override_ends_by_itself_on_time(core: CoreHarness) -> None:
    """The row that computes it again is due at that time."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    until = core.now + timedelta(hours=2)
    decide(core, "override", 80.0, until=until)
    (row,) = core.rows(tables.recompute)
    assert row.due_at == until
    core.now = until
    core.make_due(tables.recompute)
    core.drain()
    assert (core.key_result_row().current, core.key_result_row().override) == (0, None)
