"""Causes: what happened to an issue, in words."""

from dataclasses import replace

import pytest

from sync_service.domain.trackers.causes import counts_differently, describe_change, was_reopened
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.merge import merge_snapshot, merge_tombstone
from sync_service.domain.trackers.observations import (
    Account,
    Kind,
    Number,
    Parent,
    Snapshot,
    State,
    Term,
    TermKind,
)
from tests.domain.factories import BILLING, at, snapshot
from tests.domain.test_merge import DELETED, MOVED

OPEN = snapshot(0, labels=["checkout"])
DONE = snapshot(1, labels=["checkout"], state=State.DONE, resolution="completed", closed_at=at(1))
CANCELLED = snapshot(1, labels=["checkout"], state=State.DROPPED, resolution="not_planned", closed_at=at(1))


def issue_of(one: Snapshot) -> Issue:
    """Return the issue that one snapshot gives."""
    return merge_snapshot(None, one)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, OPEN, "opened"),
        (None, replace(OPEN, state=State.DOING), "opened, in progress"),
        (None, DONE, "first seen, already done"),
        (None, CANCELLED, "first seen, already dropped"),
        (OPEN, DONE, "closed as done"),
        (OPEN, CANCELLED, "closed as not planned, dropped"),
        (OPEN, replace(CANCELLED, resolution=None), "closed, dropped"),
        (OPEN, replace(DONE, kind=Kind.PULL_REQUEST), "merged"),
        (DONE, replace(OPEN, updated_at=at(2)), "reopened"),
        (DONE, replace(CANCELLED, updated_at=at(2)), "closed as not planned, dropped"),
        (CANCELLED, replace(CANCELLED, resolution="duplicate", updated_at=at(2)), "closed as duplicate, dropped"),
        (OPEN, snapshot(1, labels=["checkout"], state=State.DOING), "started"),
        (snapshot(0, state=State.DOING), snapshot(1), "moved back to to-do"),
        (OPEN, snapshot(1), "unlabelled checkout"),
        (snapshot(0), replace(OPEN, updated_at=at(1)), "labelled checkout"),
        (OPEN, snapshot(1, labels=["checkout"], scope=BILLING), "moved from acme/checkout to acme/billing"),
        (OPEN, snapshot(1, labels=["checkout"], points=5), "points none → 5"),
        (snapshot(0, points=3), snapshot(1, points=2.5), "points 3 → 2.5"),
        (snapshot(0), snapshot(1, milestone=Term("9", "v2")), "moved to milestone 9"),
        (snapshot(0, milestone=Term("9", "v2")), snapshot(1), "removed from its milestone"),
        (snapshot(0), snapshot(1, type="Bug"), "type changed to Bug"),
        (snapshot(0, parent=Parent("a#1")), snapshot(1, parent=Parent("a#2")), "parent changed to a#2"),
        (snapshot(0, parent=Parent("a#1")), snapshot(1, parent=Parent(None)), "parent changed to none"),
        (snapshot(0), snapshot(1, assignees=(Account("ana", "Ana"),)), "assigned to Ana"),
        (snapshot(0, assignees=(Account("ana", "Ana"),)), snapshot(1), "assigned to nobody"),
        (snapshot(0), snapshot(1, title="Pay by bank"), "renamed"),
        (snapshot(0, priority="Low"), snapshot(1, priority="High"), "priority changed to High"),
        (snapshot(0, priority="Low"), snapshot(1), "priority changed to none"),
        (snapshot(0), snapshot(1, versions=(Term("9", "v2"),)), "seen with version 9"),
        (snapshot(0, versions=()), snapshot(1, versions=(Term("9", "v2"),)), "added to version 9"),
        (snapshot(0, sprints=(Term("7", "S"),)), snapshot(1, sprints=()), "removed from sprint 7"),
        (snapshot(0, sprints=(Term("7", "S"),)), snapshot(1), "no change that counts"),
        (snapshot(0, components=()), snapshot(1, components=(Term("App", "App"),)), "added to component App"),
        (snapshot(0), snapshot(1, numbers=(Number("Effort", 3),)), "seen with Effort 3"),
        (
            snapshot(0, numbers=(Number("Effort", 3),)),
            snapshot(1, numbers=(Number("Effort", None),)),
            "Effort 3 → none",
        ),
        (snapshot(0), snapshot(1, parent=Parent("a#1")), "seen with parent a#1"),
        (
            snapshot(86400, state=State.DONE),
            snapshot(0, state=State.DONE),
            "closing date 2026-11-21 → 2026-11-20",
        ),
        (snapshot(0), snapshot(1), "no change that counts"),
    ],
)
def test_the_cause_names_the_most_important_change(before: Snapshot | None, after: Snapshot, expected: str) -> None:
    """If several things changed, the cause names the most important one."""
    one = issue_of(before) if before else None
    assert describe_change(one, merge_snapshot(one, after), name_of=lambda *_: None) == expected


def test_a_deleted_or_moved_issue_says_how() -> None:
    """An issue that is found again says that too."""
    issue = issue_of(OPEN)
    gone = merge_tombstone(issue, DELETED)
    assert describe_change(issue, gone, name_of=lambda *_: None) == "deleted"
    assert describe_change(issue, merge_tombstone(issue, MOVED), name_of=lambda *_: None) == "moved to acme/billing#9"
    again = merge_snapshot(gone, OPEN, fetched=True)
    assert describe_change(gone, again, name_of=lambda *_: None) == "found again"


def test_causes_show_names_instead_of_ids() -> None:
    """We store labels and milestones by id; people know them by name."""
    before, after = issue_of(snapshot(0)), issue_of(snapshot(1, labels=[Term("77", "checkout")]))
    names = {(TermKind.LABEL, "77"): "checkout", (TermKind.COMPONENT, "77"): "App"}
    assert describe_change(before, after, name_of=lambda *key: names.get(key)) == "labelled checkout"


def test_only_some_changes_can_move_a_measure() -> None:
    """A new title, for example, can't."""
    assert not counts_differently(issue_of(OPEN), issue_of(replace(OPEN, title="x", updated_at=at(1))))
    assert counts_differently(issue_of(OPEN), issue_of(DONE))
    assert counts_differently(None, issue_of(OPEN))


def test_reopened_work_differs_from_work_that_is_found_again() -> None:
    """Work that was deleted and is found again was not reopened."""
    assert was_reopened(issue_of(DONE), issue_of(OPEN))
    assert not was_reopened(issue_of(OPEN), issue_of(DONE))
    assert not was_reopened(None, issue_of(OPEN))
    assert not was_reopened(issue_of(DONE), merge_tombstone(issue_of(OPEN), DELETED))
