"""Check-ins on the page of a key result: the form, the question about an unlikely value, correction and withdrawal."""

from collections.abc import Mapping
from typing import Protocol

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.domain.people.check_in import (
    CheckIn,
    CheckInRefused,
    NotAllowed,
    Unlikely,
    one_line,
    read_confidence,
    read_number,
    require_right,
)
from sync_service.progress.manual import check_ins
from sync_service.store.engine.database import reading, writing
from sync_service.store.views.key_results import KeyResultView
from sync_service.web.pages.key_results import Answer, find, page
from sync_service.web.request.audit_log import author
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("check_ins", __name__, url_prefix="/key-results/<slug>/check-ins")


class Save(Protocol):
    """Stores a check-in, or a correction of one."""

    def __call__(self, tx: Connection, view: KeyResultView, entered: CheckIn, *, confirmed: bool) -> None:
        """Store it, even with an unlikely value if that is `confirmed`."""


@blueprint.post("")
@guarded(Guard.MEMBER)
def add(slug: str) -> ResponseReturnValue:
    """Check in on a key result: the owner and admins with a value, other members with a confidence."""

    def save(tx: Connection, view: KeyResultView, entered: CheckIn, *, confirmed: bool) -> None:
        check_ins.check_in(tx, view, entered, author=author(), now=services().now(), confirmed=confirmed)

    return _answer(slug, save, done="Checked in.")


@blueprint.post("/<int:check_in_id>/correct")
@guarded(Guard.MEMBER)
def correct(slug: str, check_in_id: int) -> ResponseReturnValue:
    """Correct a check-in; both stay in the list. Only its author may, while the key result is open."""

    def save(tx: Connection, view: KeyResultView, entered: CheckIn, *, confirmed: bool) -> None:
        who, now = author(), services().now()
        check_ins.correct(tx, view, check_in_id, entered, author=who, now=now, confirmed=confirmed)

    return _answer(slug, save, done="Corrected.", correcting=check_in_id)


@blueprint.post("/<int:check_in_id>/withdraw")
@guarded(Guard.MEMBER)
def withdraw(slug: str, check_in_id: int) -> ResponseReturnValue:
    """Withdraw a check-in, which stays in the list. Only its author may, while the key result is open."""
    with reading(services().engine) as tx:
        view, _ = find(tx, slug)
    try:
        with writing(services().engine) as tx:
            check_ins.withdraw(tx, view, check_in_id, author=author(), now=services().now())
    except CheckInRefused as refused:
        abort(403, str(refused))
    wake("recompute")
    flash("Withdrawn." + _changes(view), "success")
    return redirect(url_for("key_results.show", slug=view.slug, _anchor="check-ins"))


def _answer(slug: str, save: Save, *, done: str, correcting: int | None = None) -> ResponseReturnValue:
    """Store what the form has, and answer: back to the page, or the form with the error or question."""
    with reading(services().engine) as tx:
        view, _ = find(tx, slug)
    try:
        require_right(check_ins.subject_of(view), author())
        entered = read_check_in(request.form)
        confirmed = request.form.get("sure", "").strip() == request.form.get("value", "").strip()
        with writing(services().engine) as tx:
            save(tx, view, entered, confirmed=confirmed)
    except (NotAllowed, check_ins.NoCheckIn) as refused:
        abort(403, str(refused))
    except Unlikely as question:
        return page(slug, answer=Answer(question=str(question), correcting=correcting)), 422
    except CheckInRefused as error:
        return page(slug, answer=Answer(error=str(error), field=error.field, correcting=correcting)), 422
    wake("recompute")
    flash(done + (_changes(view) if entered.value is not None else ""), "success")
    return redirect(url_for("key_results.show", slug=view.slug))


def read_check_in(form: Mapping[str, str]) -> CheckIn:
    """Return the parsed form. Raise `CheckInRefused` when it is not valid."""
    return CheckIn(
        confidence=read_confidence(form.get("confidence", "")),
        value=read_number(form.get("value", "")),
        note=one_line(form.get("note", "")),
        blockers=one_line(form.get("blockers", "")),
    )


def _changes(view: KeyResultView) -> str:
    return " The value changes in a moment." if view.measure["kind"] == "manual" else ""
