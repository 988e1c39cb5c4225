"""Deliveries move key results by the right amount, with the right reason, in whatever order they come."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sync_service.domain.connectors import ConnectorError, Elsewhere, Gone, Refused, Rejected, Unavailable
from sync_service.domain.issues import (
    Ignored,
    Look,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    State,
    Term,
    TermKind,
    TermSeen,
    Tombstone,
)
from sync_service.failing import MOST_ATTEMPTS
from sync_service.store import connections, due, tables
from sync_service.store.database import database_now, writing
from tests.domain.making import BILLING, CHECKOUT, at, snapshot
from tests.world import World, bump_rules, open_world

LABELLED = {"field": "labels", "has": "checkout"}
UNLINKED = "no longer linked by rule checkout-label"
CHECKOUT_LABEL = Term("77", "checkout")


@pytest.fixture
def world(migrated_url: str) -> Iterator[World]:
    """Give a world with KR-1, the share done of issues labelled `checkout`."""
    made = open_world(migrated_url)
    made.rule("checkout-label", made.key_result(), LABELLED)
    yield made
    made.engine.dispose()


def issue(number: int, seconds: float, /, **fields: Any) -> Snapshot:
    """Give a snapshot of acme/checkout#number with the label `checkout`."""
    plain: dict[str, Any] = {"identity": f"501#{number}", "key": f"acme/checkout#{number}", "labels": [CHECKOUT_LABEL]}
    return snapshot(seconds, **(plain | fields))


def done(number: int, seconds: float, /, **fields: Any) -> Snapshot:
    """Give a snapshot of a closed issue."""
    return issue(number, seconds, **({"state": State.DONE, "closed_at": at(seconds)} | fields))


def dropped(number: int, seconds: float, /) -> Snapshot:
    """Give a snapshot of a cancelled issue."""
    return done(number, seconds, state=State.DROPPED, resolution="not_planned")


def test_closing_linked_work_moves_the_key_result(world: World) -> None:
    """With the reason, the delivery and the actor."""
    world.tell(issue(1, 0))
    world.tell(issue(2, 0))
    delivery = world.tell(done(1, 5))
    assert world.value() == 50
    entry = world.rows(tables.history)[-1]
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


def test_every_way_of_work_moves_it_and_says_why(world: World) -> None:
    """Closed, cancelled, reopened, unlabelled, moved and deleted, one after the other."""
    for number in (1, 2, 3, 4):
        world.tell(issue(number, 0))
    told: list[tuple[Snapshot | Tombstone, float | None, str]] = [
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
    for observation, value, reason in told:
        world.tell(observation)
        assert world.value() == pytest.approx(value, abs=1e-5) if value is not None else world.value() is None
        assert world.reasons()[-1] == reason


def test_a_transfer_to_a_watched_scope_takes_links_by_hand_along(world: World) -> None:
    """In either order of its two messages."""
    with writing(world.engine) as tx:
        world.add_scope(tx, "acme/billing")
        key_result_id = world.standing().id
        rows = [
            {
                "key_result_id": key_result_id,
                "connection_id": world.connection_id,
                "key": f"acme/checkout#{n}",
                "weight": 3,
            }
            for n in (8, 9)
        ]
        tx.execute(sa.insert(tables.manual_link), rows)
        tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))
    world.tell(issue(8, 0, labels=[]), issue(9, 0, labels=[]))
    assert [(link.origin, link.weight) for link in world.rows(tables.link)] == [("manual", 3), ("manual", 3)]
    for number, arrives_first in ((8, True), (9, False)):
        moved = Tombstone(
            identity=f"501#{number}",
            key=f"acme/checkout#{number}",
            successor=f"502#{number}",
            moved_to=f"acme/billing#{number}",
        )
        there = snapshot(5, identity=f"502#{number}", key=f"acme/billing#{number}", scope=BILLING)
        for observation in (there, moved) if arrives_first else (moved, there):
            world.tell(observation)
    keys = {row.id: row.key for row in world.rows(tables.issue)}
    assert sorted(keys[link.issue_id] for link in world.rows(tables.link)) == ["acme/billing#8", "acme/billing#9"]
    assert world.value() == 0


def test_a_transfer_out_of_sight_stops_counting(world: World) -> None:
    """With where it went as the reason."""
    world.tell(issue(1, 0), done(2, 0))
    moved = Tombstone(identity="501#1", key="acme/checkout#1", successor="9#1", moved_to="other/place#1")
    world.tell(moved)
    assert world.value() == 100
    assert world.reasons()[-1] == "moved to other/place#1"


