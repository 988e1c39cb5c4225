"""Decisions on the page of a key result: accept or decline a proposed value, override the value, and end that."""

from collections.abc import Callable
from datetime import timedelta

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.measures.applying.applied import Decision
from sync_service.domain.text import sentence
from sync_service.progress.applying.proposals import Decider, Refused
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results as stored
from sync_service.web.decisions.form import InvalidForm, read_until, read_value
from sync_service.web.pages.key_results import find, page
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded, owns

blueprint = Blueprint("decisions", __name__, url_prefix="/key-results/<slug>")

DECISIONS = {"accept": Decision.ACCEPTED, "decline": Decision.DECLINED}


@blueprint.post("/proposal")
@guarded(Guard.MEMBER)
def decide(slug: str) -> ResponseReturnValue:
    """Accept or decline the proposed value that the page showed. Only the owner and admins may."""
    decision = DECISIONS.get(request.form.get("decision", ""))
    expected = request.form.get("expected", type=float)
    if decision is None or expected is None:
        abort(400, "The form lacks the decision, or the value that it is about.")
    word = request.form.get("word", "")
    done = "Accepted. The value applies now." if decision is Decision.ACCEPTED else "Declined. The value stays."
    return _decided(slug, lambda one, id_: one.decide(id_, decision, word=word, expected=expected), done)


@blueprint.post("/override")
@guarded(Guard.MEMBER)
def override(slug: str) -> ResponseReturnValue:
    """Override the value. Only the owner and admins may."""
    with reading(services().engine) as tx:
        zone = stored.zone(tx, find(tx, slug)[0].id)
    try:
        value, until = read_value(request.form), read_until(request.form, zone)
    except InvalidForm as error:
        return page(slug, override_errors={error.field: str(error)}), 422
    return _decided(slug, lambda one, id_: one.override(id_, value, until=until), "Overridden. Your value applies now.")


@blueprint.post("/override/end")
@guarded(Guard.MEMBER)
def end_override(slug: str) -> ResponseReturnValue:
    """End the override. Only the owner and admins may."""
    return _decided(slug, lambda one, id_: one.resume(id_), "The override has ended.")


def _decided(slug: str, decide: Callable[[Decider, int], object], done: str) -> ResponseReturnValue:
    """Let the caller decide, and go back to the page; show it with the reason when that can't be done."""
    caller, now = current_caller(), services().now()
    settle = timedelta(seconds=services().settings.settle_seconds)
    try:
        with writing(services().engine) as tx:
            decider = Decider.begin(tx, by=caller.name if caller else "", actor=actor(), now=now, settle=settle)
            view, _ = find(tx, slug)
            if not owns(view.owner):
                abort(403, "Only the owner or an admin decides about a value.")
            decide(decider, view.id)
    except Refused as refused:
        return page(slug, decision_error=sentence(str(refused))), 409
    wake("notice", "write_back", "recompute")
    flash(done, "success")
    return redirect(url_for("key_results.show", slug=view.slug))
