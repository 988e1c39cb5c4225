"""Notices: which changes of a key result are worth a mail, and how later changes are merged into a waiting one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from sync_service.domain.measures.status import Status
from sync_service.domain.trackers.causes import Cause

ALERT_QUIET = timedelta(days=1)
"""How long after a mail about a connection the same failure, repaired and back, causes no second mail."""


class NoticeKind(StrEnum):
    """The main message of a mail about a key result."""

    COMPLETED = "completed"
    FELL_BACK = "fell_back"
    STATUS_CHANGED = "status_changed"
    PROPOSED = "proposed"


@dataclass(frozen=True, slots=True)
class KeyResultState:
    """The state of a key result: its status, value (in its unit) and progress (a fraction)."""

    status: Status
    value: float | None
    progress: float | None


@dataclass(frozen=True, slots=True)
class Change:
    """A change between two states, and why. A pending notice holds the change since the last mail."""

    before: KeyResultState
    after: KeyResultState
    causes: tuple[Cause, ...]

    @property
    def proposes(self) -> bool:
        """Whether it says that a value waits for its owner."""
        return any(cause.proposed for cause in self.causes)


SILENT = (Status.NOT_STARTED, Status.PARTIAL, Status.CLOSED)
"""Statuses of which no mail is sent."""


def kind_of(change: Change) -> NoticeKind | None:
    """Return the kind of mail about a change; None if it is worth none.

    No mail for partial data, for a closed cycle, or for a first value that is not yet complete. A change of the state
    comes before a value that waits.
    """
    if change.before.status in SILENT or change.after.status in SILENT:
        return None
    return _kind_of_state(change) or (NoticeKind.PROPOSED if change.proposes else None)


def _kind_of_state(change: Change) -> NoticeKind | None:
    before, after = change.before, change.after
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
        and (
            change.before.status is Status.COMPLETED
            or any(cause.reopened and not cause.proposed for cause in change.causes)
        )
    )


def absorb(pending: Change | None, change: Change) -> Change | None:
    """Merge a change into the pending one; return None when no mail is needed (too small, or undone meanwhile).

    What was proposed before is left out: the change says what waits now.
    """
    joined = change if pending is None else replace(change, before=pending.before, causes=_join(pending, change))
    return joined if kind_of(joined) else None


MAX_CAUSES = 50
"""How many causes a pending change keeps, the latest ones.

In a burst of deliveries, storing more would cost more than applying the deliveries.
"""


def _join(pending: Change, change: Change) -> tuple[Cause, ...]:
    return (*(cause for cause in pending.causes if not cause.proposed), *change.causes)[-MAX_CAUSES:]


@dataclass(frozen=True, slots=True)
class WaitingNotice:
    """A notice that waits for one person: its row id and the deliveries that caused it."""

    id: int
    due: bool
    deliveries: frozenset[str]


def choose_for_mail(waiting: Sequence[WaitingNotice]) -> list[int]:
    """Return the row ids of one person's notices that go into the next mail.

    These are the due ones and all that share a cause with them. So one cause never makes two mails, however many key
    results it moved.
    """
    chosen = [one for one in waiting if one.due]
    rest = [one for one in waiting if not one.due]
    while joined := [one for one in rest if any(one.deliveries & other.deliveries for other in chosen)]:
        chosen += joined
        rest = [one for one in rest if one not in joined]
    return [one.id for one in chosen]