def test_late_and_repeated_letters_change_nothing(world: World) -> None:
    """The history does not grow either."""
    world.tell(issue(1, 0))
    world.tell(done(1, 9))
    history = world.reasons()
    late = world.tell(issue(1, 3))
    again = world.tell(done(1, 9))
    assert world.outcome(late) == "acme/checkout#1: nothing new, something newer is known"
    assert world.outcome(again) == "acme/checkout#1: nothing new"
    assert world.reasons() == history


def test_a_repeated_delivery_id_is_stored_once(world: World) -> None:
    """The tracker sends it again when it did not hear our answer."""
    world.post(issue(1, 0), delivery_id="same")
    world.post(done(1, 5), delivery_id="same")
    world.drain()
    assert len(world.rows(tables.delivery)) == 1
    assert world.value() == 0


def test_a_burst_makes_one_history_entry(world: World) -> None:
    """Each touched key result is computed once for a batch."""
    world.tell(*[issue(number, 0) for number in range(50)])
    for number in range(50):
        world.post(done(number, 5))
    before = len(world.reasons())
    world.drain()
    assert world.value() == 100
    assert len(world.reasons()) == before + 1
    assert len(world.rows(tables.history)[-1].causes) == 50


def test_changes_that_cancel_out_make_no_history(world: World) -> None:
    """Closed and reopened within one batch."""
    world.tell(issue(1, 0))
    before = world.reasons()
    world.post(done(1, 5))
    world.post(issue(1, 6))
    world.drain()
    assert world.reasons() == before


def test_an_okr_label_links_by_itself(world: World) -> None:
    """Whatever the case, and also where the key result comes later."""
    world.tell(issue(5, 0, labels=["OKR:kr-1"]), issue(6, 0, labels=["okr:KR-9"]))
    assert [link.origin for link in world.rows(tables.link)] == ["label"]
    world.key_result("KR-9")
    assert world.value("KR-9") == 0
    assert world.reasons("KR-9") == ["key result KR-9 was added, now linked by its label"]


def test_a_renamed_label_moves_links_of_issues_nobody_touched(world: World) -> None:
    """Names are kept apart from issues."""
    world.tell(issue(1, 0))
    world.tell(TermSeen(kind=TermKind.LABEL, scope=CHECKOUT, id="77", name="basket"))
    assert world.value() is None
    assert world.reasons()[-1] == "label checkout renamed to basket, no longer linked by rule checkout-label"
    world.now += timedelta(seconds=1)
    world.tell(TermSeen(kind=TermKind.LABEL, scope=CHECKOUT, id="77", name="checkout"))
    assert world.value() == 0


def test_a_deleted_label_links_no_more(world: World) -> None:
    """Not even if an old letter still shows it."""
    world.tell(issue(1, 0))
    world.tell(TermSeen(kind=TermKind.LABEL, scope=CHECKOUT, id="77", name=None))
    assert world.value() is None
    world.tell(issue(2, 1))
    assert world.value() is None


def test_scopes_that_are_not_watched_are_left_alone(world: World) -> None:
    """And said so."""
    delivery = world.tell(issue(1, 0, identity="9#1", scope=ScopeRef("9", "other/place")))
    assert world.outcome(delivery) == "ignored, because other/place is not watched"
    assert world.rows(tables.issue) == []


def test_a_scope_is_known_by_its_id_once_it_was_seen(world: World) -> None:
    """A renamed repository goes on counting; a new one that took its name does not."""
    world.tell(issue(1, 0))
    world.tell(ScopeSeen(scope=ScopeRef("501", "acme/pay")))
    world.tell(done(1, 5, scope=ScopeRef("501", "acme/pay"), key="acme/pay#1"))
    assert world.value() == 100
    world.tell(issue(7, 9, identity="900#7", scope=ScopeRef("900", "acme/checkout")))
    assert world.value() == 100


def test_a_scope_that_is_watched_later_is_known_by_its_id_too(world: World) -> None:
    """Though its repository was heard of before."""
    elsewhere = ScopeRef("600", "acme/elsewhere")
    world.tell(done(1, 0, identity="600#1", scope=elsewhere))
    with writing(world.engine) as tx:
        world.add_scope(tx, "acme/elsewhere")
        bump_rules(tx)
    world.tell(issue(2, 0, identity="600#2", scope=elsewhere))
    world.tell(issue(3, 0, identity="600#3", scope=elsewhere))
    assert [row.external_id for row in world.rows(tables.scope)] == [None, "600"]
    assert world.value() == 0


