"""Check in as a person: the one way for pages, API, command line and comments, with all rules, audit and reasons."""

from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.people.check_in import (
    MOST_CONFIDENCE,
    Author,
    CheckIn,
    CheckInRefused,
    NotAllowed,
    Subject,
    require_allowed,
    require_right,
)
from sync_service.domain.text import amount
from sync_service.domain.trackers.causes import Cause
from sync_service.store.engine import versions
from sync_service.store.okrs import check_ins
from sync_service.store.okrs.key_results import recompute
from sync_service.store.people import audit
from sync_service.store.views.check_ins import CheckInView, check_in_view
from sync_service.store.views.key_results import KeyResultView


class NoCheckIn(CheckInRefused):
    """There is no such check-in (`missing`), or it is corrected or withdrawn already."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        self.missing = missing
        super().__init__(message)


def check_in(
    tx: Connection, view: KeyResultView, entered: CheckIn, *, author: Author, now: datetime, confirmed: bool = False
) -> int:
    """Check in on a key result and return the check-in's id. Raise `CheckInRefused`.

    `Unlikely` is raised for a value that has to be `confirmed`. A value is computed soon after: wake `recompute`.
    """
    require_allowed(entered, subject_of(view), author, confirmed=confirmed)
    id_ = check_ins.add(tx, view.id, entered, author=author, at=now)
    what = f"checked in: {entered.note}" if entered.note else "checked in"
    _finish(tx, view, what if entered.value is not None else None, author)
    _note(tx, f"checked in on {view.slug}: {_words(view, entered)}", author, now)
    return id_


def correct(
    tx: Connection,
    view: KeyResultView,
    check_in_id: int,
    entered: CheckIn,
    *,
    author: Author,
    now: datetime,
    confirmed: bool = False,
) -> int:
    """Replace a check-in by another one of the same time, and return its id. Only its author may."""
    require_allowed(entered, subject_of(view), author, confirmed=confirmed)
    before = _withdraw(tx, view, check_in_id, author, now)
    id_ = check_ins.add(tx, view.id, entered, author=author, at=before.at, corrects_id=check_in_id)
    what = f"check-in of {_value(view, before.value)} corrected to {_value(view, entered.value)}"
    _finish(tx, view, what if before.value != entered.value else None, author)
    words = f"corrected check-in {check_in_id} on {view.slug}: {_words(view, before.entered)} → {_words(view, entered)}"
    _note(tx, words, author, now)
    return id_


def withdraw(tx: Connection, view: KeyResultView, check_in_id: int, *, author: Author, now: datetime) -> None:
    """Withdraw a check-in, which stays in the list. Only its author may. Raise `CheckInRefused`."""
    require_right(subject_of(view), author)
    before = _withdraw(tx, view, check_in_id, author, now)
    what = f"check-in of {_value(view, before.value)} withdrawn"
    _finish(tx, view, what if before.value is not None else None, author)
    _note(tx, f"withdrew check-in {check_in_id} on {view.slug}: {_words(view, before.entered)}", author, now)


def subject_of(view: KeyResultView) -> Subject:
    """Return what the rules of check-ins need of a key result."""
    return Subject(
        slug=view.slug,
        kind=view.measure["kind"],
        owner=view.owner,
        closed=view.closed,
        start=view.start,
        target=view.target,
        unit=view.unit,
    )


def _withdraw(tx: Connection, view: KeyResultView, check_in_id: int, author: Author, now: datetime) -> CheckInView:
    before = check_in_view(tx, view.id, check_in_id)
    if before is None:
        raise NoCheckIn(f"There is no check-in {check_in_id} on {view.slug}.", missing=True)
    if not before.is_by(author):
        raise NotAllowed("Only the author of a check-in can correct or withdraw it.")
    if not check_ins.withdraw(tx, check_in_id, now=now):
        raise NoCheckIn(f"Check-in {check_in_id} on {view.slug} is already corrected or withdrawn.")
    return before


def _finish(tx: Connection, view: KeyResultView, what: str | None, author: Author) -> None:
    """Request to compute the value where it may have moved, for the reason `what`, and let open pages refresh."""
    if what is not None:
        recompute(tx, [view.id], causes=[Cause(what=what, actor=author.name)])
    versions.bump(tx, versions.CHANGES)


def _note(tx: Connection, what: str, author: Author, now: datetime) -> None:
    audit.note(tx, actor=author.actor, what=what, at=now)


def _words(view: KeyResultView, entered: CheckIn) -> str:
    named = (
        ("confidence", None if entered.confidence is None else f"{entered.confidence} of {MOST_CONFIDENCE}"),
        ("value", None if entered.value is None else _value(view, entered.value)),
        ("note", entered.note),
        ("blockers", entered.blockers),
    )
    return ", ".join(f"{name} {words}" for name, words in named if words)


def _value(view: KeyResultView, value: float | None) -> str:
    return amount(value, view.unit, view.target)
