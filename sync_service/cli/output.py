"""Terminal output: the status of the service and its key results, as text and JSON."""

import signal
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sync_service.domain.measures.applying.applied_text import until_words
from sync_service.domain.measures.parts_text import change_text
from sync_service.domain.text import amount, counted, instant, number, percent
from sync_service.domain.trackers.causes import Cause
from sync_service.domain.trackers.closing_date import ClosingSource
from sync_service.progress.explanation import Explanation
from sync_service.runtime.instance_lock import ProcessView
from sync_service.store.okrs.query_listings import Listed
from sync_service.store.views.issues import IssueView
from sync_service.store.views.key_results import HistoryView, KeyResultView
from sync_service.store.views.service_status import Backlog, ConnectionView
from sync_service.web.api import models


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The status of the service. `workers` None: Redis does not answer. `processes` None: no `okr-sync up` runs."""

    connections: Sequence[ConnectionView]
    waiting: Sequence[Backlog]
    workers: int | None
    processes: Sequence[ProcessView] | None


def status_json(found: StatusReport) -> dict[str, Any]:
    """Return the status as JSON."""
    return {
        "connections": [
            {
                "slug": one.slug,
                "kind": one.kind,
                "site": one.site,
                "owner": one.owner,
                "scopes": [asdict(scope) for scope in one.scopes],
                "moves": list(one.moves),
                "has_credentials": one.has_credentials,
                "has_secret": one.has_secret,
                "refused": {"since": instant(one.refused_at), "reason": one.refused_reason} if one.refused_at else None,
                "scheduled_tasks": [
                    asdict(task) | {"ran_at": _instant_or_none(task.ran_at)} for task in one.scheduled_tasks
                ],
            }
            for one in found.connections
        ],
        "rows": [asdict(one) for one in found.waiting],
        "redis": "away" if found.workers is None else "ok",
        "workers": found.workers,
        "processes": None if found.processes is None else [_process_form(process) for process in found.processes],
    }


def _process_form(process: ProcessView) -> dict[str, Any]:
    moments = {"since": process.since, "starts_at": process.starts_at}
    return (
        asdict(process)
        | {name: _instant_or_none(at) for name, at in moments.items()}
        | {"reason": process.reason or None}
    )


def _instant_or_none(at: datetime | None) -> str | None:
    return instant(at) if at else None


def status_lines(found: StatusReport) -> Iterator[str]:
    """Yield the status as lines of text."""
    yield "Connections" if found.connections else "No connection is configured yet: okr-sync apply FILE"
    for one in found.connections:
        yield from _connection_lines(one)
    yield ""
    yield f"{'Rows':<16}{'due':>8}{'lag':>10}{'later':>8}{'buried':>8}"
    for rows in found.waiting:
        yield f"{rows.table:<16}{rows.due:>8}{_seconds(rows.lag_seconds):>10}{rows.later:>8}{rows.buried:>8}"
    if any(rows.buried for rows in found.waiting):
        yield "Buried rows wait for a replay: fix the reason, then run okr-sync replay --buried"
    yield ""
    if found.workers is None:
        yield "Redis does not answer: the clock does the work meanwhile, some seconds later than usual"
    else:
        yield f"Workers: {found.workers}" + ("" if found.workers else "; start one: okr-sync worker")
    if found.processes is not None:
        yield ""
        yield (
            "Processes of okr-sync up"
            if found.processes
            else "okr-sync up runs; the status of its processes is unknown"
        )
        yield from (_process_line(process) for process in found.processes)


def _process_line(process: ProcessView) -> str:
    if process.pid is None:
        how = f"not running, restarts at {instant(process.starts_at)}" if process.starts_at else "not running"
    else:
        how = f"running as process {process.pid}" + (f" since {instant(process.since)}" if process.since else "")
    return f"  {process.name:<12}{how}{_deaths(process)}"


def _deaths(process: ProcessView) -> str:
    if not process.deaths:
        return ""
    times = "once," if process.deaths == 1 else f"{process.deaths} times in a row, most recently"
    if process.code is None:
        return f"; failed {times} because it cannot start: {process.reason}"
    if process.code < 0:
        return f"; died {times} by {_signal(-process.code)}"
    return f"; died {times} with exit code {process.code}"


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _connection_lines(one: ConnectionView) -> Iterator[str]:
    yield f"  {one.slug} ({one.kind}, {one.site})"
    if one.refused_at:
        yield f"    refused since {instant(one.refused_at)}: {one.refused_reason}"
    if not one.has_secret:
        yield "    has no webhook secret, so no delivery can be accepted"
    for scope in one.scopes:
        how = scope.gone or (
            "covered" if scope.covered else "not imported yet: key results with issues from it are partly seen"
        )
        yield f"    {scope.name}: {how}"
    yield from (f"    {move}" for move in one.moves)
    if not one.scopes:
        yield "    watches no scope"
    for task in one.scheduled_tasks:
        yield f"    {task.name}: {task.outcome or 'has not run yet'}" + (
            f" ({instant(task.ran_at)})" if task.ran_at else ""
        )


def _seconds(lag: float) -> str:
    return f"{lag:.1f} s" if lag else "-"


def explain_json(
    view: KeyResultView,
    issues: Sequence[IssueView],
    history: Sequence[HistoryView],
    explanation: Explanation | None = None,
) -> dict[str, Any]:
    """Return a key result with its sum, its issues and its history as JSON, in the API's form."""
    return models.KeyResult.json_of(view) | {
        "sum": [models.SumLine.json_of(one) for one in explanation.lines] if explanation else [],
        "issues": [models.Issue.json_of(one) for one in issues],
        "history": [models.HistoryEntry.json_of(one) for one in history],
    }


