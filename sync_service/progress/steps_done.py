"""Which steps of key results are done: ticked by a person or by their issue; of a cycle that is over, as of its end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.cycles.as_of import state_as_of
from sync_service.domain.measures.kinds.steps import done_steps
from sync_service.domain.measures.settings import Measure
from sync_service.domain.measures.status import Span
from sync_service.store.cycles import issue_pasts
from sync_service.store.okrs import steps


@dataclass(frozen=True, slots=True, kw_only=True)
class WithSteps:
    """A key result with steps, and its cycle."""

    id: int
    measure: Measure
    span: Span


@dataclass(frozen=True, slots=True)
class Steps:
    """The names of ticked steps, and of those that are done by a tick or by their issue."""

    ticked: frozenset[str]
    done: frozenset[str]


def read_steps(tx: Connection, found: Sequence[WithSteps], now: datetime, grace_days: int) -> Mapping[int, Steps]:
    """Return the steps of key results, by id. Ticks count until the days of grace are over."""
    by_id = {one.id: one for one in found}
    until = {id_: one.span.freezes_at(grace_days) for id_, one in by_id.items()}
    read = steps.read(tx, {id_: one.measure for id_, one in by_id.items()}, until=until)
    return {id_: _done(tx, by_id[id_], ticked, issues, now) for id_, (ticked, issues) in read.items()}


def _done(
    tx: Connection, one: WithSteps, ticked: frozenset[str], issues: Mapping[str, steps.StepIssue], now: datetime
) -> Steps:
    states = {reference: each.state for reference, each in issues.items()}
    if one.span.ends_at <= now:
        pasts = issue_pasts.read(tx, [each.id for each in issues.values()])
        states = {
            reference: state
            for reference, each in issues.items()
            if (state := state_as_of(pasts[each.id], one.span.ends_at)) is not None
        }
    return Steps(ticked, done_steps(one.measure, ticked=ticked, states=states))