def test_one_lost_lease_does_not_hold_up_the_batch(world: World) -> None:
    """The others are applied one by one."""
    for number in range(3):
        world.post(issue(number, 0))
    claim = due.claim

    def claim_and_lose_one(*args: Any, **named: Any) -> Any:
        rows = claim(*args, **named)
        if rows:
            with writing(world.engine) as tx:
                first = tables.delivery.c.id == rows[0].id
                tx.execute(sa.update(tables.delivery).where(first).values(lease="somebody else"))
        return rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(due, "claim", claim_and_lose_one)
        world.refresh.drain()
    settled = world.rows(tables.delivery, tables.delivery.c.settled_at.isnot(None))
    assert [row.delivery_id for row in settled] == ["d2", "d3"]


def test_ignored_deliveries_are_settled_with_their_reason(world: World) -> None:
    """Never an error."""
    delivery = world.tell(Ignored("stars do not move issues"))
    assert world.outcome(delivery) == "ignored, because stars do not move issues"


def test_a_poison_delivery_is_buried_alone(world: World) -> None:
    """Its neighbours in the batch are applied."""
    world.post(issue(1, 0))
    world.post(ValueError("poison"))
    world.post(done(1, 5))
    world.drain()
    assert world.value() == 100
    for _ in range(MOST_ATTEMPTS):
        with writing(world.engine) as tx:
            waiting = tables.delivery.c.due_at.isnot(None)
            tx.execute(sa.update(tables.delivery).where(waiting).values(due_at=at(-9e6)))
        world.drain()
    buried = world.rows(tables.delivery, tables.delivery.c.buried_at.isnot(None))
    assert [row.outcome for row in buried] == [f"failed {MOST_ATTEMPTS} times, at last with ValueError: poison"]


def test_a_letter_that_breaks_the_transaction_spoils_no_other(world: World) -> None:
    """Rows are tried one by one when a batch fails."""
    world.post(issue(1, 0))
    world.post(issue(2, 0, key="k" * 400, title=None))
    world.post(done(3, 1))
    world.drain()
    sound = {row.identity for row in world.rows(tables.issue, tables.issue.c.scope_id.isnot(None))}
    assert {"501#1", "501#3"} <= sound
    assert world.value() == 50


def test_an_unreadable_delivery_is_buried_at_once_and_revived_by_its_repeat(world: World) -> None:
    """Once the reader is mended, a redelivery is due again."""
    delivery = world.post(Rejected("not JSON"))
    world.drain()
    assert world.outcome(delivery) == "can't be read: not JSON"
    world.post(issue(1, 0), delivery_id=delivery)
    world.drain()
    assert world.outcome(delivery) == "acme/checkout#1: applied, opened"


def test_two_changes_in_one_second_are_settled_by_a_look(world: World) -> None:
    """With credentials, doubt is settled by asking."""
    give_token(world)
    world.tracker.shown["501#1"] = issue(1, 0)
    world.tell(issue(1, 0), done(1, 0))
    assert world.value() == 0
    assert world.rows(tables.look)[0].outcome == "acme/checkout#1: applied, reopened"
    assert not world.rows(tables.issue)[0].in_doubt


def test_a_change_in_the_second_of_a_look_and_after_it_is_not_missed(world: World) -> None:
    """Its letter has the time of what was seen and says something else, so we look again."""
    give_token(world)
    world.tracker.shown["501#1"] = issue(1, 0)
    world.tell(ASKED)
    world.tracker.shown["501#1"] = done(1, 0)
    world.tell(done(1, 0))
    assert world.value() == 100
    assert not world.rows(tables.issue)[0].in_doubt


def test_without_credentials_doubt_is_marked_and_decided_by_a_fixed_order(world: World) -> None:
    """The same whichever comes first."""
    delivery = world.tell(issue(1, 0), done(1, 0))
    assert world.value() == 100
    assert world.rows(tables.issue)[0].in_doubt
    assert "no credentials" in world.outcome(delivery)


def give_token(world: World) -> None:
    """Give the connection credentials."""
    with writing(world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=world.sealer.seal("token")))
        tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))


ASKED = Look(identity="501#1", key="acme/checkout#1", reason="the letter is partial")


@pytest.mark.parametrize(
    ("found", "value", "outcome"),
    [
        (Gone("410", proven=True), None, "acme/checkout#1: deleted"),
        (Gone("404", proven=False), 0, "unreachable, so nothing changes: 404"),
        (Rejected("400"), 0, "400"),
        (Unavailable("503"), 0, "503"),
        (Unavailable("429 in the past", at(0)), 0, "429 in the past"),
        (Refused("401"), 0, "401"),
    ],
)
def test_each_answer_to_a_look_has_its_consequence(
    world: World, found: ConnectorError, value: float | None, outcome: str
) -> None:
    """Hidden is not deleted, and no answer is no zero."""
    world.tell(issue(1, 0))
    give_token(world)
    world.tracker.shown["501#1"] = found
    world.tell(ASKED)
    assert world.value() == value
    row = world.rows(tables.look)[0]
    assert row.outcome == outcome
    refused = world.rows(tables.connection)[0].refused_reason
    assert refused == ("401" if isinstance(found, Refused) else None)
    assert (row.buried_at is not None) is isinstance(found, Rejected)


