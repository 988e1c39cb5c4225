"""The key result page: value, status and its reason, check-ins, history and linked issues."""

from collections.abc import Mapping

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.domain.measures.line import Source
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.store.engine.database import reading
from sync_service.store.views.check_ins import check_in_views
from sync_service.store.views.issues import issues_view
from sync_service.store.views.key_results import KeyResultView, history_view, key_result_view
from sync_service.store.views.objectives import CycleView, course, cycle_views, history_count
from sync_service.web.pages import chart, pace_text
from sync_service.web.pages.check_in_form import may_check_in
from sync_service.web.pages.issue_list import IssueFilter, list_issues
from sync_service.web.pages.template_globals import zone
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, current_caller, guarded, owns

blueprint = Blueprint("key_results", __name__)

HISTORY_PAGE = 25
CHECK_INS = 10
LINE_DAYS = 400
"""Most days in the table: more than a year."""


@blueprint.get("/key-results/<slug>")
@guarded(Guard.VIEWER)
def show(slug: str) -> ResponseReturnValue:
    """Show a key result. `?older=ID` pages its history; `?q=`, `?state=`, `?page=` filter and page its issues."""
    return page(slug), 200


def find(tx: Connection, slug: str) -> tuple[KeyResultView, CycleView]:
    """Return a key result and its cycle, or abort with 404."""
    view = key_result_view(tx, slug, services().now())
    if view is None:
        abort(404, f"There is no key result {slug}.")
    return view, next(cycle for cycle in cycle_views(tx, services().now()) if cycle.slug == view.cycle)


def page(
    slug: str,
    *,
    mistake: str | None = None,
    question: str | None = None,
    override_mistakes: Mapping[str, str] | None = None,
    decision_mistake: str | None = None,
) -> str:
    """Return the page; `mistake` and `question` are about a check-in just sent, the others about a decision."""
    now, caller = services().now(), current_caller()
    older = request.args.get("older", type=int)
    with reading(services().engine) as tx:
        view, cycle = find(tx, slug)
        history = history_view(tx, view.id, before=older, limit=HISTORY_PAGE + 1)
        entries = history_count(tx, view.id)
        points = course(tx, view.id)
        line = key_result_line(tx, view.id, now)
        issues = issues_view(tx, view.id)
        check_ins = check_in_views(tx, view.id, limit=CHECK_INS)
    return render_template(
        "key_result.html",
        view=view,
        cycle=cycle,
        expected=view.expected,
        pace=pace_text.status_reason(view, now),
        chart=chart.build_chart(view, cycle.span, points, line, now, zone()) if points else None,
        line=line[: -LINE_DAYS - 1 : -1],
        days=len(line),
        reconstructed=sum(one.source is Source.RECONSTRUCTED for one in line),
        history=history[:HISTORY_PAGE],
        older=history[HISTORY_PAGE - 1].id if len(history) > HISTORY_PAGE else None,
        continued=older is not None,
        entries=entries,
        listing=list_issues(issues, IssueFilter.read(request.args)),
        may_check_in=caller is not None and may_check_in(view, caller),
        may_decide=not view.closed and owns(view.owner),
        mistake=mistake,
        override_mistakes=override_mistakes or {},
        decision_mistake=decision_mistake,
        question=question,
        check_ins=check_ins,
        typed=request.form,
    )
