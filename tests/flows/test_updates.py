"""Deliveries that are late, repeated, ignored, poison or unreadable, or about unwatched scopes."""

from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import FetchNeeded, Ignored, ScopeRef, ScopeSeen
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.queue import due
from sync_service.store.queue.retry import MOST_ATTEMPTS
from sync_service.store.views.deliveries import delivery_lines
from tests.domain.factories import at
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness, bump_rules


def test_late_and_repeated_deliveries_change_nothing(core: CoreHarness) -> None:
    """They make no history either."""
    core.receive_and_drain(issue(1, 0))
    core.receive_and_drain(done(1, 9))
    history = core.reasons()
    late = core.receive_and_drain(issue(1, 3))
    again = core.receive_and_drain(done(1, 9))
    assert core.outcome(late) == "acme/checkout#1: nothing new, something newer is known"
    assert core.outcome(again) == "acme/checkout#1: nothing new"
    assert core.reasons() == history


def test_a_repeated_delivery_id_is_stored_once(core: CoreHarness) -> None:
    """The tracker sends it again when it did not get our response."""
    core.post(issue(1, 0), delivery_id="same")
    core.post(done(1, 5), delivery_id="same")
    core.drain()
    assert len(core.rows(tables.delivery)) == 1
    assert core.value() == 0


def test_issues_of_unwatched_scopes_are_ignored(core: CoreHarness) -> None:
    """The outcome has the reason."""
    delivery = core.receive_and_drain(issue(1, 0, identity="9#1", scope=ScopeRef("9", "other/place")))
    assert core.outcome(delivery) == "ignored, because other/place is not watched"
    assert [row.ignored for row in core.rows(tables.delivery)] == [True]
    assert core.rows(tables.issue) == []


def test_a_scope_is_identified_by_its_id_after_the_first_delivery(core: CoreHarness) -> None:
    """A renamed repository still counts; a new one with its old name does not."""
    core.receive_and_drain(issue(1, 0))
    core.receive_and_drain(ScopeSeen(scope=ScopeRef("501", "acme/pay")))
    core.receive_and_drain(done(1, 5, scope=ScopeRef("501", "acme/pay"), key="acme/pay#1"))
    assert core.value() == 100
    core.receive_and_drain(issue(7, 9, identity="900#7", scope=ScopeRef("900", "acme/checkout")))
    assert core.value() == 100


def test_a_scope_watched_later_is_identified_by_its_id_too(core: CoreHarness) -> None:
    """Deliveries of its repository arrived before."""
    elsewhere = ScopeRef("600", "acme/elsewhere")
    core.receive_and_drain(done(1, 0, identity="600#1", scope=elsewhere))
    with writing(core.engine) as tx:
        core.add_scope(tx, "acme/elsewhere")
        bump_rules(tx)
    core.receive_and_drain(issue(2, 0, identity="600#2", scope=elsewhere))
    core.receive_and_drain(issue(3, 0, identity="600#3", scope=elsewhere))
    assert [row.external_id for row in core.rows(tables.scope)] == [None, "600"]
    assert core.value() == 0


def test_one_lost_lease_does_not_stop_the_batch(core: CoreHarness) -> None:
    """The other rows are applied one by one."""
    for number in range(3):
        core.post(issue(number, 0))
    claim = due.claim

    def claim_and_lose_one(*args: Any, **named: Any) -> Any:
        rows = claim(*args, **named)
        if rows:
            with writing(core.engine) as tx:
                first = tables.delivery.c.id == rows[0].id
                tx.execute(sa.update(tables.delivery).where(first).values(lease="somebody else"))
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(due, "claim", claim_and_lose_one)
        core.applier.drain()
    settled = core.rows(tables.delivery, tables.delivery.c.settled_at.isnot(None))
    assert [row.delivery_id for row in settled] == ["d2", "d3"]


def test_ignored_deliveries_are_settled_with_their_reason(core: CoreHarness) -> None:
    """An ignored delivery is never an error."""
    delivery = core.receive_and_drain(Ignored("stars do not move issues"))
    assert core.outcome(delivery) == "ignored, because stars do not move issues"


def test_a_poison_delivery_is_buried_alone(core: CoreHarness) -> None:
    """The other deliveries of the batch are applied."""
    core.post(issue(1, 0))
    core.post(ValueError("poison"))
    core.post(done(1, 5))
    core.drain()
    assert core.value() == 100
    for _ in range(MOST_ATTEMPTS):
        with writing(core.engine) as tx:
            waiting = tables.delivery.c.due_at.isnot(None)
            tx.execute(sa.update(tables.delivery).where(waiting).values(due_at=at(-9e6)))
        core.drain()
    buried = core.rows(tables.delivery, tables.delivery.c.buried_at.isnot(None))
    assert [row.outcome for row in buried] == [f"failed {MOST_ATTEMPTS} times, last error: ValueError: poison"]


def test_a_delivery_that_fails_the_transaction_does_not_stop_others(core: CoreHarness) -> None:
    """Rows are applied one by one when a batch fails."""
    core.post(issue(1, 0))
    core.post(issue(2, 0, key="k" * 400, title=None))
    core.post(done(3, 1))
    core.drain()
    sound = {row.identity for row in core.rows(tables.issue, tables.issue.c.scope_id.isnot(None))}
    assert {"501#1", "501#3"} <= sound
    assert core.value() == 50


def test_an_unreadable_delivery_is_buried_at_once_and_due_again_by_a_redelivery(core: CoreHarness) -> None:
    """After the parser is fixed, a redelivery is applied."""
    delivery = core.post(Rejected("not JSON"))
    core.drain()
    assert core.outcome(delivery) == "can't be read: not JSON"
    core.post(issue(1, 0), delivery_id=delivery)
    core.drain()
    assert core.outcome(delivery) == "acme/checkout#1: applied, opened"


def test_whether_a_delivery_was_ignored_is_not_read_from_its_text(core: CoreHarness) -> None:
    """A title or a reason may hold any words; a delivery is ignored if nothing of it was used."""
    elsewhere = issue(1, 0, identity="9#1", scope=ScopeRef("9", "x: applied"))
    core.receive_and_drain(elsewhere)
    core.receive_and_drain(elsewhere, issue(1, 1))
    core.receive_and_drain(FetchNeeded(identity="9#2", key="a#2", reason="seen", scope=ScopeRef("9", "x")))
    assert [row.ignored for row in core.rows(tables.delivery)] == [True, False, True]
    with reading(core.engine) as tx:
        lines = delivery_lines(tx, outcome="ignored", limit=9)
    assert [line.outcome for line in lines] == ["ignored"] * 2
