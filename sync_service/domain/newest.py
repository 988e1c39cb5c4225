"""Newest wins: how observations, in whatever order they come, make the one issue we hold.

Every function gives a new `Issue`, or the same object where nothing changes. Any order of the same observations
ends in the same issue; `tests/domain/test_newest.py` holds that with Hypothesis.
"""

import math
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from sync_service.domain.issues import (
    Account,
    Closing,
    Kind,
    Number,
    Parent,
    ParentSeen,
    ScopeRef,
    Snapshot,
    State,
    Tombstone,
)

MOVED = "moved to "
"""How the reason begins for which a transferred issue is gone; its new key follows."""

MOST_POINTS = 1e6
"""An estimate beyond this, or below nothing, is no estimate."""

LISTED_TERMS = ("components", "versions", "sprints")
"""Terms of which an issue may have several, and which a letter may leave out."""

_NEVER_TOLD = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class HeldNumber(Number):
    """A numeric field with the tracker's time of the snapshot that told it."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """What we hold of one issue. Labels, milestone, components, versions and sprints are ids; names are kept apart.

    `state` None: nothing but a tombstone or its parent is known. `gone` says why it no longer counts ("deleted").
    `parent_at`, `closes_at`, `points_at` and so on None: its parent, what it closes, its estimate is unknown.
    `parent_told_at` is when we were told of the parent: it decides between equal times of the tracker's.
    `closes_looked`: what it closes was seen by a look.
    `digest` belongs to the newest snapshot's content.
    `looked`: that snapshot came from a look. `in_doubt`: another one had the same time and other content.
    """

    identity: str
    key: str
    scope: ScopeRef | None = None
    kind: Kind = Kind.ISSUE
    type: str | None = None
    title: str = ""
    url: str = ""
    state: State | None = None
    resolution: str | None = None
    labels: tuple[str, ...] = ()
    milestone: str | None = None
    parent_key: str | None = None
    parent_identity: str | None = None
    parent_at: datetime | None = None
    parent_told_at: datetime | None = None
    closes: tuple[Closing, ...] = ()
    closes_at: datetime | None = None
    closes_looked: bool = False
    assignees: tuple[Account, ...] = ()
    author: Account | None = None
    priority: str | None = None
    points: float | None = None
    points_at: datetime | None = None
    components: tuple[str, ...] = ()
    components_at: datetime | None = None
    versions: tuple[str, ...] = ()
    versions_at: datetime | None = None
    sprints: tuple[str, ...] = ()
    sprints_at: datetime | None = None
    numbers: tuple[HeldNumber, ...] = ()
    created_at: datetime | None = None
    closed_at: datetime | None = None
    updated_at: datetime | None = None
    digest: str = ""
    looked: bool = False
    in_doubt: bool = False
    gone: str | None = None
    successor: str | None = None

    @property
    def place(self) -> tuple[str, str] | None:
        """Give the identity and key that a transfer gave the issue; None where none is known."""
        return place_of(self.gone, self.successor)


def place_of(gone: str | None, successor: str | None) -> tuple[str, str] | None:
    """Give the identity and key of the place that an issue was transferred to; None where that is not known."""
    return (successor, gone.removeprefix(MOVED)) if gone is not None and successor is not None else None


def take_snapshot(
    issue: Issue | None, snapshot: Snapshot, *, looked: bool = False, told_at: datetime | None = None
) -> Issue:
    """Take one snapshot, told at `told_at`. What is gone stays gone for letters; a successful look revives."""
    return _with_details(_with_content(issue, snapshot, looked=looked), snapshot, looked=looked, told_at=told_at)


def _with_content(issue: Issue | None, snapshot: Snapshot, *, looked: bool) -> Issue:
    if issue is None:
        return _as_shown(Issue(identity=snapshot.identity, key=snapshot.key), snapshot, looked=looked)
    if issue.gone is not None and looked:
        return _as_shown(replace(issue, gone=None, successor=None), snapshot, looked=True)
    if issue.updated_at is None or snapshot.updated_at > issue.updated_at:
        return _as_shown(issue, snapshot, looked=looked)
    if snapshot.updated_at < issue.updated_at:
        return issue
    return _at_equal_times(issue, snapshot, looked=looked)


def _at_equal_times(issue: Issue, snapshot: Snapshot, *, looked: bool) -> Issue:
    if looked:
        return _as_shown(issue, snapshot, looked=True)
    if snapshot.digest() == issue.digest:
        return issue
    if issue.looked:
        # It says what was before the look, or the issue changed once more within the tick: another look tells.
        return replace(issue, in_doubt=True)
    if snapshot.order() > (issue.updated_at, issue.closed_at is not None, issue.digest):
        return replace(_as_shown(issue, snapshot, looked=False), in_doubt=True)
    return replace(issue, in_doubt=True)


def take_parent(issue: Issue | None, seen: ParentSeen, *, told_at: datetime | None = None) -> Issue:
    """Take the word on an issue's parent, received at `told_at`, also before anything else is known of the issue."""
    return _with_parent(issue or Issue(identity=seen.identity, key=seen.key), seen.parent, seen.at, told_at)


def take_tombstone(issue: Issue | None, tombstone: Tombstone) -> Issue:
    """Mark the issue as gone, whatever was known and whenever it was; the first reason stays."""
    held = issue or Issue(identity=tombstone.identity, key=tombstone.key)
    if held.gone is not None and (held.successor is not None or tombstone.successor is None):
        return held
    gone = f"{MOVED}{tombstone.moved_to}" if tombstone.moved_to else "deleted"
    return replace(held, gone=gone, successor=tombstone.successor)