def past_lines(view: KeyResultView, explanation: Explanation) -> Iterator[str]:
    """Yield the lines that explain a key result's value at a past time."""
    value = partial(amount, unit=view.unit, target=explanation.basis.target)
    progress = "" if explanation.progress is None else f", {percent(explanation.progress)} of the way"
    yield f"{view.slug}  {view.title}"
    yield f"  at         {instant(explanation.at)}"
    yield f"  value      {value(explanation.value)}{progress}, computed {instant(explanation.computed_at)}"
    if explanation.differs:
        yield f"  computed   {value(explanation.computed)}"
        yield f"  applied    {explanation.differs}"
    yield from _sum_lines(explanation)
    if explanation.last_change is not None:
        yield ""
        yield "The change before"
        yield from _history_lines(view, explanation.last_change)


def _sum_lines(explanation: Explanation | None) -> Iterator[str]:
    """Yield the whole sum as a person would do it by hand."""
    if explanation is None or not explanation.lines:
        return
    yield ""
    yield "How it is computed"
    for line in explanation.lines:
        adds = "" if line.adds is None else number(line.adds)
        issue = f"{line.issue}  " if line.issue else ""
        yield f"  {adds:>10}  {issue}{line.text}"


def _history_lines(view: KeyResultView, entry: HistoryView) -> Iterator[str]:
    """Yield one change: the values, the parts, the causes."""
    value = partial(amount, unit=view.unit, target=view.target)
    if entry.before == entry.after and entry.progress_before is not None and entry.progress_after is not None:
        yield f"  {instant(entry.at)}  progress {percent(entry.progress_before)} → {percent(entry.progress_after)}"
    else:
        yield f"  {instant(entry.at)}  {value(entry.before)} → {value(entry.after)}"
    if entry.parts:
        yield f"    {', '.join(change_text(one) for one in entry.parts)}"
    yield from (f"    {_cause(cause)}" for cause in entry.causes)


