"""Applied, proposed and overridden values, from a delivery to the history."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.measures.applying.applied import Decision
from sync_service.domain.people.check_in import Author, CheckIn
from sync_service.progress.applying.proposals import Decider, Refused
from sync_service.progress.explanation import Explanation, explain_value
from sync_service.store import tables
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.okrs import check_ins, key_results
from sync_service.store.okrs.applying.applied import lapse_proposal
from sync_service.store.okrs.roll_ups import roll_ups
from sync_service.store.queue import due
from sync_service.store.views.key_results import HistoryView, history_view
from tests.domain.factories import at
from tests.flows.issue_factory import done, issue
from tests.support.config_file import LABELLED
from tests.support.fake_tracker import CoreHarness

END = datetime(2027, 1, 1, tzinfo=UTC)
"""The end of the cycle."""


def decide(core: CoreHarness, what: str, *values: object, **settings: object) -> None:
    """Let Ana decide about the key result."""
    with writing(core.engine) as tx:
        decider = Decider.begin(tx, by="Ana", actor="ana@example.com", now=core.now, settle=timedelta(hours=1))
        getattr(decider, what)(core.key_result_row().id, *values, **settings)


def proposing(core: CoreHarness) -> None:
    """Start at a value of 0, and propose later ones."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    with core.engine.begin() as tx:
        tx.execute(sa.update(tables.key_result).values(apply="propose"))


def explained(core: CoreHarness, at: datetime) -> Explanation:
    """Return the explanation at a time."""
    with reading(core.engine) as tx:
        found = explain_value(tx, core.key_result_row().id, at)
    assert found is not None
    return found


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
    decide(core, "decide", Decision.ACCEPTED, word="agreed")
    row = core.key_result_row()
    assert (row.current, row.progress, row.status, row.proposed) == (100, 1, "completed", None)
    entry = newest(core)
    assert (entry.before, entry.after) == (0, 100)
    assert [(part.kind.value, part.change) for part in entry.parts] == [("done", 100)]
    assert [cause.what for cause in entry.causes][-1] == "proposed value 100 accepted: agreed"
    assert len([cause for cause in entry.causes if cause.what == "closed as done"]) == 2


def test_a_declined_value_is_not_proposed_again_until_it_changes(core: CoreHarness) -> None:
    """A computation that gives the same value proposes nothing."""
    proposing(core)
    core.receive_and_drain(done(1, 5))
    decide(core, "decide", Decision.DECLINED)
    core.receive_and_drain(issue(1, 7, title="Renamed"))  # reopened: the value is the applied one again
    assert core.key_result_row().proposed is None
    core.receive_and_drain(done(1, 8))
    assert core.key_result_row().proposed["decision"] == "waiting"
    decide(core, "decide", Decision.DECLINED)
    with pytest.raises(Refused):
        decide(core, "decide", Decision.ACCEPTED)


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


def test_status_mail_and_roll_up_follow_the_applied_value(core: CoreHarness) -> None:
    """Not the computed one."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    assert core.key_result_row().status == "behind"
    decide(core, "override", 80.0)
    core.receive_and_drain(done(1, 5))
    assert core.key_result_row().status == "on_track"
    (notice,) = core.rows(tables.notice, tables.notice.c.due_at.isnot(None))
    assert (notice.from_status, notice.to_status, notice.to_value) == ("behind", "on_track", 80)
    with reading(core.engine) as tx:
        rolled_up = roll_ups(tx, [core.objective_id])[core.objective_id]
    assert rolled_up.progress == 0.8


@pytest.mark.both_databases
def test_an_override_until_a_change_ends_with_the_next_computed_value(core: CoreHarness) -> None:
    """The computed value applies from then on."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    decide(core, "override", 80.0, until="change")
    core.receive_and_drain(done(1, 5))
    assert (core.key_result_row().current, core.key_result_row().override) == (50, None)
    k = tables.key_result.c
    assert core.rows(tables.key_result, k.override.is_(None), k.proposed.is_(None))
    whats = [cause.what for cause in newest(core).causes]
    assert whats == ["closed as done", "the override with 80 by Ana ended: the computed value changed"]


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
    assert [cause.what for cause in newest(core).causes] == ["the override with 80 by Ana ended: its time is over"]


