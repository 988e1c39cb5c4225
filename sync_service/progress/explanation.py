"""Explanation of a value, now or at any past time: the whole sum line by line, from the recorded inputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.measures.applying.applied_text import why_applied
from sync_service.domain.measures.explain import SumLine, sum_lines
from sync_service.domain.measures.inputs import Inputs
from sync_service.domain.measures.parts import Basis
from sync_service.progress.inputs import calendar_for
from sync_service.store.okrs import contributions, history, key_results, linked_issues
from sync_service.store.views.key_results import HistoryView, history_view


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line of the sum. `issue` is the key of its issue, None: a step, a total, or an issue that was deleted here.

    `adds` None: it is left out, or there is no number.
    """

    issue: str | None
    connection: str | None
    title: str
    adds: float | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """How a value was computed at a time. `computed_at` is when; `last_change` is the change that led to it.

    `value` is the one that applied. Where another one was computed, proposed or overridden, `differs` says so.
    """

    at: datetime
    computed_at: datetime
    value: float | None
    computed: float | None
    differs: str | None
    progress: float | None
    basis: Basis
    lines: tuple[ExplainedLine, ...]
    last_change: HistoryView | None


def explain_value(tx: Connection, key_result_id: int, at: datetime) -> Explanation | None:
    """Return how a key result's value was computed at a time; None before the first computation that was recorded."""
    past = history.inputs_at(tx, key_result_id, at)
    if past is None:
        return None
    (one,) = key_results.read(tx, [key_result_id])
    inputs = Inputs(
        measure=past.basis.measure,
        start=past.basis.start,
        target=past.basis.target,
        span=one.span,
        at=past.basis.at,
        calendar=calendar_for(tx, one),
        contributions=tuple(past.contributions.values()),
        checked_in=past.basis.checked_in,
        steps_done=past.basis.steps_done,
        ever_linked=bool(past.contributions) or past.computed is not None,
        known_since=contributions.known_since(tx, [key_result_id]).get(key_result_id),
    )
    found = sum_lines(inputs, past.contributions)
    names = linked_issues.names(tx, [line.issue_id for line in found if line.issue_id is not None])
    changes = history_view(tx, key_result_id, before=past.entry_id + 1, limit=1)
    return Explanation(
        at=at,
        computed_at=past.at,
        value=past.value,
        computed=past.computed,
        differs=why_applied(past.applied),
        progress=past.progress,
        basis=past.basis,
        lines=(*(_line(line, names) for line in found), *_applied_line(past)),
        last_change=changes[0] if changes else None,
    )


def _applied_line(past: history.PastInputs) -> Sequence[ExplainedLine]:
    """Return the line after the sum that says which value applied in place of the computed one."""
    why = why_applied(past.applied)
    return [ExplainedLine(None, None, "", past.value, f"applies: {why}")] if why else []


def _line(line: SumLine, names: Mapping[int, linked_issues.IssueName]) -> ExplainedLine:
    name = names.get(line.issue_id) if line.issue_id is not None else None
    if name is None:
        return ExplainedLine(None, None, "", line.adds, line.text)
    return ExplainedLine(name.key, name.connection, name.title, line.adds, line.text)