def _as_shown(issue: Issue, snapshot: Snapshot, *, looked: bool) -> Issue:
    return replace(
        issue,
        key=snapshot.key,
        scope=snapshot.scope,
        kind=snapshot.kind,
        type=snapshot.type,
        title=snapshot.title,
        url=snapshot.url,
        state=snapshot.state,
        resolution=snapshot.resolution,
        labels=tuple(sorted(label.id for label in snapshot.labels)),
        milestone=snapshot.milestone.id if snapshot.milestone else None,
        assignees=tuple(sorted(snapshot.assignees, key=lambda account: account.id)),
        author=snapshot.author,
        priority=snapshot.priority,
        created_at=snapshot.created_at,
        closed_at=snapshot.closed_at,
        updated_at=snapshot.updated_at,
        digest=snapshot.digest(),
        looked=looked,
        in_doubt=False,
    )


def _with_details(issue: Issue, snapshot: Snapshot, *, looked: bool, told_at: datetime | None) -> Issue:
    """Take what a letter may leave out, where it says it: each detail has a time of its own, the newest wins."""
    at = snapshot.updated_at
    if looked and issue.updated_at == at and issue.parent_at is not None:
        at = max(at, issue.parent_at)  # a look shows the relation as it is, whatever time the letters gave it
    known = _with_parent(issue, snapshot.parent, at, told_at)
    known = _with_points(_with_closes(known, snapshot, looked=looked), snapshot, looked=looked)
    for name in LISTED_TERMS:
        known = _with_terms(known, snapshot, name, looked=looked)
    return _with_numbers(known, snapshot, looked=looked)


def _is_news(issue: Issue, at: datetime, held_at: datetime | None, *, looked: bool, greater: bool) -> bool:
    """Tell whether a detail that differs from ours is to be taken: at equal times a look, then the greater content."""
    if held_at is None or at != held_at:
        return held_at is None or at > held_at
    if looked or (issue.looked and issue.updated_at == at):
        return looked
    return greater


def _with_points(issue: Issue, snapshot: Snapshot, *, looked: bool) -> Issue:
    if not snapshot.points_known:
        return issue
    at = snapshot.updated_at
    points = snapshot.points if snapshot.points is not None and 0 <= snapshot.points <= MOST_POINTS else None
    greater = points is not None and (issue.points is None or points > issue.points)
    if (points, at) == (issue.points, issue.points_at):
        return issue
    if not _is_news(issue, at, issue.points_at, looked=looked, greater=greater):
        return issue
    return replace(issue, points=points, points_at=at)


def _with_terms(issue: Issue, snapshot: Snapshot, name: str, *, looked: bool) -> Issue:
    """Take the components, versions or sprints, where they are told."""
    told, at = getattr(snapshot, name), snapshot.updated_at
    if told is None:
        return issue
    ids = tuple(sorted({term.id for term in told}))
    held: tuple[str, ...] = getattr(issue, name)
    held_at: datetime | None = getattr(issue, f"{name}_at")
    if (ids, at) == (held, held_at) or not _is_news(issue, at, held_at, looked=looked, greater=ids > held):
        return issue
    changes: dict[str, Any] = {name: ids, f"{name}_at": at}
    return replace(issue, **changes)


def _with_numbers(issue: Issue, snapshot: Snapshot, *, looked: bool) -> Issue:
    """Take the numbers that are told; each has a time of its own."""
    if not snapshot.numbers:
        return issue
    at, held = snapshot.updated_at, {one.name: one for one in issue.numbers}
    for told in snapshot.numbers:
        ours = held.get(told.name)
        value = -math.inf if told.value is None else told.value
        greater = ours is not None and value > (-math.inf if ours.value is None else ours.value)
        if _is_news(issue, at, ours.at if ours else None, looked=looked, greater=greater):
            held[told.name] = HeldNumber(told.name, told.value, at)
    numbers = tuple(held[name] for name in sorted(held))
    return issue if numbers == issue.numbers else replace(issue, numbers=numbers)


def _with_parent(issue: Issue, parent: Parent | None, at: datetime, told_at: datetime | None) -> Issue:
    """Take a known parent relation if it is newer than ours; at equal times the one told later, then the greater key.

    GitHub need not change an issue's time where it gains or loses a parent, so equal times are nothing rare.
    """
    if parent is None:
        return issue
    if issue.parent_at is not None:
        ours = (
            issue.parent_at,
            issue.parent_told_at or _NEVER_TOLD,
            issue.parent_key or "",
            issue.parent_identity or "",
        )
        if (at, told_at or _NEVER_TOLD, parent.key or "", parent.identity or "") <= ours:
            return issue
    return replace(issue, parent_key=parent.key, parent_identity=parent.identity, parent_at=at, parent_told_at=told_at)


def _with_closes(issue: Issue, snapshot: Snapshot, *, looked: bool) -> Issue:
    """Take what a pull request closes if it is newer than ours; at equal times a look, then the greater content.

    A link by hand need not change its time, so what the last look shows stands.
    """
    if snapshot.closes is None:
        return issue
    closes = tuple(sorted(set(snapshot.closes), key=_by_key))
    ours = (issue.closes_at, issue.closes_looked, [_by_key(one) for one in issue.closes])
    theirs = (snapshot.updated_at, looked, [_by_key(one) for one in closes])
    if ours[0] is not None and theirs <= (ours[0], *ours[1:]) and not (looked and snapshot.updated_at == ours[0]):
        return issue
    return replace(issue, closes=closes, closes_at=snapshot.updated_at, closes_looked=looked)


def _by_key(one: Closing) -> tuple[str, str]:
    return one.key, one.identity or ""
