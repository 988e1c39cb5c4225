"""Renamed scopes: their issues get new keys without a delivery for each."""

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
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness that watches two projects, with an epic, its child, and a child in the other project."""
    with empty_core.engine.begin() as tx:
        empty_core.add_scope(tx, "SHOP")
        empty_core.add_scope(tx, "PAY")
    empty_core.rule("children", empty_core.key_result(), {"field": "parent", "is": "STORE-1"})
    empty_core.receive_and_drain(
        snapshot(0, identity="1", key="SHOP-1", scope=SHOP, url=f"{SITE}SHOP-1"),
        snapshot(0, identity="2", key="SHOP-2", scope=SHOP, url=f"{SITE}SHOP-2", parent=Parent("SHOP-1")),
        snapshot(0, identity="3", key="PAY-3", scope=PAY, parent=Parent("SHOP-1"), state=State.DONE, closed_at=at(0)),
        snapshot(0, identity="4", key="PAY-4", scope=PAY, parent=Parent("SHOPPING-1")),
    )
    return empty_core


def issue_keys(core: CoreHarness) -> list[tuple[str, str, str | None]]:
    """Return key, scope and parent of every issue."""
    return [(row.key, row.scope_name, row.parent_key) for row in core.rows(tables.issue)]


def test_issues_of_a_renamed_project_have_new_keys_and_are_linked_by_them(core: CoreHarness) -> None:
    """Issues of other projects only get their parents' new keys. A key that only starts the same stays."""
    assert core.value() is None
    delivery = core.receive_and_drain(ScopeSeen(scope=STORE))
    assert core.outcome(delivery) == "SHOP: is now called STORE"
    assert issue_keys(core) == [
        ("STORE-1", "STORE", None),
        ("STORE-2", "STORE", "STORE-1"),
        ("PAY-3", "PAY", "STORE-1"),
        ("PAY-4", "PAY", "SHOPPING-1"),
    ]
    assert core.value() == 50
    assert core.reasons()[-1].startswith("SHOP is now called STORE, now linked by rule children")
    assert [row.url for row in core.rows(tables.issue)][:2] == [f"{SITE}STORE-1", f"{SITE}STORE-2"]


def test_a_second_rename_applies_after_the_first(core: CoreHarness) -> None:
    """Both renames arrive in one batch."""
    core.receive_and_drain(ScopeSeen(scope=STORE), ScopeSeen(scope=MALL))
    assert [key for key, _, _ in issue_keys(core)] == ["MALL-1", "MALL-2", "PAY-3", "PAY-4"]


def test_two_renames_may_be_applied_in_reverse_order(core: CoreHarness) -> None:
    """Two workers may have one each. No issue keeps the name in between."""
    for scope in (STORE, MALL):
        core.post(ScopeSeen(scope=scope))
    core.drains.drain("delivery")
    first, second = core.rows(tables.relink_request, tables.relink_request.c.renamed.isnot(None))
    postpone(core, first.id, EPOCH + timedelta(days=100_000))
    core.drain()
    assert core.rows(tables.relink_request, tables.relink_request.c.id == second.id)[0].outcome == "done"
    postpone(core, first.id, EPOCH)
    core.drain()
    assert [key for key, _, _ in issue_keys(core)] == ["MALL-1", "MALL-2", "PAY-3", "PAY-4"]
    assert [parent for _, _, parent in issue_keys(core)] == [None, "MALL-1", "MALL-1", "SHOPPING-1"]


def postpone(core: CoreHarness, relink_id: int, until: datetime) -> None:
    """Set when a relink request is due."""
    with writing(core.engine) as tx:
        tx.execute(sa.update(tables.relink_request).where(tables.relink_request.c.id == relink_id).values(due_at=until))


def test_a_manual_link_with_the_new_key_finds_its_issue(core: CoreHarness) -> None:
    """The link was made before the rename was received."""
    key_result_id = core.key_result("KR-2")
    with core.engine.begin() as tx:
        values = {"key_result_id": key_result_id, "connection_id": core.connection_id, "key": "STORE-2", "weight": 1}
        tx.execute(tables.manual_link.insert().values(values))
    core.receive_and_drain(ScopeSeen(scope=STORE))
    assert core.value("KR-2") == 0


def test_other_relink_requests_rename_nothing(core: CoreHarness) -> None:
    """An issue may have the new name before the project's rename is received."""
    core.receive_and_drain(snapshot(5, identity="1", key="STORE-1", scope=STORE))
    core.key_result("KR-2")
    assert issue_keys(core)[0] == ("STORE-1", "STORE", None)
    core.receive_and_drain(ScopeSeen(scope=STORE))
    assert [key for key, _, _ in issue_keys(core)][:2] == ["STORE-1", "STORE-2"]


@pytest.mark.both_databases
def test_a_project_without_a_key_in_its_delivery_keeps_its_key(core: CoreHarness) -> None:
    """The outcome only has what happened to the project."""
    delivery = core.receive_and_drain(ScopeSeen(scope=ScopeRef("501", ""), gone="the project was archived"))
    assert core.outcome(delivery) == "SHOP: the project was archived"
    assert (
        core.outcome(core.receive_and_drain(ScopeSeen(scope=ScopeRef("777", ""))))
        == "ignored, because 777 is not watched"
    )
    assert issue_keys(core)[0] == ("SHOP-1", "SHOP", None)


def test_a_manual_link_stays_with_an_issue_that_moves_to_another_project(core: CoreHarness) -> None:
    """The id stays and the key changes, even if the issue was in an unwatched project in between."""
    key_result_id = core.key_result("KR-2")
    with core.engine.begin() as tx:
        values = {"key_result_id": key_result_id, "connection_id": core.connection_id, "key": "SHOP-2", "weight": 1}
        tx.execute(tables.manual_link.insert().values(values))
        bump_rules(tx)
    core.receive_and_drain(snapshot(1, identity="2", key="SHOP-2", scope=SHOP))
    assert core.value("KR-2") == 0
    attic = ScopeRef("999", "ATTIC")
    core.receive_and_drain(snapshot(2, identity="2", key="ATTIC-7", scope=attic, came_from=SHOP))
    assert core.value("KR-2") is None
    done = snapshot(3, identity="2", key="PAY-9", scope=PAY, came_from=attic, state=State.DONE, closed_at=at(3))
    core.receive_and_drain(done)
    assert core.value("KR-2") == 100
    assert issue_keys(core)[1] == ("PAY-9", "PAY", "SHOP-1")
