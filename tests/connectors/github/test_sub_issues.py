"""Sub-issue deliveries: they set the parent, from either side and across repositories."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.github import GitHub
from sync_service.domain.trackers.observations import (
    FetchNeeded,
    Ignored,
    Observation,
    Parent,
    ParentSeen,
    ScopeRef,
    Snapshot,
)
from tests.connectors.github.payloads import CHECKOUT, CONNECTION, LEDGER, Json, delivery, issue

ACTIONS = ("parent_issue_added", "parent_issue_removed", "sub_issue_added", "sub_issue_removed")
LATER = "2026-10-09T07:00:00Z"
CHILD = issue(number=12)
PARENT = issue(LEDGER, number=3, updated_at=LATER)
SEEN = ParentSeen(
    identity="8001#12",
    key="acme/checkout#12",
    scope=ScopeRef("8001", "acme/checkout"),
    parent=Parent("acme/ledger#3", "8002#3"),
    at=datetime(2026, 10, 9, 7, tzinfo=UTC),
)


def read(action: str, **fields: Any) -> tuple[Observation, ...]:
    """Return the observations about acme/checkout#12 and its parent acme/ledger#3; a field that is None is left out."""
    child_side = action.startswith("parent_issue_")
    sides: Json = {"parent_issue_repo": LEDGER} if child_side else {"sub_issue_repo": CHECKOUT}
    body = {
        "repository": CHECKOUT if child_side else LEDGER,
        "sub_issue": CHILD,
        "parent_issue": PARENT,
        **sides,
        **fields,
    }
    present = {name: value for name, value in body.items() if value is not None}
    return GitHub().parse_delivery(delivery("sub_issues", action, **present), CONNECTION).observations


@pytest.mark.parametrize("action", ACTIONS)
def test_both_sides_give_both_issues_and_the_relation(action: str) -> None:
    """Each issue in its own repository. The relation has the later of their times."""
    child, parent, relation = read(action)
    assert isinstance(child, Snapshot)
    assert isinstance(parent, Snapshot)
    assert (child.key, child.scope.id, parent.key, parent.scope.id) == (
        "acme/checkout#12",
        "8001",
        "acme/ledger#3",
        "8002",
    )
    known = SEEN.parent if action.endswith("added") else Parent(None)
    assert relation == ParentSeen(identity=SEEN.identity, key=SEEN.key, scope=SEEN.scope, parent=known, at=SEEN.at)


@pytest.mark.parametrize("action", ACTIONS)
def test_the_other_repository_may_be_absent_if_it_is_the_same(action: str) -> None:
    """The issue's own URL shows it."""
    fields = {
        "repository": CHECKOUT,
        "parent_issue": issue(number=3),
        "parent_issue_repo": None,
        "sub_issue_repo": None,
    }
    child, parent, relation = read(action, **fields)
    assert isinstance(child, Snapshot)
    assert isinstance(parent, Snapshot)
    assert (child.identity, parent.identity) == ("8001#12", "8001#3")
    assert isinstance(relation, ParentSeen)
    assert relation.parent == (Parent("acme/checkout#3", "8001#3") if action.endswith("added") else Parent(None))


def test_a_parent_in_an_unnamed_repository_has_a_key_only() -> None:
    """The URL has the name, but an identity needs the repository's id."""
    child, relation = read("parent_issue_added", parent_issue_repo=None)
    assert isinstance(child, Snapshot)
    assert isinstance(relation, ParentSeen)
    assert relation.parent == Parent("acme/ledger#3")


@pytest.mark.parametrize("sketch", [{"number": 12}, {**CHILD, "labels": None}, {**CHILD, "state": None}])
def test_an_incomplete_delivery_gives_the_relation_alone(sketch: Json) -> None:
    """The issue itself may not have changed, so there is no fetch."""
    _, relation = read("sub_issue_added", sub_issue=sketch)
    assert relation == SEEN


def test_a_missing_sub_issue_is_ignored_and_the_parent_is_not() -> None:
    """In newer descriptions of the event either issue may be absent."""
    for value in (None, {}, {"number": None}):
        parent, ignored = read("sub_issue_added", sub_issue=value)
        assert isinstance(parent, Snapshot)
        assert ignored == Ignored("the delivery does not say which issue is the sub-issue")
    (_, ignored) = read("sub_issue_removed", sub_issue_repo=None)
    assert isinstance(ignored, Ignored)


def test_a_missing_parent_is_fetched_unless_it_was_removed() -> None:
    """There is a parent, but the delivery does not say which."""
    _, fetch_needed = read("parent_issue_added", parent_issue=None)
    assert fetch_needed == FetchNeeded(
        identity="8001#12", key="acme/checkout#12", reason="the delivery does not say which issue is the parent"
    )
    _, relation = read("parent_issue_removed", parent_issue=None)
    assert isinstance(relation, ParentSeen)
    assert (relation.parent, relation.at) == (Parent(None), datetime(2026, 10, 5, 9, 30, tzinfo=UTC))


def test_a_relation_without_a_time_is_fetched() -> None:
    """It could be older than the stored one."""
    (fetch_needed,) = read("sub_issue_removed", sub_issue={"number": 12}, parent_issue={"number": 3})
    assert fetch_needed == FetchNeeded(
        identity="8001#12", key="acme/checkout#12", reason="the delivery does not say when its parent changed"
    )
