"""Convert views to JSON, the same for the API and `--json`. Times are ISO 8601 in UTC."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sync_service.domain.trackers.causes import Cause
from sync_service.store.views.issues import IssueView
from sync_service.store.views.key_results import HistoryView, KeyResultView

Json = dict[str, Any]


def instant(at: datetime) -> str:
    """Format a time as `2026-10-01T12:00:00.000Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def key_result_form(view: KeyResultView) -> Json:
    """Convert a key result."""
    stale = {"since": instant(view.stale.since), "reason": view.stale.reason} if view.stale else None
    return {
        "slug": view.slug,
        "title": view.title,
        "owner": view.owner,
        "objective": view.objective,
        "cycle": view.cycle,
        "weight": view.weight,
        "measure": dict(view.measure),
        "start": view.start,
        "target": view.target,
        "unit": view.unit,
        "current": view.current,
        "progress": view.progress,
        "status": view.status.value,
        "stale": stale,
        "updated_at": instant(view.updated_at) if view.updated_at else None,
        "explanation": view.explanation,
    }


def issue_form(view: IssueView) -> Json:
    """Convert a linked issue."""
    return {
        "connection": view.connection,
        "key": view.key,
        "title": view.title,
        "url": view.url,
        "kind": view.kind,
        "type": view.type,
        "state": view.state.value if view.state else None,
        "resolution": view.resolution,
        "priority": view.priority,
        "components": list(view.components),
        "versions": list(view.versions),
        "sprints": list(view.sprints),
        "author": view.author,
        "assignees": list(view.assignees),
        "points": view.points,
        "numbers": dict(view.numbers),
        "closed_at": instant(view.closed_at) if view.closed_at else None,
        "weight": view.weight,
        "origin": view.origin,
        "rules": list(view.rules),
        "counts": view.counts,
        "why_not": view.why_not,
        "unreachable_since": instant(view.unreachable_since) if view.unreachable_since else None,
    }


def history_form(view: HistoryView) -> Json:
    """Convert a history entry."""
    return {
        "at": instant(view.at),
        "from": view.before,
        "to": view.after,
        "causes": [cause_form(cause) for cause in view.causes],
    }


def cause_form(cause: Cause) -> Json:
    """Convert a cause."""
    return {
        "what": cause.what,
        "issue": cause.issue,
        "title": cause.title,
        "url": cause.url,
        "delivery": cause.delivery,
        "actor": cause.actor,
    }


def explained(view: KeyResultView, issues: Iterable[IssueView], history: Iterable[HistoryView]) -> Json:
    """Convert a key result with its issues and its history, newest first."""
    return key_result_form(view) | {
        "issues": [issue_form(one) for one in issues],
        "history": [history_form(one) for one in history],
    }
