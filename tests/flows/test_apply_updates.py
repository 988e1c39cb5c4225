"""Deliveries move key results by the right amount, with the right reason, in any order."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import Snapshot, State, TermKind, TermSeen, Tombstone
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.okrs.history import is_shown
from tests.domain.factories import BILLING, CHECKOUT, snapshot
from tests.flows.issue_factory import done, issue
from tests.support.config_file import LABELLED
from tests.support.fake_tracker import CoreHarness

UNLINKED = "no longer linked by rule checkout-label"


def test_closing_a_linked_issue_moves_the_key_result(core: CoreHarness) -> None:
    """The history entry has the reason, the delivery and the actor."""
    core.receive_and_drain(issue(1, 0))
    core.receive_and_drain(issue(2, 0))
    delivery = core.receive_and_drain(done(1, 5))
    assert core.value() == 50
    entry = core.rows(tables.history, is_shown)[-1]
    assert (entry._mapping["from"], entry.to) == (0, 50)
    assert entry.causes == [
        {
            "what": "closed as done",
            "issue": "acme/checkout#1",
            "title": "Pay by card",
            "url": "https://github.example/acme/checkout/issues/1",
            "delivery": delivery,
            "actor": "Ana",
        }
    ]


@pytest.mark.slow
def test_each_change_of_an_issue_moves_the_value_with_its_reason(core: CoreHarness) -> None:
    """Close, cancel, reopen, unlabel, delete and move issues, one after the other."""
    for number in (1, 2, 3, 4):
        core.receive_and_drain(issue(number, 0))
    steps: list[tuple[Snapshot | Tombstone, float | None, str]] = [
        (done(1, 1), 25, "closed as done"),
        (
            done(2, 2, state=State.DROPPED, resolution="not_planned"),
            100 / 3,
            "closed as not planned, dropped",
        ),
        (issue(1, 3), 0, "reopened"),
        (done(1, 4), 100 / 3, "closed as done"),
        (issue(3, 5, labels=[]), 50, f"unlabelled checkout, {UNLINKED}"),
        (Tombstone(identity="501#4", key="acme/checkout#4"), 100, "deleted"),
        (
            done(1, 6, scope=BILLING),
            None,
            "moved from acme/checkout to acme/billing, no longer linked by rule checkout-label",
        ),
    ]
    for observation, value, reason in steps:
        core.receive_and_drain(observation)
        assert core.value() == pytest.approx(value, abs=1e-5) if value is not None else core.value() is None
        assert core.reasons()[-1] == reason


@pytest.mark.both_databases
def test_manual_links_follow_a_transfer_to_a_watched_scope(core: CoreHarness) -> None:
    """The two messages of a transfer may arrive in either order."""
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/billing")
        key_result_id = core.key_result_row().id
        rows = [
            {
                "key_result_id": key_result_id,
                "connection_id": core.connection_id,
                "key": f"acme/checkout#{n}",
                "weight": 3,
            }
            for n in (8, 9)
        ]
        tx.execute(sa.insert(tables.manual_link), rows)
        tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))
    core.receive_and_drain(issue(8, 0, labels=[]), issue(9, 0, labels=[]))
    assert [(link.origin, link.weight) for link in core.rows(tables.link)] == [("manual", 3), ("manual", 3)]
    for number, arrives_first in ((8, True), (9, False)):
        moved = Tombstone(
            identity=f"501#{number}",
            key=f"acme/checkout#{number}",
            successor=f"502#{number}",
            moved_to=f"acme/billing#{number}",
        )
        there = snapshot(5, identity=f"502#{number}", key=f"acme/billing#{number}", scope=BILLING)
        for observation in (there, moved) if arrives_first else (moved, there):
            core.receive_and_drain(observation)
    keys = {row.id: row.key for row in core.rows(tables.issue)}
    assert sorted(keys[link.issue_id] for link in core.rows(tables.link)) == ["acme/billing#8", "acme/billing#9"]
    assert core.value() == 0


def test_an_issue_transferred_to_an_unwatched_scope_stops_counting(core: CoreHarness) -> None:
    """The reason names its new key."""
    core.receive_and_drain(issue(1, 0), done(2, 0))
    moved = Tombstone(identity="501#1", key="acme/checkout#1", successor="9#1", moved_to="other/place#1")
    core.receive_and_drain(moved)
    assert core.value() == 100
    assert core.reasons()[-1] == "moved to other/place#1"


@pytest.mark.both_databases
def test_a_burst_makes_one_history_entry(core: CoreHarness) -> None:
    """Each touched key result is computed once per batch."""
    core.receive_and_drain(*[issue(number, 0) for number in range(50)])
    for number in range(50):
        core.post(done(number, 5))
    before = len(core.reasons())
    core.drain()
    assert core.value() == 100
    assert len(core.reasons()) == before + 1
    assert len(core.rows(tables.history, is_shown)[-1].causes) == 50


def test_changes_that_cancel_out_make_no_history(core: CoreHarness) -> None:
    """An issue that is closed and reopened within one batch leaves the value as it was."""
    core.receive_and_drain(issue(1, 0))
    before = core.reasons()
    core.post(done(1, 5))
    core.post(issue(1, 6))
    core.drain()
    assert core.reasons() == before


def test_an_okr_label_links_without_a_rule(core: CoreHarness) -> None:
    """Case does not matter, and the key result may be added later."""
    core.receive_and_drain(issue(5, 0, labels=["OKR:kr-1"]), issue(6, 0, labels=["okr:KR-9"]))
    assert [link.origin for link in core.rows(tables.link)] == ["label"]
    core.key_result("KR-9")
    assert core.value("KR-9") == 0
    assert core.reasons("KR-9") == ["key result KR-9 was added, now linked by its label"]


def test_a_renamed_label_changes_links_of_unchanged_issues(core: CoreHarness) -> None:
    """Label names are stored apart from issues."""
    core.receive_and_drain(issue(1, 0))
    core.receive_and_drain(TermSeen(kind=TermKind.LABEL, scope=CHECKOUT, id="77", name="basket"))
    assert core.value() is None
    assert core.reasons()[-1] == "label checkout renamed to basket, no longer linked by rule checkout-label"
    core.now += timedelta(seconds=1)
    core.receive_and_drain(TermSeen(kind=TermKind.LABEL, scope=CHECKOUT, id="77", name="checkout"))
    assert core.value() == 0


def test_a_deleted_label_no_longer_links(core: CoreHarness) -> None:
    """A later delivery that still has the label does not bring it back."""
    core.receive_and_drain(issue(1, 0))
    core.receive_and_drain(TermSeen(kind=TermKind.LABEL, scope=CHECKOUT, id="77", name=None))
    assert core.value() is None
    core.receive_and_drain(issue(2, 1))
    assert core.value() is None


@pytest.mark.both_databases
def test_a_notice_waits_for_the_settling_time(core: CoreHarness) -> None:
    """Completed, reopened and completed again is one open notice."""
    core.receive_and_drain(issue(1, 0))
    core.receive_and_drain(done(1, 1))
    waiting = core.rows(tables.notice)
    assert [(row.from_status, row.to_status) for row in waiting] == [("behind", "completed")]
    core.receive_and_drain(issue(1, 2))
    assert core.rows(tables.notice)[0].outcome == "undone before the mail was written"
    core.receive_and_drain(done(1, 3))
    open_ones = core.rows(tables.notice, tables.notice.c.due_at.isnot(None))
    assert [(row.from_status, row.to_status) for row in open_ones] == [("behind", "completed")]


@pytest.mark.both_databases
def test_a_partial_value_is_shown_as_partial_and_sends_no_notice(core: CoreHarness) -> None:
    """A scope that is not imported yet may have more issues."""
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.scope).values(covered_at=None))
        tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))
    core.receive_and_drain(done(1, 0))
    state = core.key_result_row()
    assert (state.status, state.current) == ("partial", 100)
    assert "not imported yet: acme/checkout" in state.explanation
    assert core.rows(tables.notice) == []


def test_issues_are_weighted_by_points(core: CoreHarness) -> None:
    """Issues without an estimate get the measure's default."""
    key_result_id = core.key_result("KR-2", kind="done-share", weight="points", unestimated=2)
    core.rule("points", key_result_id, LABELLED)
    core.receive_and_drain(done(1, 0, points=6), issue(2, 0))
    assert core.value("KR-2") == 75
    core.receive_and_drain(issue(2, 1, points=4))
    assert core.value("KR-2") == 60
    assert core.reasons("KR-2")[-1] == "points none → 4"
