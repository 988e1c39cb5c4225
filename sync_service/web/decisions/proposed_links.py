"""Decisions on the page of a key result about links that rules propose."""

from datetime import timedelta

from flask import Blueprint, abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.text import counted, sentence
from sync_service.progress.rules.editor import Refused
from sync_service.progress.rules.proposed_links import LinkDecider
from sync_service.store.engine.database import writing
from sync_service.web.pages.key_results import find, page
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded, owns

blueprint = Blueprint("proposed_links", __name__, url_prefix="/key-results/<slug>/proposed-links")


@blueprint.post("")
@guarded(Guard.MEMBER)
def decide(slug: str) -> ResponseReturnValue:
    """Accept or decline the proposed links of the form's issues. Only the owner and admins may."""
    decision, wanted = request.form.get("decision"), request.form.getlist("issue")
    if decision not in ("accept", "decline") or not wanted:
        abort(400, "The form lacks the decision, or the issues that it is about.")
    caller, now = current_caller(), services().now()
    settle = timedelta(seconds=services().settings.settle_seconds)
    try:
        with writing(services().engine) as tx:
            decider = LinkDecider.begin(tx, by=caller.name if caller else "", actor=actor(), now=now, settle=settle)
            view, _ = find(tx, slug)
            if not owns(view.owner):
                abort(403, "Only the owner or an admin decides about proposed links.")
            decided = decider.decide(view.id, wanted, accepted=decision == "accept")
    except Refused as refused:
        return page(slug, decision_error=sentence(str(refused))), 409
    wake("notice", "write_back", "recompute")
    what = "Accepted" if decision == "accept" else "Declined"
    flash(f"{what} {counted(len(decided), 'proposed link')}.", "success")
    return redirect(url_for("key_results.show", slug=view.slug, _anchor="proposed-links"))