def explain_lines(
    view: KeyResultView,
    issues: Sequence[IssueView],
    history: Sequence[HistoryView],
    queries: Sequence[Listed] = (),
    explanation: Explanation | None = None,
) -> Iterator[str]:
    """Yield the lines that explain a key result's value."""
    owner = f"{view.owner_name} <{view.owner}>" if view.owner else "nobody"
    value = partial(amount, unit=view.unit, target=view.target)
    yield f"{view.slug}  {view.title}"
    yield f"  objective  {view.objective_title} ({view.objective}, cycle {view.cycle})"
    yield f"  owner      {owner}"
    yield f"  value      {value(view.current)}, {_wanted(view)}"
    yield from _applied_lines(view)
    progress = "" if view.progress is None else f", {percent(view.progress)} of the way"
    yield f"  status     {view.status_text}{progress}"
    if view.outcome:
        yield f"  outcome    {view.outcome}"
    yield f"  because    {view.reason}"
    if view.stale:
        yield f"  stale      since {instant(view.stale.since)}: {view.stale.reason}"
    for query in queries:
        yield f"  query      of rule {query.rule}: {query.query}"
        yield f"             {_listed(query)}"
    yield from _sum_lines(explanation)
    yield ""
    yield f"Linked issues ({len(issues)})" if issues else "No issue is linked"
    for issue in issues:
        yield _issue_line(issue)
    yield ""
    yield "What changed it" if history else "It has not changed yet"
    for entry in history:
        yield from _history_lines(view, entry)


def _applied_lines(view: KeyResultView) -> Iterator[str]:
    """Yield the computed value, the proposed one and the override, where another value may apply than the computed."""
    value = partial(amount, unit=view.unit, target=view.target)
    if view.applied.proposal or view.override:
        yield f"  computed   {value(view.computed)}"
    if view.applied.proposal:
        one = view.applied.proposal
        yield f"  proposed   {value(one.value)} since {instant(one.since)}, {one.decision}"
    if view.override:
        yield f"  override   {value(view.override.value)} by {view.override.by}{until_words(view.override.ends)}"


def _wanted(view: KeyResultView) -> str:
    """Return from where to where the value goes, or the range to stay in."""
    if view.start is None or view.target is None:
        return f"to {view.goal}"
    return "from " + " to ".join(number(one, apart_from=[view.target]) for one in (view.start, view.target))


def _listed(query: Listed) -> str:
    when = f"listed {instant(query.done_at)}" if query.done_at else "not listed yet"
    outside = f", {query.outside} outside the watched scopes" if query.outside else ""
    return f"{when}, {counted(query.members, 'member')}{outside}" + (
        f"; {query.incomplete_reason}" if query.incomplete_reason else ""
    )


def _issue_line(issue: IssueView) -> str:
    state = issue.state.value if issue.state else "?"
    points = "" if issue.points is None else f", {counted(issue.points, 'point')}"
    by_rules = f"by rule {', '.join(issue.rules)}"
    origin = {"manual": "by hand", "label": "by its label", "comment": "by a comment"}.get(issue.origin, by_rules)
    counts = "" if issue.counts else f"; does not count: {issue.why_not}"
    unreachable = f"; cannot be reached since {issue.unreachable_since:%Y-%m-%d}" if issue.unreachable_since else ""
    unreachable += f" ({issue.unreachable_reason})" if issue.unreachable_reason else ""
    title = f"  {issue.title}" if issue.title else ""
    closed = f", {_closing_date(issue)}" if issue.closed_at else ""
    why = f"{origin}{closed}{counts}{unreachable}"
    return f"  {state:<8} {issue.key}{title}  (weight {number(issue.weight)}{points}, {why})"


def _closing_date(issue: IssueView) -> str:
    """Return when the issue was closed, and where the date comes from."""
    first_seen = issue.closed_at_source is ClosingSource.FIRST_SEEN
    return f"{'first seen closed' if first_seen else 'closed'} {issue.closed_at:%Y-%m-%d}"


def _cause(cause: Cause) -> str:
    about = f"{cause.issue}: {cause.what}" if cause.issue else cause.what
    actor = f", by {cause.actor}" if cause.actor else ""
    return f"{about}{actor}" + (f" (delivery {cause.delivery})" if cause.delivery else "")
