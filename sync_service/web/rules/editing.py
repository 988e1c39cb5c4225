"""Edits of rules by the caller of a request, and the routes around the life of a rule: versions, review, removal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.text import sentence
from sync_service.domain.trackers.queries import QueryReply
from sync_service.progress.rules.editor import NotAllowed, Refused, RuleEditor, Unknown
from sync_service.progress.rules.query_edits import note_of
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import rule_versions
from sync_service.store.views import rules
from sync_service.store.views.rule_details import rights as rule_rights
from sync_service.web.request import tracker_questions
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = Blueprint("rule_life", __name__, url_prefix="/rules/<slug>")

STATE_NAMES = {
    RuleState.ACTIVE: "active",
    RuleState.PROPOSING: "proposing",
    RuleState.DRAFT: "a draft",
    RuleState.DISABLED: "disabled",
}


def editor_in(tx: Connection) -> RuleEditor:
    """Return the editor of the caller."""
    caller = current_caller()
    role, person_id = (caller.role, caller.person_id) if caller else (Guard.OPEN, None)
    return RuleEditor(
        tx=tx,
        writer=rule_rights.writer(tx, role=role.value, person_id=person_id),
        by=caller.name if caller else "",
        actor=actor(),
        now=services().now(),
    )


@contextmanager
def editing() -> Iterator[RuleEditor]:
    """Yield the editor of the caller in a transaction; what it refuses becomes an error page."""
    with _refusals_as_pages(), writing(services().engine) as tx:
        yield editor_in(tx)


def check_query(check: Callable[..., QueryReply | None], *about: object) -> str:
    """Let the tracker check the query of a rule before it is saved; return a note for the person, or "".

    What is refused becomes an error page. While another question waits for its answer, nobody is asked.
    """
    caller = current_caller()
    role, person_id = (caller.role, caller.person_id) if caller else (Guard.OPEN, None)
    with _refusals_as_pages():
        try:
            with tracker_questions.asking():
                return note_of(check(*about, role=role.value, person_id=person_id))
        except tracker_questions.Busy:
            return ""


@contextmanager
def _refusals_as_pages() -> Iterator[None]:
    try:
        yield
    except Unknown as error:
        abort(404, sentence(str(error)))
    except NotAllowed as error:
        abort(403, sentence(str(error)))
    except Refused as error:
        abort(409, sentence(str(error)))


@blueprint.get("/versions")
@guarded(Guard.VIEWER)
def versions(slug: str) -> ResponseReturnValue:
    """Show the versions of a rule, also of one that was removed."""
    with reading(services().engine) as tx:
        found = rule_versions.read(tx, slug)
        exists = bool(rules.rule_views(tx, slug=slug))
    if not found:
        abort(404, f"There is no rule {slug}.")
    return render_template("rule_versions.html", slug=slug, versions=found, exists=exists)


@blueprint.post("/versions")
@guarded(Guard.MEMBER)
def undo(slug: str) -> ResponseReturnValue:
    """Make an earlier version the newest."""
    number = request.form.get("version", type=int)
    if number is None:
        abort(400, "The form lacks the version.")
    note = check_query(services().queries.check_version, slug, number)
    with editing() as editor:
        changed = editor.undo(slug, number)
    wake("rule_revision")
    flash(f"{slug} is as in version {number}. {note}".rstrip() if changed else "Nothing to change.", "success")
    return redirect(url_for("rules.show", slug=slug))


@blueprint.post("/review")
@guarded(Guard.MEMBER)
def review(slug: str) -> ResponseReturnValue:
    """Remember that the caller reviewed the rule."""
    with editing() as editor:
        editor.review(slug)
    flash(f"Thank you. {slug} counts as reviewed today.", "success")
    return redirect(url_for("rules.show", slug=slug))


@blueprint.post("/removal")
@guarded(Guard.MEMBER)
def remove(slug: str) -> ResponseReturnValue:
    """Remove the rule; its versions stay."""
    with editing() as editor:
        editor.remove(slug)
    wake("rule_revision")
    flash(f"{slug} is removed. Its versions stay, so that it can come back.", "success")
    return redirect(url_for("rules.index"))
