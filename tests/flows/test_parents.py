"""Parents in deliveries: before and after the issue, in any order, and in rules."""

from datetime import timedelta
from itertools import permutations

import pytest

from sync_service.domain.trackers.observations import Parent, ParentSeen, ScopeRef, Snapshot, State
from sync_service.store import tables
from sync_service.store.engine.database import reading
from sync_service.store.trackers import issues
from tests.domain.factories import CHECKOUT, at, snapshot
from tests.support.fake_tracker import CoreHarness


@pytest.fixture
def core(empty_core: CoreHarness) -> CoreHarness:
    """Return a harness in which children of acme/epics#3 count toward KR-1."""
    empty_core.rule("children", empty_core.key_result(), {"field": "parent", "is": "Acme/Epics#3"})
    return empty_core


def parent_seen(second: float, key: str | None, scope: ScopeRef = CHECKOUT) -> ParentSeen:
    """Return an observation of the parent of acme/checkout#1."""
    return ParentSeen(identity="501#1", key="acme/checkout#1", scope=scope, parent=Parent(key), at=at(second))


DONE = snapshot(1, state=State.DONE, closed_at=at(1))


@pytest.mark.parametrize("order", list(permutations([parent_seen(3, "acme/epics#3"), DONE, snapshot(0)])))
def test_a_child_counts_in_any_order_of_its_deliveries(
    core: CoreHarness, order: tuple[ParentSeen | Snapshot, ...]
) -> None:
    """The parent is known only by its key, in any case."""
    for one in order:
        core.receive_and_drain(one)
    assert core.value() == 100
    assert [one.parent_key for one in core.rows(tables.issue)] == ["acme/epics#3"]


def test_a_child_that_loses_its_parent_no_longer_counts(core: CoreHarness) -> None:
    """The history says why."""
    core.receive_and_drain(DONE, parent_seen(1, "acme/epics#3"))
    delivery = core.receive_and_drain(parent_seen(2, None))
    assert core.value() is None
    assert core.outcome(delivery) == "acme/checkout#1: applied, parent changed to none"
    assert core.reasons()[-1] == "parent changed to none, no longer linked by rule children"


def test_an_issue_with_only_a_parent_is_not_a_known_issue(core: CoreHarness) -> None:
    """It can't be shown or counted before its first snapshot."""
    delivery = core.receive_and_drain(parent_seen(3, "acme/epics#3"))
    assert core.value() is None
    assert core.outcome(delivery) == ("acme/checkout#1: applied, parent is acme/epics#3, nothing else is known yet")
    with reading(core.engine) as tx:
        assert issues.count(tx, connection_id=core.connection_id) == 0
    shown = core.receive_and_drain(DONE)
    assert core.outcome(shown) == "acme/checkout#1: applied, first seen, already done"


def test_a_parent_of_an_unwatched_issue_is_ignored(core: CoreHarness) -> None:
    """Its snapshots are ignored too."""
    delivery = core.receive_and_drain(parent_seen(3, "acme/epics#3", ScopeRef("999", "acme/attic")))
    assert core.outcome(delivery) == "ignored, because acme/attic is not watched"
    assert core.rows(tables.issue) == []


def test_two_parents_at_the_same_time_put_the_issue_in_doubt(core: CoreHarness) -> None:
    """GitHub may not change an issue's time with its parent. The parent received last is probably the newer one."""
    core.receive_and_drain(DONE, parent_seen(3, "acme/epics#3"))
    core.now += timedelta(seconds=5)
    delivery = core.receive_and_drain(parent_seen(3, "acme/other#4"))
    assert core.outcome(delivery).endswith(
        "in doubt: it had another parent at the same time, and there are no credentials to fetch it with"
    )
    assert core.rows(tables.issue)[0].parent_key == "acme/other#4"
    again = core.receive_and_drain(parent_seen(3, "acme/other#4"))
    assert core.outcome(again) == "acme/checkout#1: nothing new about its parent"
