"""Scopes with a new name: their issues have keys after it, without a letter about each."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import Parent, ScopeRef, ScopeSeen, State
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.tables.instant import EPOCH
from tests.domain.factories import at, snapshot
from tests.support.fake_tracker import CoreHarness, bump_rules

SHOP, STORE, MALL = ScopeRef("501", "SHOP"), ScopeRef("501", "STORE"), ScopeRef("501", "MALL")
PAY = ScopeRef("502", "PAY")
SITE = "https://acme.atlassian.example/browse/"


@pytest.fixture
def world(bare_world: CoreHarness) -> CoreHarness:
    """Give a world that watches two projects, with an epic, its child, and a child in the other project."""
    with bare_world.engine.begin() as tx:
        bare_world.add_scope(tx, "SHOP")
        bare_world.add_scope(tx, "PAY")
    bare_world.rule("children", bare_world.key_result(), {"field": "parent", "is": "STORE-1"})
    bare_world.receive_and_drain(
        snapshot(0, identity="1", key="SHOP-1", scope=SHOP, url=f"{SITE}SHOP-1"),
        snapshot(0, identity="2", key="SHOP-2", scope=SHOP, url=f"{SITE}SHOP-2", parent=Parent("SHOP-1")),
        snapshot(0, identity="3", key="PAY-3", scope=PAY, parent=Parent("SHOP-1"), state=State.DONE, closed_at=at(0)),
        snapshot(0, identity="4", key="PAY-4", scope=PAY, parent=Parent("SHOPPING-1")),
    )
    return bare_world


def named(world: CoreHarness) -> list[tuple[str, str, str | None]]:
    """Give key, scope and parent of every issue."""
    return [(row.key, row.scope_name, row.parent_key) for row in world.rows(tables.issue)]


@pytest.mark.both_databases
def test_issues_of_a_renamed_project_have_new_keys_and_are_linked_by_them(world: CoreHarness) -> None:
    """Those of other projects stay, but for the parents they name; what only begins alike is another's."""
    assert world.value() is None
    delivery = world.receive_and_drain(ScopeSeen(scope=STORE))
    assert world.outcome(delivery) == "SHOP: is now called STORE"
    assert named(world) == [
        ("STORE-1", "STORE", None),
        ("STORE-2", "STORE", "STORE-1"),
        ("PAY-3", "PAY", "STORE-1"),
        ("PAY-4", "PAY", "SHOPPING-1"),
    ]
    assert world.value() == 50
    assert world.reasons()[-1].startswith("SHOP is now called STORE, now linked by rule children")
    assert [row.url for row in world.rows(tables.issue)][:2] == [f"{SITE}STORE-1", f"{SITE}STORE-2"]


def test_a_second_rename_is_followed_from_where_the_first_led(world: CoreHarness) -> None:
    """One after the other."""
    world.receive_and_drain(ScopeSeen(scope=STORE), ScopeSeen(scope=MALL))
    assert [key for key, _, _ in named(world)] == ["MALL-1", "MALL-2", "PAY-3", "PAY-4"]


def test_the_second_of_two_renames_may_be_followed_first(world: CoreHarness) -> None:
    """Two workers may have one each: no issue is left at the name between."""
    for scope in (STORE, MALL):
        world.post(ScopeSeen(scope=scope))
    world.drains.drain("delivery")
    first, second = world.rows(tables.relink_request, tables.relink_request.c.renamed.isnot(None))
    hold(world, first.id, EPOCH + timedelta(days=100_000))
    world.drain()
    assert world.rows(tables.relink_request, tables.relink_request.c.id == second.id)[0].outcome == "done"
    hold(world, first.id, EPOCH)
    world.drain()
    assert [key for key, _, _ in named(world)] == ["MALL-1", "MALL-2", "PAY-3", "PAY-4"]
    assert [parent for _, _, parent in named(world)] == [None, "MALL-1", "MALL-1", "SHOPPING-1"]


def hold(world: CoreHarness, relink_id: int, until: datetime) -> None:
    """Let a request to link again wait."""
    with writing(world.engine) as tx:
        tx.execute(sa.update(tables.relink_request).where(tables.relink_request.c.id == relink_id).values(due_at=until))


def test_a_link_by_hand_by_the_new_key_finds_its_issue(world: CoreHarness) -> None:
    """It waited for it."""
    key_result_id = world.key_result("KR-2")
    with world.engine.begin() as tx:
        values = {"key_result_id": key_result_id, "connection_id": world.connection_id, "key": "STORE-2", "weight": 1}
        tx.execute(tables.manual_link.insert().values(values))
    world.receive_and_drain(ScopeSeen(scope=STORE))
    assert world.value("KR-2") == 0


def test_other_requests_to_link_again_rename_nothing(world: CoreHarness) -> None:
    """Issues may know the new name before the project tells it."""
    world.receive_and_drain(snapshot(5, identity="1", key="STORE-1", scope=STORE))
    world.key_result("KR-2")
    assert named(world)[0] == ("STORE-1", "STORE", None)
    world.receive_and_drain(ScopeSeen(scope=STORE))
    assert [key for key, _, _ in named(world)][:2] == ["STORE-1", "STORE-2"]


@pytest.mark.both_databases
def test_a_project_that_does_not_tell_its_key_keeps_it(world: CoreHarness) -> None:
    """Only what became of it is told."""
    delivery = world.receive_and_drain(ScopeSeen(scope=ScopeRef("501", ""), gone="the project was archived"))
    assert world.outcome(delivery) == "SHOP: the project was archived"
    assert (
        world.outcome(world.receive_and_drain(ScopeSeen(scope=ScopeRef("777", ""))))
        == "ignored, because 777 is not watched"
    )
    assert named(world)[0] == ("SHOP-1", "SHOP", None)


def test_a_link_by_hand_stays_with_an_issue_that_is_moved_to_another_project(world: CoreHarness) -> None:
    """Same id, new key: also where the project is not watched in between."""
    key_result_id = world.key_result("KR-2")
    with world.engine.begin() as tx:
        values = {"key_result_id": key_result_id, "connection_id": world.connection_id, "key": "SHOP-2", "weight": 1}
        tx.execute(tables.manual_link.insert().values(values))
        bump_rules(tx)
    world.receive_and_drain(snapshot(1, identity="2", key="SHOP-2", scope=SHOP))
    assert world.value("KR-2") == 0
    attic = ScopeRef("999", "ATTIC")
    world.receive_and_drain(snapshot(2, identity="2", key="ATTIC-7", scope=attic, came_from=SHOP))
    assert world.value("KR-2") is None
    done = snapshot(3, identity="2", key="PAY-9", scope=PAY, came_from=attic, state=State.DONE, closed_at=at(3))
    world.receive_and_drain(done)
    assert world.value("KR-2") == 100
    assert named(world)[1] == ("PAY-9", "PAY", "SHOP-1")
