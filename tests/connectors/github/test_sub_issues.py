"""How GitHub's deliveries about sub-issues become parents, from either side and across repositories."""

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


def read(action: str, **parts: Any) -> tuple[Observation, ...]:
    """Read a delivery about acme/checkout#12 and its parent acme/ledger#3; a part that is None is left out."""
    child_side = action.startswith("parent_issue_")
    sides: Json = {"parent_issue_repo": LEDGER} if child_side else {"sub_issue_repo": CHECKOUT}
    body = {
        "repository": CHECKOUT if child_side else LEDGER,
        "sub_issue": CHILD,
        "parent_issue": PARENT,
        **sides,
        **parts,
    }
    told = {name: bucket for name, bucket in body.items() if bucket is not None}
    return GitHub().parse_delivery(delivery("sub_issues", action, **told), CONNECTION).observations


@pytest.mark.parametrize("action", ACTIONS)
def test_either_side_tells_both_issues_and_the_relation(action: str) -> None:
    """Child and parent as they stand, each in its own repository, and the parent at the later of their times."""
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
def test_within_one_repository_the_other_need_not_be_named(action: str) -> None:
    """The issue's own address says that it is the same."""
    parts = {"repository": CHECKOUT, "parent_issue": issue(number=3), "parent_issue_repo": None, "sub_issue_repo": None}
    child, parent, relation = read(action, **parts)
    assert isinstance(child, Snapshot)
    assert isinstance(parent, Snapshot)
    assert (child.identity, parent.identity) == ("8001#12", "8001#3")
    assert isinstance(relation, ParentSeen)
    assert relation.parent == (Parent("acme/checkout#3", "8001#3") if action.endswith("added") else Parent(None))


def test_a_parent_in_a_repository_that_is_not_named_is_known_by_its_key() -> None:
    """Its address tells the name, and only the repository's id would make an identity."""
    child, relation = read("parent_issue_added", parent_issue_repo=None)
    assert isinstance(child, Snapshot)
    assert isinstance(relation, ParentSeen)
    assert relation.parent == Parent("acme/ledger#3")


@pytest.mark.parametrize("sketch", [{"number": 12}, {**CHILD, "labels": None}, {**CHILD, "state": None}])
def test_what_is_not_whole_tells_the_relation_alone(sketch: Json) -> None:
    """Nothing says that the issue itself has changed, so nobody looks."""
    _, relation = read("sub_issue_added", sub_issue=sketch)
    assert relation == SEEN


def test_a_sub_issue_that_cannot_be_told_is_ignored_and_the_parent_is_not() -> None:
    """Newer descriptions of the event let either issue be absent."""
    for bucket in (None, {}, {"number": None}):
        parent, ignored = read("sub_issue_added", sub_issue=bucket)
        assert isinstance(parent, Snapshot)
        assert ignored == Ignored("the delivery does not say which issue is the sub-issue")
    (_, ignored) = read("sub_issue_removed", sub_issue_repo=None)
    assert isinstance(ignored, Ignored)


def test_a_parent_that_is_not_told_is_looked_for_unless_it_was_taken_away() -> None:
    """That there is one is sure, which one is not."""
    _, look = read("parent_issue_added", parent_issue=None)
    assert look == FetchNeeded(
        identity="8001#12", key="acme/checkout#12", reason="the delivery does not say which issue is the parent"
    )
    _, relation = read("parent_issue_removed", parent_issue=None)
    assert isinstance(relation, ParentSeen)
    assert (relation.parent, relation.at) == (Parent(None), datetime(2026, 10, 5, 9, 30, tzinfo=UTC))


def test_a_relation_without_a_time_is_looked_at() -> None:
    """It could not be told from an older one."""
    (look,) = read("sub_issue_removed", sub_issue={"number": 12}, parent_issue={"number": 3})
    assert look == FetchNeeded(
        identity="8001#12", key="acme/checkout#12", reason="the delivery does not say when its parent changed"
    )
