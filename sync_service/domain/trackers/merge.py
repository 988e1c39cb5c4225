"""Newest wins: merge observations into the issue we hold, in whatever order they arrive.

Every function returns a new `Issue`, or the same object when nothing changes. The same observations in any order end in
the same issue; a property test checks that with Hypothesis (`tests/domain/`).
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sync_service.domain.durations import MICROSECOND
from sync_service.domain.trackers.closing_date import ClosedSeen
from sync_service.domain.trackers.fields.merge_values import with_values
from sync_service.domain.trackers.issue import (
    MOVED,
    MULTI_VALUED_TERMS,
    Issue,
    with_account_ids,
    with_fields,
)
from sync_service.domain.trackers.observations import CLOSED, Closing, Parent, ParentSeen, Snapshot, Tombstone
from sync_service.domain.trackers.plausible_times import was_ahead
from sync_service.domain.trackers.state_changes import known_since

API_LAG = timedelta(minutes=10)
"""How far a tracker's API may lag behind its webhooks: a fetch may show what was true this long ago."""

CLOCK_DIFFERENCE = timedelta(minutes=1)
"""How far the clocks of our own machines may differ."""

_NEVER = datetime.min.replace(tzinfo=UTC)


def merge_snapshot(
    issue: Issue | None, snapshot: Snapshot, *, fetched: bool = False, received_at: datetime | None = None
) -> Issue:
    """Merge one snapshot, received at `received_at`; for a fetch, asked for then.

    An issue that is gone stays gone; only a successful fetch revives it. A fetch that shows an older change than we
    hold wins too, if that can't be a lag of the tracker's API: then the tracker no longer has the later change.
    """
    found = _Found(snapshot, fetched=fetched, received_at=received_at)
    if issue is not None and _is_overruled(issue, found):
        issue = _without_later(issue, snapshot.updated_at)
    return _known_since(_with_closing_date(_with_details(_with_content(issue, found), found), found), snapshot)


