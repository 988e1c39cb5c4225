"""The key result page: value, status and its reason, check-ins, history and linked issues."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.domain.forecasts.words.forecast_text import effect_text
from sync_service.domain.measures.line import Source
from sync_service.domain.people.check_in import CONFIDENCE, Author, Right, confidence_words
from sync_service.domain.text import in_full
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.progress.manual.step_ticks import may_tick, step_states
from sync_service.store.engine.database import reading
from sync_service.store.okrs import link_decisions
from sync_service.store.views.check_ins import CheckInView, check_in_view, check_in_views
from sync_service.store.views.forecasts.forecast_view import forecast_view
from sync_service.store.views.issues import issues_view
from sync_service.store.views.key_results import KeyResultView, history_view, key_result_view
from sync_service.store.views.objectives import CycleView, course, cycle_views, history_count
from sync_service.web.pages import chart, pace_text
from sync_service.web.pages.issue_list import IssueFilter, list_issues
from sync_service.web.pages.template_globals import zone
from sync_service.web.request.audit_log import author
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded, owns

blueprint = Blueprint("key_results", __name__)

HISTORY_PAGE = 25
CHECK_INS = 10
PROPOSED_LINKS = 50
"""Proposed links that the page shows."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the page says about a check-in that was just sent: an error in a field, or a question about its value."""

    error: str | None = None
    field: str | None = None
    question: str | None = None
    correcting: int | None = None


def page(
    slug: str,
    *,
    answer: Answer | None = None,
    override_errors: Mapping[str, str] | None = None,
    decision_error: str | None = None,
) -> str:
    """Return the page; `answer` is about a check-in just sent, the others about a decision.

    `?correct=ID` fills the form with one of the caller's check-ins.
    """
    now, who = services().now(), author()
    older = request.args.get("older", type=int)
    with reading(services().engine) as tx:
        view, cycle = find(tx, slug)
        points = course(tx, view.id)
        line = key_result_line(tx, view.id, now)
        read = {
            **_history(tx, view.id, older),
            **_check_ins(tx, view, who, answer),
            **_issues(tx, view.id),
            "steps": step_states(tx, view, now),
            "forecast": forecast_view(tx, view),
        }
    typed = request.form if answer or override_errors else _fields(read["corrected"])
    return render_template(
        "key_result.html",
        view=view,
        cycle=cycle,
        expected=view.expected,
        pace=pace_text.status_reason(view, now),
        chart=chart.build_chart(view, points, line, now, zone()) if points else None,
        line=line[: -LINE_DAYS - 1 : -1],
        days=len(line),
        reconstructed=sum(one.source is Source.RECONSTRUCTED for one in line),
        effect_text=effect_text,
        may_tick=may_tick(view, who),
        may_decide=not view.closed and owns(view.owner),
        may_edit=owns(view.owner) or owns(view.objective_owner),
        override_errors=override_errors or {},
        decision_error=decision_error,
        typed=typed,
        **read,
    )


def _issues(tx: Connection, key_result_id: int) -> dict[str, Any]:
    """Return the linked issues that the filter shows, and the links that wait for the owner."""
    return {
        "listing": list_issues(issues_view(tx, key_result_id), IssueFilter.read(request.args)),
        "proposed_links": link_decisions.waiting(tx, key_result_id, limit=PROPOSED_LINKS),
        "proposed_count": link_decisions.count_waiting(tx, key_result_id),
    }


def _history(tx: Connection, key_result_id: int, older: int | None) -> dict[str, Any]:
    """Return a page of the history: the newest entries, or those older than one."""
    history = history_view(tx, key_result_id, before=older, limit=HISTORY_PAGE + 1)
    return {
        "history": history[:HISTORY_PAGE],
        "older": history[HISTORY_PAGE - 1].id if len(history) > HISTORY_PAGE else None,
        "continued": older is not None,
        "entries": history_count(tx, key_result_id),
    }


def _check_ins(tx: Connection, view: KeyResultView, who: Author, answer: Answer | None) -> dict[str, Any]:
    """Return the check-ins, what the caller may check in, and the check-in that they correct."""
    correcting = answer.correcting if answer else request.args.get("correct", type=int)
    corrected = None if correcting is None else check_in_view(tx, view.id, correcting)
    if corrected is not None and (corrected.withdrawn_at is not None or not corrected.is_by(who)):
        corrected = None
    found = check_in_views(tx, view.id, limit=CHECK_INS)
    right = Right.NOTHING if view.closed else who.right(view.owner)
    return {
        "check_ins": found,
        "mine": [] if right is Right.NOTHING else [one.id for one in found if one.is_by(who)],
        "corrected": corrected,
        "may_check_in": right is not Right.NOTHING,
        "may_set_value": right is Right.WHOLE and view.measure["kind"] == "manual",
        "answer": answer or Answer(),
        "confidences": CONFIDENCE,
        "confidence_words": confidence_words,
    }


def _fields(one: CheckInView | None) -> Mapping[str, str]:
    """Return a check-in as its form has it."""
    if one is None:
        return {}
    confidence = "" if one.confidence is None else str(one.confidence)
    value = "" if one.value is None else in_full(one.value)
    return {"confidence": confidence, "value": value, "note": one.note, "blockers": one.blockers}
