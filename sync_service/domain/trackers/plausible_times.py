"""Times that can't be: a tracker's time far ahead of our clock is set back to the latest possible one.

Otherwise one wrong time would win over every later change.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from sync_service.domain.trackers.observations import (
    AccountSeen,
    CommentSeen,
    Observation,
    ParentSeen,
    ScopeSeen,
    Snapshot,
    TermSeen,
)

TOLERANCE = timedelta(minutes=5)
"""How far a tracker's clock may be ahead of ours."""

One = TypeVar("One", bound=Observation)


def is_plausible(at: datetime, received_at: datetime) -> bool:
    """Return whether a tracker's time can be, in something that was received at a time of our clock."""
    return at <= received_at + TOLERANCE


def was_ahead(at: datetime, received_at: datetime) -> bool:
    """Return whether a time was set back to the latest that was possible when it was received."""
    return at == received_at + TOLERANCE


def plausible(one: One, received_at: datetime) -> One:
    """Return an observation whose time is not ahead of our clock."""
    match one:
        case Snapshot() if not is_plausible(one.updated_at, received_at):
            return replace(one, updated_at=received_at + TOLERANCE)
        case ParentSeen() | CommentSeen() if not is_plausible(one.at, received_at):
            return replace(one, at=received_at + TOLERANCE)
        case TermSeen() | ScopeSeen() | AccountSeen() if one.at and not is_plausible(one.at, received_at):
            return replace(one, at=received_at + TOLERANCE)
    return one
