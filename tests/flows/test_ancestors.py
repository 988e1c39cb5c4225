"""Rules with `under`: any ancestor of an issue, followed when an ancestor in the middle changes."""

import pytest

from sync_service.domain.trackers.observations import Parent, ScopeRef, Snapshot, Tombstone
from sync_service.store import tables
from tests.domain.factories import snapshot
from tests.support.fake_tracker import CoreHarness

SHOP, PAY = ScopeRef("501", "SHOP"), ScopeRef("502", "PAY")


def one(second: float, key: str, parent: str | None = None, *, id_: str | None = None) -> Snapshot:
    """Return a snapshot of an issue of either project; its identity is its key, unless it moved."""
    scope = SHOP if key.startswith("SHOP") else PAY
    named = Parent(parent, parent)
    return snapshot(second, identity=id_ or key, key=key, scope=scope, parent=named)


def linked(core: CoreHarness, slug: str = "KR-1") -> list[str]:
    """Return the keys of the issues that are linked to a key result."""
    wanted = core.key_result_row(slug).id
    keys = {row.id: row.key for row in core.rows(tables.issue)}
    return sorted({keys[row.issue_id] for row in core.rows(tables.link) if row.key_result_id == wanted})


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness that watches two projects; what is under PAY-1 counts toward KR-1."""
    with empty_core.engine.begin() as tx:
        empty_core.add_scope(tx, "SHOP")
        empty_core.add_scope(tx, "PAY")
    empty_core.rule("under", empty_core.key_result(), {"field": "under", "is": "pay-1"})
    return empty_core


TREE = (one(1, "PAY-1"), one(1, "PAY-2", "PAY-1"), one(1, "SHOP-3", "PAY-2"), one(1, "SHOP-4", "SHOP-3"))


@pytest.mark.both_databases
@pytest.mark.parametrize("order", [TREE, TREE[::-1], (TREE[1], TREE[3], TREE[2], TREE[0])])
def test_every_issue_under_an_ancestor_counts_in_any_order_of_deliveries(
    core: CoreHarness, order: tuple[Snapshot, ...]
) -> None:
    """Also where the ancestor itself is not known, and across projects."""
    for each in order:
        core.receive_and_drain(each)
    assert linked(core) == ["PAY-2", "SHOP-3", "SHOP-4"]


@pytest.mark.both_databases
def test_everything_below_an_ancestor_that_moves_is_matched_again(core: CoreHarness) -> None:
    """The issues below get no delivery of their own; the history says what moved."""
    core.receive_and_drain(*TREE)
    assert core.value() == 0
    core.receive_and_drain(one(2, "PAY-2", "PAY-9"))
    assert linked(core) == []
    assert core.value() is None
    assert "PAY-2 is now under PAY-9, no longer linked by rule under" in core.reasons()[-1]
    core.receive_and_drain(one(3, "PAY-9", "PAY-1"))
    assert linked(core) == ["PAY-2", "PAY-9", "SHOP-3", "SHOP-4"]
    core.receive_and_drain(Tombstone(identity="PAY-2", key="PAY-2"))
    assert linked(core) == ["PAY-9"], "a deleted ancestor is under nothing"
    assert core.rows(tables.relink_parent) == []


def test_an_ancestor_that_moves_is_followed_by_all_its_keys(core: CoreHarness) -> None:
    """By a move in Jira (another key) and by a transfer on GitHub (another id too)."""
    core.receive_and_drain(*TREE)
    core.receive_and_drain(one(2, "SHOP-90", None, id_="PAY-1"))
    assert linked(core) == ["PAY-2", "SHOP-3", "SHOP-4"]
    core.receive_and_drain(Tombstone(identity="PAY-2", key="PAY-2", successor="91", moved_to="SHOP-91"))
    assert linked(core) == []
    core.receive_and_drain(one(4, "SHOP-91", "SHOP-90", id_="91"))
    assert linked(core) == ["SHOP-3", "SHOP-4", "SHOP-91"]


def test_a_circle_of_parents_ends(core: CoreHarness) -> None:
    """Two deliveries may come in an order in which each issue is under the other."""
    core.receive_and_drain(one(1, "SHOP-3", "SHOP-4"), one(1, "SHOP-4", "SHOP-3"))
    core.receive_and_drain(one(2, "SHOP-4", "SHOP-5"), one(2, "SHOP-5", "SHOP-3"), one(1, "SHOP-6", "SHOP-3"))
    assert linked(core) == []
    core.receive_and_drain(one(3, "SHOP-5", "PAY-1"))
    assert linked(core) == ["SHOP-3", "SHOP-4", "SHOP-5", "SHOP-6"]


def test_ancestors_are_followed_twenty_deep(core: CoreHarness) -> None:
    """A longer chain is no hierarchy of any tracker."""
    chain = [one(1, "SHOP-1", "PAY-1"), *(one(1, f"SHOP-{n}", f"SHOP-{n - 1}") for n in range(2, 24))]
    core.receive_and_drain(*chain[::-1])
    assert len(linked(core)) == 20


def test_without_a_rule_about_ancestors_nobody_asks_for_those_below(core: CoreHarness) -> None:
    """Matching costs what it did before."""
    core.rule("under", core.key_result("KR-2"), {"field": "labels", "has": "x"})
    core.receive_and_drain(*TREE)
    core.receive_and_drain(one(2, "PAY-2", "PAY-9"))
    assert core.rows(tables.relink_request, tables.relink_request.c.renamed.isnot(None)) == []
