"""Preview another measure, start or target of a key result: the value that its linked work gives now."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection

from sync_service.domain.measures.progress import parse_stay
from sync_service.domain.measures.settings import parse_measure
from sync_service.domain.people.notices import KeyResultState
from sync_service.progress.compute import compute_states
from sync_service.store.engine import versions
from sync_service.store.okrs import key_results
from sync_service.store.okrs.linked_issues import PreviewLinks
from sync_service.store.okrs.ruleset import load_ruleset


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """How a key result is measured: `measure` and `stay` as in a file, `start` and `target` in its unit."""

    measure: Mapping[str, Any]
    start: float | None
    target: float | None
    stay: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class GoalPreview:
    """The state of a key result now, and with another goal; and how the value was computed."""

    before: KeyResultState
    after: KeyResultState
    explanation: str


def preview_goal(tx: Connection, key_result_id: int, goal: Goal, now: datetime) -> GoalPreview | None:
    """Return what another goal would give, and store nothing; None where the numbers are final.

    Raise `MeasureError` when the goal can't be used.
    """
    (found,) = key_results.read(tx, [key_result_id])
    changed = replace(
        found,
        measure=parse_measure(goal.measure),
        settings=goal.measure,
        start=goal.start,
        target=goal.target,
        stay=parse_stay(goal.stay) if goal.stay else None,
    )
    nothing_else = PreviewLinks(without=(), key_result_id=key_result_id, issue_ids=())
    ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
    computed = compute_states(tx, ruleset, [changed], {}, now=now, supposed=nothing_else)
    return GoalPreview(found.state, computed[0].state, computed[0].explanation) if computed else None