@pytest.mark.both_databases
def test_an_override_ends_on_time_though_its_row_was_claimed(core: CoreHarness) -> None:
    """A worker that computes, or died while it did, gives the row back for that time."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    core.make_due(tables.recompute)
    (claimed,) = due.claim(core.engine, tables.recompute, limit=1)
    until = core.now + timedelta(hours=2)
    decide(core, "override", 80.0, until=until)
    assert core.rows(tables.recompute)[0].due_at == claimed.due_at
    core.make_due(tables.recompute)
    core.drain()
    (row,) = core.rows(tables.recompute)
    with reading(core.engine) as tx:
        wait = row.due_at - database_now(tx)
    assert timedelta(hours=1) < wait <= timedelta(hours=2)
    assert core.key_result_row().current == 80


def test_an_override_whose_time_is_over_after_the_numbers_are_final_makes_no_row_due_again_at_once(
    core: CoreHarness,
) -> None:
    """It stays, as the final numbers do; the key result is computed again on the next day only."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    until = END + timedelta(days=6)
    decide(core, "override", 80.0, until=until)
    core.now = END + timedelta(days=4)
    core.make_due(tables.recompute)
    core.drains.by_table["recompute"]()
    core.now = until + timedelta(hours=1)
    core.make_due(tables.recompute)
    core.drains.by_table["recompute"]()
    row = core.key_result_row()
    assert (row.status, row.current, row.override is None) == ("closed", 80, False)
    with reading(core.engine) as tx:
        assert core.rows(tables.recompute)[0].due_at > database_now(tx) + timedelta(hours=1)


def test_an_override_until_a_change_does_not_end_with_the_time_that_passed_before_it(core: CoreHarness) -> None:
    """The value that days moved is computed first, as an entry of its own."""
    core.receive_and_drain(done(1, 5, created_at=at(0)))
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(measure={"kind": "lead-time", "window": "7d"}))
        key_results.recompute(tx, [core.key_result_row().id])
    core.drain()
    assert core.key_result_row().computed is not None
    core.now += timedelta(days=30)
    decide(core, "override", 80.0, until="change")
    assert (core.key_result_row().current, core.key_result_row().computed) == (80, None)
    assert (newest(core).before, newest(core).after) == (None, 80)


