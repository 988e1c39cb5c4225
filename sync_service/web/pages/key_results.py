"""The key result page: value, status and its reason, history, linked issues; and the check-in form."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.key_results import add_check_in
from sync_service.store.views.issues import issues_view
from sync_service.store.views.key_results import KeyResultView, history_view, key_result_view
from sync_service.store.views.objectives import CycleView, course, cycle_views, history_count
from sync_service.web.pages import chart, pace_text
from sync_service.web.pages.check_in_form import InvalidCheckIn, may_check_in, read_check_in
from sync_service.web.pages.issue_list import IssueFilter, list_issues
from sync_service.web.pages.template_globals import zone
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, current_caller, guarded

blueprint = Blueprint("key_results", __name__)

HISTORY_PAGE = 25


@blueprint.get("/key-results/<slug>")
@guarded(Guard.VIEWER)
def show(slug: str) -> ResponseReturnValue:
    """Show a key result. `?older=ID` pages its history; `?q=`, `?state=`, `?page=` filter and page its issues."""
    return _page(slug), 200


@blueprint.post("/key-results/<slug>/check-ins")
@guarded(Guard.MEMBER)
def check_in(slug: str) -> ResponseReturnValue:
    """Set the value of a `manual` key result. Only its owner and admins may."""
    with reading(services().engine) as tx:
        view, _ = _find(tx, slug)
    caller = current_caller()
    if caller is None or not may_check_in(view, caller):
        abort(403, "Only the owner or an admin can check in, and only when the measure is manual.")
    try:
        entered = read_check_in(request.form)
    except InvalidCheckIn as mistake:
        return _page(slug, mistake=str(mistake)), 422
    with writing(services().engine) as tx:
        add_check_in(
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


def _find(tx: Connection, slug: str) -> tuple[KeyResultView, CycleView]:
    view = key_result_view(tx, slug, services().now())
    if view is None:
        abort(404, f"There is no key result {slug}.")
    return view, next(cycle for cycle in cycle_views(tx) if cycle.slug == view.cycle)


def _page(slug: str, *, mistake: str | None = None) -> str:
    now, caller = services().now(), current_caller()
    older = request.args.get("older", type=int)
    with reading(services().engine) as tx:
        view, cycle = _find(tx, slug)
        history = history_view(tx, view.id, before=older, limit=HISTORY_PAGE + 1)
        entries = history_count(tx, view.id)
        points = course(tx, view.id)
        issues = issues_view(tx, view.id)
    return render_template(
        "key_result.html",
        view=view,
        cycle=cycle,
        expected=pace_text.expected(cycle.span, now),
        pace=pace_text.status_reason(view, cycle.span, now),
        chart=chart.build_chart(view, cycle.span, points, now, zone()) if points else None,
        history=history[:HISTORY_PAGE],
        older=history[HISTORY_PAGE - 1].id if len(history) > HISTORY_PAGE else None,
        continued=older is not None,
        entries=entries,
        listing=list_issues(issues, IssueFilter.read(request.args)),
        may_check_in=caller is not None and may_check_in(view, caller),
        mistake=mistake,
        typed=request.form,
    )
