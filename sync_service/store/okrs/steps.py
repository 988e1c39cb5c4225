"""Steps of key results: those that a person ticked, and the states of their issues."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.measures.settings import Measure
from sync_service.domain.trackers.observations import State
from sync_service.store.tables import issue, live_connection, step_tick


class StepIssue(NamedTuple):
    """The issue of a step: its row id and its state."""

    id: int
    state: State


Steps = tuple[frozenset[str], Mapping[str, StepIssue]]
"""The names of the ticked steps of a key result, and its steps' issues, as the measure names them."""


def read(tx: Transaction, measures: Mapping[int, Measure], *, until: Mapping[int, datetime]) -> dict[int, Steps]:
    """Return the steps of key results, by id, with their measures, and the times until which their ticks count."""
    if not measures:
        return {}
    t = step_tick
    ticked = sa.select(t.c.key_result_id, t.c.step).where(
        before(t.c.key_result_id, t.c.at, until), t.c.undone_at.is_(None)
    )
    rows = tx.execute(ticked).all()
    references = {step.issue for one in measures.values() for step in one.steps if step.issue}
    found = issue_rows(tx, references, [issue.c.id, issue.c.state])
    issues = {one: StepIssue(row.id, State(row.state)) for one, row in found.items()}
    return {
        id_: (
            frozenset(row.step for row in rows if row.key_result_id == id_),
            {step.issue: issues[step.issue] for step in measure.steps if step.issue in issues},
        )
        for id_, measure in measures.items()
    }


def before(
    key_result_id: sa.ColumnElement[int], at: sa.ColumnElement[datetime], until: Mapping[int, datetime]
) -> sa.ColumnElement[bool]:
    """Return the SQL condition for rows of key results, by id, with times before theirs."""
    ids: dict[datetime, list[int]] = defaultdict(list)
    for id_, time in until.items():
        ids[time].append(id_)
    return sa.or_(sa.false(), *(sa.and_(key_result_id.in_(some), at < time) for time, some in ids.items()))


def issue_rows(
    tx: Transaction, references: Collection[str], columns: Iterable[sa.ColumnElement[Any]]
) -> dict[str, Row[Any]]:
    """Return columns of the issues that are known and not gone, by their references (CONNECTION:KEY in any case)."""
    if not references:
        return {}
    slug = sa.func.lower(live_connection.c.slug)
    found: sa.Select[Any] = (
        sa.select(*columns, slug.label("connection"), issue.c.folded_key)
        .join(live_connection, live_connection.c.id == issue.c.connection_id)
        .where(issue.c.folded_key.in_([one.lower().partition(":")[2] for one in references]))
        .where(issue.c.gone_reason.is_(None), issue.c.state.isnot(None))
    )
    rows = {f"{row.connection}:{row.folded_key}": row for row in tx.execute(found)}
    return {one: rows[one.lower()] for one in references if one.lower() in rows}


def tick(tx: Transaction, key_result_id: int, step: str, *, person_id: int | None, now: datetime) -> None:
    """Store that a person ticked a step."""
    columns = {"key_result_id": key_result_id, "step": step, "person_id": person_id, "at": now}
    tx.execute(sa.insert(step_tick).values(columns))


def untick(tx: Transaction, key_result_id: int, step: str, *, now: datetime) -> None:
    """Remove the tick of a step."""
    t = step_tick.c
    ticked = (t.key_result_id == key_result_id, t.step == step, t.undone_at.is_(None))
    tx.execute(sa.update(step_tick).where(*ticked).values(undone_at=now))
