"""Newest wins for the values that a delivery may omit: points, numbers, custom fields, terms; each has its own time."""

import math
from datetime import datetime
from typing import Any

from sync_service.domain.trackers.fields.custom_fields import TimedCustomValue
from sync_service.domain.trackers.issue import MULTI_VALUED_TERMS, Issue, TimedNumber, with_fields
from sync_service.domain.trackers.observations import Snapshot

MAX_POINTS = 1e6
"""An estimate above this, or below zero, counts as no estimate."""


def with_values(issue: Issue, snapshot: Snapshot, *, fetched: bool) -> Issue:
    """Merge the points, terms, numbers and custom fields that a snapshot has."""
    known = _with_points(issue, snapshot, fetched=fetched)
    for name in MULTI_VALUED_TERMS:
        known = _with_terms(known, snapshot, name, fetched=fetched)
    known = _with_numbers(known, snapshot, fetched=fetched)
    return _with_custom_fields(known, snapshot, fetched=fetched)


def _is_newer(issue: Issue, at: datetime, held_at: datetime | None, *, fetched: bool, greater: bool) -> bool:
    """Return whether to take a detail that differs from ours. At equal times: a fetch, then the greater content."""
    if held_at is None or at != held_at:
        return held_at is None or at > held_at
    if fetched or (issue.fetched and issue.updated_at == at):
        return fetched
    return greater


def _with_points(issue: Issue, snapshot: Snapshot, *, fetched: bool) -> Issue:
    if not snapshot.points_known:
        return issue
    at = snapshot.updated_at
    points = snapshot.points if snapshot.points is not None and 0 <= snapshot.points <= MAX_POINTS else None
    greater = points is not None and (issue.points is None or points > issue.points)
    if (points, at) == (issue.points, issue.points_at):
        return issue
    if not _is_newer(issue, at, issue.points_at, fetched=fetched, greater=greater):
        return issue
    return with_fields(issue, points=points, points_at=at)


def _with_terms(issue: Issue, snapshot: Snapshot, name: str, *, fetched: bool) -> Issue:
    """Merge the components, versions or sprints, if the snapshot has them."""
    terms, at = getattr(snapshot, name), snapshot.updated_at
    if terms is None:
        return issue
    ids = tuple(sorted({term.id for term in terms}))
    held: tuple[str, ...] = getattr(issue, name)
    held_at: datetime | None = getattr(issue, f"{name}_at")
    if (ids, at) == (held, held_at) or not _is_newer(issue, at, held_at, fetched=fetched, greater=ids > held):
        return issue
    changes: dict[str, Any] = {name: ids, f"{name}_at": at}
    return with_fields(issue, **changes)


def _with_custom_fields(issue: Issue, snapshot: Snapshot, *, fetched: bool) -> Issue:
    """Merge the custom fields of the snapshot; each has its own time."""
    if not snapshot.custom_fields:
        return issue
    at, held = snapshot.updated_at, {one.field: one for one in issue.custom_fields}
    for one in snapshot.custom_fields:
        ours = held.get(one.field)
        read_anew = ours is not None and ours.type is not one.type and ours.at == at  # the connection changed its type
        greater = ours is not None and one.values > ours.values
        if read_anew or _is_newer(issue, at, ours.at if ours else None, fetched=fetched, greater=greater):
            held[one.field] = TimedCustomValue(one.field, one.type, one.values, at)
    custom_fields = tuple(held[field] for field in sorted(held))
    return issue if custom_fields == issue.custom_fields else with_fields(issue, custom_fields=custom_fields)


def _with_numbers(issue: Issue, snapshot: Snapshot, *, fetched: bool) -> Issue:
    """Merge the numbers of the snapshot; each has its own time."""
    if not snapshot.numbers:
        return issue
    at, held = snapshot.updated_at, {one.name: one for one in issue.numbers}
    for number in snapshot.numbers:
        ours = held.get(number.name)
        value = -math.inf if number.value is None else number.value
        greater = ours is not None and value > (-math.inf if ours.value is None else ours.value)
        if _is_newer(issue, at, ours.at if ours else None, fetched=fetched, greater=greater):
            held[number.name] = TimedNumber(number.name, number.value, at)
    numbers = tuple(held[name] for name in sorted(held))
    return issue if numbers == issue.numbers else with_fields(issue, numbers=numbers)