def _known_since(issue: Issue, snapshot: Snapshot) -> Issue:
    """Note that all changes of the state are known, if the snapshot shows the issue as it was created."""
    since, held = known_since(snapshot), issue.states_known_since
    return (
        issue if since is None or (held is not None and held <= since) else with_fields(issue, states_known_since=since)
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """A snapshot, whether a fetch gave it, and when we received it or asked for it."""

    snapshot: Snapshot
    fetched: bool
    received_at: datetime | None


def _is_overruled(issue: Issue, found: _Found) -> bool:
    """Return whether a snapshot overrules what we hold, although it shows an older change.

    What had a time ahead of our clock is overruled by everything that we receive later; anything else only by a fetch
    that was asked for long after it.
    """
    if found.received_at is None or issue.updated_at is None or issue.received_at is None:
        return False
    asked_later = found.fetched and issue.received_at < found.received_at + CLOCK_DIFFERENCE
    if found.snapshot.updated_at < issue.updated_at and was_ahead(issue.updated_at, issue.received_at):
        return asked_later or issue.received_at < found.received_at
    return found.fetched and is_outdated(issue, found.snapshot, found.received_at)


def is_outdated(issue: Issue, snapshot: Snapshot, received_at: datetime) -> bool:
    """Return whether a snapshot shows an older change than we hold, although we received ours long before it."""
    older = issue.updated_at is not None and snapshot.updated_at < issue.updated_at
    return older and issue.received_at is not None and issue.received_at < received_at - API_LAG


def _without_later(issue: Issue, at: datetime) -> Issue:
    """Return an issue so that a snapshot of this time replaces its content and its details."""
    before = at - MICROSECOND
    times: dict[str, Any] = {
        name: min(held, before) for name in _DETAIL_TIMES if (held := getattr(issue, name)) is not None
    }
    times["numbers"] = tuple(replace(one, at=min(one.at, before)) for one in issue.numbers)
    times["custom_fields"] = tuple(replace(one, at=min(one.at, before)) for one in issue.custom_fields)
    return with_fields(issue, **times, updated_at=None, closing=issue.closing.until(before))


_DETAIL_TIMES = ("parent_at", "closes_at", "points_at", *(f"{name}_at" for name in MULTI_VALUED_TERMS))


def _with_content(issue: Issue | None, found: _Found) -> Issue:
    snapshot = found.snapshot
    if issue is None:
        return _replace_content(Issue(identity=snapshot.identity, key=snapshot.key), found)
    if issue.gone_reason is not None and found.fetched:
        return _replace_content(with_fields(issue, gone_reason=None, successor=None), found)
    if issue.updated_at is None or snapshot.updated_at > issue.updated_at:
        return _replace_content(issue, found)
    if snapshot.updated_at < issue.updated_at:
        return issue
    return _at_equal_times(issue, found)


def _at_equal_times(issue: Issue, found: _Found) -> Issue:
    snapshot = found.snapshot
    if found.fetched:
        return _replace_content(issue, found)
    if snapshot.digest() == issue.digest:
        issue = with_account_ids(issue, [snapshot.author, *snapshot.assignees])
        first = min(filter(None, (issue.received_at, found.received_at)), default=None)
        return issue if first == issue.received_at else with_fields(issue, received_at=first)
    if issue.fetched:
        # It is older than the fetch, or the issue changed again within one tick of the tracker: fetch once more.
        return with_fields(issue, in_doubt=True)
    if snapshot.order() > (issue.updated_at, issue.state in CLOSED, issue.digest):
        return with_fields(_replace_content(issue, found), in_doubt=True)
    return with_fields(issue, in_doubt=True)


def merge_parent(issue: Issue | None, seen: ParentSeen, *, received_at: datetime | None = None) -> Issue:
    """Merge a parent relation, received at `received_at`.

    The issue may be unknown so far: then only its parent is known afterwards.
    """
    return _with_parent(issue or Issue(identity=seen.identity, key=seen.key), seen.parent, seen.at, received_at)


def merge_tombstone(issue: Issue | None, tombstone: Tombstone) -> Issue:
    """Mark the issue as gone, whatever its times; the first reason stays.

    Only a tombstone that names the successor replaces one that names none.
    """
    held = issue or Issue(identity=tombstone.identity, key=tombstone.key)
    if held.gone_reason is not None and (held.successor is not None or tombstone.successor is None):
        return held
    gone = f"{MOVED}{tombstone.moved_to}" if tombstone.moved_to else "deleted"
    return with_fields(held, gone_reason=gone, successor=tombstone.successor)


def _replace_content(issue: Issue, found: _Found) -> Issue:
    snapshot = found.snapshot
    return with_fields(
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
        updated_at=snapshot.updated_at,
        received_at=found.received_at,
        digest=snapshot.digest(),
        fetched=found.fetched,
        in_doubt=False,
    )


def _with_closing_date(issue: Issue, found: _Found) -> Issue:
    """Decide the closing date of a closed issue, and keep what decides it: an older snapshot may come later."""
    snapshot = found.snapshot
    if snapshot.state in CLOSED:
        dates = tuple(filter(None, (snapshot.closed_at, snapshot.entered_category_at)))
        dated_anew = snapshot.dated_anew and snapshot.closed_at is not None
        history = issue.closing.with_closed(ClosedSeen(snapshot.updated_at, dates, dated_anew), fetched=found.fetched)
    else:
        history = issue.closing.with_open(snapshot.updated_at, fetched=found.fetched)
    date, source = history.date() or (None, None)
    if issue.state not in CLOSED:
        date, source = None, None
    if (history, date, source) == (issue.closing, issue.closed_at, issue.closed_at_source):
        return issue
    return with_fields(issue, closing=history, closed_at=date, closed_at_source=source)


def _with_details(issue: Issue, found: _Found) -> Issue:
    """Merge the details that a delivery may omit. Each has its own time; the newest wins."""
    snapshot, fetched, received_at = found.snapshot, found.fetched, found.received_at
    at = snapshot.updated_at
    if fetched and issue.updated_at == at and issue.parent_at is not None:
        at = max(at, issue.parent_at)  # a fetch shows the present relation, whatever time the deliveries gave it
    known = _with_parent(issue, snapshot.parent, at, received_at)
    return with_values(_with_closes(known, snapshot, fetched=fetched), snapshot, fetched=fetched)


def _with_parent(issue: Issue, parent: Parent | None, at: datetime, received_at: datetime | None) -> Issue:
    """Merge a known parent relation if it is newer; at equal times the one received later, then the greater key.

    GitHub does not always change an issue's time when it gains or loses a parent, so equal times are common.
    """
    if parent is None:
        return issue
    if issue.parent_at is not None:
        ours = (
            issue.parent_at,
            issue.parent_received_at or _NEVER,
            issue.parent_key or "",
            issue.parent_identity or "",
        )
        if (at, received_at or _NEVER, parent.key or "", parent.identity or "") <= ours:
            return issue
    return with_fields(
        issue, parent_key=parent.key, parent_identity=parent.identity, parent_at=at, parent_received_at=received_at
    )


def _with_closes(issue: Issue, snapshot: Snapshot, *, fetched: bool) -> Issue:
    """Merge what a pull request closes if it is newer; at equal times a fetch, then the greater content.

    A link that a person adds does not always change the pull request's time, so the last fetch wins over a delivery.
    """
    if snapshot.closes is None:
        return issue
    closes = tuple(sorted(set(snapshot.closes), key=_by_key))
    ours = (issue.closes_at, issue.closes_fetched, [_by_key(one) for one in issue.closes])
    theirs = (snapshot.updated_at, fetched, [_by_key(one) for one in closes])
    if ours[0] is not None and theirs <= (ours[0], *ours[1:]) and not (fetched and snapshot.updated_at == ours[0]):
        return issue
    return with_fields(issue, closes=closes, closes_at=snapshot.updated_at, closes_fetched=fetched)


def _by_key(one: Closing) -> tuple[str, str]:
    return one.key, one.identity or ""
