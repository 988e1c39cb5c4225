"""Check-ins on the page of a key result: the form, the question about an unlikely value, and the withdrawal."""

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.text import amount
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import check_ins
from sync_service.web.pages.check_in_form import InvalidCheckIn, may_check_in, question_about, read_check_in
from sync_service.web.pages.key_results import find, page
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = Blueprint("check_ins", __name__, url_prefix="/key-results/<slug>/check-ins")


@blueprint.post("")
@guarded(Guard.MEMBER)
def add(slug: str) -> ResponseReturnValue:
    """Set the value of a `manual` key result. Only its owner and admins may. An unlikely value is asked about first."""
    with reading(services().engine) as tx:
        view, _ = find(tx, slug)
    caller = current_caller()
    if caller is None or not may_check_in(view, caller):
        abort(403, "Only the owner or an admin can check in, and only when the measure is manual.")
    try:
        entered = read_check_in(request.form)
    except InvalidCheckIn as mistake:
        return page(slug, mistake=str(mistake)), 422
    if question := question_about(entered, view):
        return page(slug, question=question), 422
    with writing(services().engine) as tx:
        check_ins.add(
            tx,
            view.id,
            person_id=caller.person_id,
            name=caller.name,
            value=entered.value,
            note=entered.note,
            now=services().now(),
        )
    wake("recompute")
    flash("Checked in. The value changes in a moment.", "success")
    return redirect(url_for("key_results.show", slug=view.slug))


@blueprint.post("/<int:check_in_id>/withdraw")
@guarded(Guard.MEMBER)
def withdraw(slug: str, check_in_id: int) -> ResponseReturnValue:
    """Withdraw a check-in, which stays in the list. Only its author may, while the key result is open."""
    caller = current_caller()
    with reading(services().engine) as tx:
        view, _ = find(tx, slug)
    if caller is None or caller.person_id is None or view.closed:
        abort(403, "Only the author of a check-in can withdraw it, and only until the numbers are final.")
    with writing(services().engine) as tx:
        withdrawn = check_ins.withdraw(
            tx,
            view.id,
            check_in_id,
            person_id=caller.person_id,
            name=caller.name,
            shown=lambda value: amount(value, view.unit, view.target),
            now=services().now(),
        )
    if not withdrawn:
        abort(403, "Only the author of a check-in can withdraw it, and only once.")
    wake("recompute")
    flash("Withdrawn. The value changes in a moment.", "success")
    return redirect(url_for("key_results.show", slug=view.slug, _anchor="check-ins"))