def test_the_explanation_has_the_whole_computed_sum_and_why_another_value_applies(core: CoreHarness) -> None:
    """Now and at any past time."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    decide(core, "override", 80.0)
    overridden_at = core.now
    core.now += timedelta(hours=1)
    core.receive_and_drain(done(1, 5))
    decide(core, "resume")
    past, now = explained(core, overridden_at), explained(core, core.now)
    why = "overridden with 80 by Ana; 0 was computed then"
    assert (past.value, past.computed, past.differs) == (80, 0, why)
    assert [line.adds for line in past.lines][-2:] == [0, 80]
    assert past.lines[-1].text == f"applies: {why}"
    assert (now.value, now.computed, now.differs, now.lines[-1].adds) == (50, 50, None, 50)


def test_a_declined_value_is_explained(core: CoreHarness) -> None:
    """The decision is in the recorded inputs, though no value moved."""
    proposing(core)
    core.receive_and_drain(done(1, 5))
    assert "50 is proposed since" in str(explained(core, core.now).differs)
    decide(core, "decide", Decision.DECLINED, word="not yet")
    assert explained(core, core.now).differs == "50 was declined, so 0 stays"
    assert core.rows(tables.audit)[-1].what == "KR-1: proposed value 50 declined: not yet"


@pytest.mark.both_databases
def test_a_proposal_that_was_superseded_meanwhile_is_not_accepted_unseen(core: CoreHarness) -> None:
    """Who decides names the value they saw."""
    proposing(core)
    core.receive_and_drain(done(1, 5))
    core.receive_and_drain(done(2, 6))
    with pytest.raises(Refused, match="is 100 now"):
        decide(core, "decide", Decision.ACCEPTED, expected=50.0)
    assert core.key_result_row().current == 0


def test_an_override_with_no_number_is_refused(core: CoreHarness) -> None:
    """Nothing changes."""
    core.receive_and_drain(issue(1, 0))
    for value in (float("nan"), float("inf"), 1e13):
        with pytest.raises(Refused, match="not a number, or too large"):
            decide(core, "override", value)


def test_final_numbers_take_no_decision(core: CoreHarness) -> None:
    """The grace is over."""
    core.receive_and_drain(issue(1, 0))
    core.now += timedelta(days=90)
    with pytest.raises(Refused, match="the numbers of KR-1 are final"):
        decide(core, "override", 80.0)


@pytest.mark.both_databases
def test_a_proposal_lapses_once(core: CoreHarness) -> None:
    """It is kept with its decision, to be listed when the cycle is closed."""
    proposing(core)
    core.receive_and_drain(done(1, 5))
    with writing(core.engine) as tx:
        lapsed = lapse_proposal(tx, core.key_result_row().id)
        again = lapse_proposal(tx, core.key_result_row().id)
    assert lapsed is not None
    assert (lapsed.value, lapsed.lapsed, lapsed) == (50, True, again)
    assert core.key_result_row().proposed["decision"] == "lapsed"
    assert core.key_result_row().current == 0


def test_an_undecided_proposal_lapses_when_the_numbers_become_final(core: CoreHarness) -> None:
    """It makes no entry that people see, and the explanation says so."""
    proposing(core)
    core.receive_and_drain(done(1, 5))
    core.now += timedelta(days=90)
    core.make_due(tables.recompute)
    core.drain()
    row = core.key_result_row()
    assert (row.status, row.current, row.proposed["decision"]) == ("closed", 0, "lapsed")
    assert explained(core, core.now).differs == (
        "50 was proposed and not decided before the numbers became final, so 0 stays"
    )
    assert newest(core).after == 0


def test_the_first_value_is_proposed_too(core: CoreHarness) -> None:
    """Without an accepted value there is no data."""
    with core.engine.begin() as tx:
        tx.execute(sa.update(tables.key_result).values(apply="propose"))
    core.receive_and_drain(done(1, 5), issue(2, 0))
    row = core.key_result_row()
    assert (row.current, row.status, row.computed, row.proposed["value"]) == (None, "no_data", 50, 50)
    assert "who accepted nothing yet" in str(explained(core, core.now).differs)
    decide(core, "decide", Decision.ACCEPTED)
    assert (core.key_result_row().current, newest(core).before, newest(core).parts) == (50, None, ())


@pytest.mark.both_databases
def test_of_two_decisions_at_once_one_is_made(core: CoreHarness) -> None:
    """The key result is locked: the other one finds nothing that waits."""
    proposing(core)
    core.receive_and_drain(done(1, 5))

    def accept(_: int) -> str:
        try:
            decide(core, "decide", Decision.ACCEPTED, expected=50.0)
        except Refused as refused:
            return str(refused)
        return "made"

    with ThreadPoolExecutor(4) as pool:
        found = sorted(pool.map(accept, range(4)))
    assert found == [*["KR-1 has no proposed value that waits"] * 3, "made"]
    assert core.key_result_row().current == 50


def check_in(core: CoreHarness, key_result_id: int, value: float, person_id: int | None) -> None:
    """Let a person check in a value."""
    with writing(core.engine) as tx:
        author = Author("Somebody", "admin", person_id=person_id)
        check_ins.add(tx, key_result_id, CheckIn(value=value), author=author, at=core.now)
        key_results.recompute(tx, [key_result_id])
    core.now += timedelta(hours=1)
    core.drain()


def applied_and_proposed(core: CoreHarness) -> tuple[float | None, float | None]:
    """Return the value that applies, and the one that waits."""
    row = core.key_result_row()
    return row.current, row.proposed and row.proposed["value"]


@pytest.mark.both_databases
def test_the_first_value_waits_too(empty_core: CoreHarness) -> None:
    """Until somebody accepts it there is no value, and no status."""
    empty_core.rule("r", empty_core.key_result(), LABELLED)
    with writing(empty_core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(apply="propose", current=None, computed=None))
    empty_core.receive_and_drain(done(1, 0), issue(2, 0))
    assert applied_and_proposed(empty_core) == (None, 50)
    assert empty_core.key_result_row().status == "no_data"
    decide(empty_core, "decide", Decision.ACCEPTED)
    assert applied_and_proposed(empty_core) == (50, None)


@pytest.mark.both_databases
def test_a_check_in_by_its_owner_is_accepted_by_being_made(empty_core: CoreHarness) -> None:
    """Another one's waits, also the first; without an owner nobody else decides than those who check in."""
    core = empty_core
    id_ = core.key_result(kind="manual")
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.key_result).values(apply="propose"))
        ben = sa.insert(tables.person).values(email="ben@example.com", name="Ben", role="admin", accounts={})
        ben_id = tx.execute(ben.returning(tables.person.c.id)).scalar_one()
    check_in(core, id_, 10, ben_id)
    assert applied_and_proposed(core) == (None, 10)
    check_in(core, id_, 20, core.person_id)
    assert applied_and_proposed(core) == (20, None)
    check_in(core, id_, 30, None)
    assert applied_and_proposed(core) == (20, 30)
    decide(core, "decide", Decision.ACCEPTED)
    assert applied_and_proposed(core) == (30, None)
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.objective).values(owner_id=None))
    check_in(core, id_, 40, ben_id)
    assert applied_and_proposed(core) == (40, None)