@pytest.mark.parametrize(
    ("scope", "outcome", "value"),
    [
        (None, "acme/checkout#1: named, so we will look", 100),
        (CHECKOUT, "acme/checkout#1: named, so we will look", 100),
        (ScopeRef("777", "acme/elsewhere"), "acme/checkout#1: ignored, because acme/elsewhere is not watched", 0),
    ],
)
def test_another_name_of_an_issue_leads_to_a_look_at_it(
    world: World, scope: ScopeRef | None, outcome: str, value: float
) -> None:
    """One row for each name and one for the issue; where it is not watched nobody looks at it."""
    world.tell(issue(1, 0))
    give_token(world)
    world.tracker.shown["node:1"] = Elsewhere(
        Look(identity="501#1", key="acme/checkout#1", reason="named", scope=scope)
    )
    world.tracker.shown["501#1"] = done(1, 1)
    world.tell(Look(identity="node:1", key="a node", reason="told by a name"))
    assert world.value() == value
    looked = {row.identity: row.outcome for row in world.rows(tables.look)}
    assert looked.pop("node:1") == outcome
    assert list(looked) == (["501#1"] if value else [])


@pytest.mark.parametrize(
    "asked_again_at",
    [lambda tx: database_now(tx) - timedelta(hours=2), lambda tx: database_now(tx) + timedelta(days=2)],
    ids=["long ago", "before the clock was stepped back"],
)
def test_a_refused_connection_is_asked_again_once_in_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch, asked_again_at: Callable[[sa.Connection], datetime]
) -> None:
    """Nobody tells us when it is mended at the tracker's."""
    monkeypatch.setattr(connections, "FRESH_SECONDS", 0.0)
    give_token(world)
    world.tracker.shown["501#1"] = Refused("401")
    world.tell(ASKED)
    world.tracker.shown["501#1"] = issue(1, 0)
    world.make_due(tables.look)
    world.drain()
    assert "waits until the connection is mended" in world.rows(tables.look)[0].outcome
    with writing(world.engine) as tx:
        tx.execute(sa.update(tables.connection).values(asked_again_at=asked_again_at(tx)))
    world.make_due(tables.look)
    world.drain()
    assert world.rows(tables.look)[0].outcome == "acme/checkout#1: applied, opened"
    assert world.rows(tables.connection)[0].refused_reason is None


def test_a_bug_in_looking_is_tried_again(world: World) -> None:
    """And logged, not swallowed."""
    give_token(world)
    world.tracker.shown["501#1"] = "no snapshot at all"  # type: ignore[assignment]  # that is the bug
    world.tell(ASKED)
    row = world.rows(tables.look)[0]
    assert row.due_at is not None
    assert "Error" in row.outcome


def test_notices_wait_for_the_dust_to_settle(world: World) -> None:
    """Completed, then fallen back, then completed again: one notice that tells what remains."""
    world.tell(issue(1, 0))
    world.tell(done(1, 1))
    waiting = world.rows(tables.notice)
    assert [(row.from_status, row.to_status) for row in waiting] == [("behind", "completed")]
    world.tell(issue(1, 2))
    assert world.rows(tables.notice)[0].outcome == "undone before it was told"
    world.tell(done(1, 3))
    open_ones = world.rows(tables.notice, tables.notice.c.due_at.isnot(None))
    assert [(row.from_status, row.to_status) for row in open_ones] == [("behind", "completed")]


def test_what_is_partly_seen_is_shown_so_and_not_told(world: World) -> None:
    """A scope that was not imported yet may hold more."""
    with writing(world.engine) as tx:
        tx.execute(sa.update(tables.scope).values(covered_at=None))
        tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))
    world.tell(done(1, 0))
    standing = world.standing()
    assert (standing.status, standing.current) == ("partial", 100)
    assert "not imported yet: acme/checkout" in standing.explanation
    assert world.rows(tables.notice) == []


def test_points_weigh(world: World) -> None:
    """Unestimated issues get the stated default."""
    key_result_id = world.key_result("KR-2", kind="done-share", weight="points", unestimated=2)
    world.rule("points", key_result_id, LABELLED)
    world.tell(done(1, 0, points=6), issue(2, 0))
    assert world.value("KR-2") == 75
    world.tell(issue(2, 1, points=4))
    assert world.value("KR-2") == 60
    assert world.reasons("KR-2")[-1] == "points none → 4"
