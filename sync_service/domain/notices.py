"""Notices: which changes of a key result a person hears about, and how later changes are absorbed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from sync_service.domain.causes import Cause
from sync_service.domain.pace import Status


class NoticeKind(StrEnum):
    """What a mail about a key result says first."""

    COMPLETED = "completed"
    FELL_BACK = "fell_back"
    STATUS_CHANGED = "status_changed"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a key result stands: its status, value (in its unit) and progress (a fraction)."""

    status: Status
    value: float | None
    progress: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """From one standing to another, and why. A pending notice is the change since the last mail's standing."""

    before: Standing
    after: Standing
    causes: tuple[Cause, ...]


_SILENT = (Status.PARTIAL, Status.CLOSED)


def kind_of(change: Change) -> NoticeKind | None:
    """Say what the change is worth a mail for; None where it can wait for the digest.

    Nothing is told of what is only partly seen, of a closed cycle, or of a first value that is merely on its way.
    """
    before, after = change.before, change.after
    if before.status in _SILENT or after.status in _SILENT:
        return None
    if after.status is not before.status:
        if after.status is Status.COMPLETED:
            return NoticeKind.COMPLETED
        if before.status is Status.NO_DATA:
            return None
        return NoticeKind.FELL_BACK if _fell_back(change) else NoticeKind.STATUS_CHANGED
    return NoticeKind.FELL_BACK if _fell_back(change) else None


def _fell_back(change: Change) -> bool:
    before, after = change.before.progress, change.after.progress
    return (
        before is not None
        and after is not None
        and after < before
        and (change.before.status is Status.COMPLETED or any(cause.reopened for cause in change.causes))
    )


def absorb(pending: Change | None, change: Change) -> Change | None:
    """Join a change to the one that waits; None where nothing is left to tell (not worth it, or undone meanwhile)."""
    joined = change if pending is None else replace(change, before=pending.before, causes=_join(pending, change))
    return joined if kind_of(joined) else None


MOST_CAUSES = 50
"""Causes that a waiting change keeps, the latest ones: in a surge they would cost more to carry than to apply."""


def _join(pending: Change, change: Change) -> tuple[Cause, ...]:
    return (*pending.causes, *change.causes)[-MOST_CAUSES:]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A notice that waits for one person: its row id and the deliveries that caused it."""

    id: int
    due: bool
    deliveries: frozenset[str]


def one_mail(waiting: Sequence[Waiting]) -> list[int]:
    """Choose which of a person's waiting notices go into one mail: the due ones, and all that share a cause with them.

    So one cause never makes two mails, whatever number of key results it moved.
    """
    chosen = [one for one in waiting if one.due]
    rest = [one for one in waiting if not one.due]
    while joined := [one for one in rest if any(one.deliveries & other.deliveries for other in chosen)]:
        chosen += joined
        rest = [one for one in rest if one not in joined]
    return [one.id for one in chosen]
