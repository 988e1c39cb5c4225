"""Key results: locked to be computed, saved with the history entry that says why, and their notices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.domain.causes import Cause
from sync_service.domain.measures import Measure, parse_measure
from sync_service.domain.notices import Change, Standing
from sync_service.domain.pace import Span, Status
from sync_service.store import tables
from sync_service.store.database import among, database_now, insert_or_skip

# The same entry is needed for every cause; nulls are left out to keep rows small.
CauseColumns = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResult:
    """A locked key result: its settings, how it stands, and its cycle. `owner_id` is the objective's by default."""

    id: int
    slug: str
    owner_id: int | None
    start: float
    target: float
    measure: Measure
    span: Span
    explanation: str
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """What a key result was computed to, and the causes that could have moved it."""

    key_result: KeyResult
    standing: Standing
    explanation: str
    causes: tuple[Cause, ...]

    @property
    def moved(self) -> bool:
        """Tell whether the value is another."""
        return self.standing.value != self.key_result.standing.value


def lock(tx: Connection, ids: Iterable[int]) -> list[KeyResult]:
    """Lock key results in id order."""
    return _key_results(tx, _select(tx, ids).with_for_update(of=tables.key_result, key_share=True))


def read(tx: Connection, ids: Iterable[int]) -> list[KeyResult]:
    """Read key results in id order, without a lock: to look at, not to change."""
    return _key_results(tx, _select(tx, ids))


def _select(tx: Connection, ids: Iterable[int]) -> sa.Select[Any]:
    k, o, c = tables.key_result, tables.objective, tables.cycle
    return (
        sa.select(k, sa.func.coalesce(k.c.owner_id, o.c.owner_id).label("hears"), c.c.starts_at, c.c.ends_at)
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .where(among(tx, k.c.id, sorted(ids)))
        .order_by(k.c.id)
    )


def _key_results(tx: Connection, statement: sa.Select[Any]) -> list[KeyResult]:
    return [
        KeyResult(
            id=row.id,
            slug=row.slug,
            owner_id=row.hears,
            start=row.start,
            target=row.target,
            measure=parse_measure(row.measure),
            span=Span(row.starts_at, row.ends_at),
            explanation=row.explanation,
            standing=Standing(Status(row.status), row.current, row.progress),
        )
        for row in tx.execute(statement)
    ]


def checked_in(tx: Connection, ids: Sequence[int]) -> dict[int, float]:
    """Give the value that the latest check-in with one set, by key result."""
    c = tables.check_in
    newest = sa.select(sa.func.max(c.c.id)).where(c.c.key_result_id.in_(ids), c.c.value.isnot(None))
    found = sa.select(c.c.key_result_id, c.c.value).where(c.c.id.in_(newest.group_by(c.c.key_result_id)))
    return {row.key_result_id: row.value for row in tx.execute(found)}


def save(tx: Connection, computed: Sequence[Computed], *, now: datetime) -> None:
    """Write new standings; a changed value gets its history entry."""
    k = tables.key_result
    rows = [
        {
            "row_id": one.key_result.id,
            "current": one.standing.value,
            "progress": one.standing.progress,
            "status": one.standing.status,
            "explanation": one.explanation,
            "moved_at": now if one.moved else None,
        }
        for one in computed
    ]
    if rows:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name not in ("row_id", "moved_at")}
        values["updated_at"] = sa.func.coalesce(sa.bindparam("moved_at", type_=k.c.updated_at.type), k.c.updated_at)
        tx.execute(sa.update(k).where(k.c.id == sa.bindparam("row_id")).values(values), rows)
    if moved := [one for one in computed if one.moved]:
        tx.execute(sa.insert(tables.history), [_entry(one, now) for one in moved])


def _entry(one: Computed, now: datetime) -> dict[str, Any]:
    return {
        "key_result_id": one.key_result.id,
        "at": now,
        "from": one.key_result.standing.value,
        "to": one.standing.value,
        "causes": [to_columns(cause) for cause in one.causes],
    }


def to_columns(cause: Cause) -> CauseColumns:
    """Write a cause as JSON."""
    return {name: value for name in _CAUSE if (value := getattr(cause, name)) not in (None, False)}


_CAUSE = tuple(one.name for one in fields(Cause))


def from_columns(columns: Mapping[str, Any]) -> Cause:
    """Read a cause from JSON."""
    return Cause(**columns)


@dataclass(frozen=True, slots=True)
class Pending:
    """A notice that waits: its row id, and the change it would tell."""

    id: int
    change: Change


def pending_notices(tx: Connection, key_result_ids: Sequence[int]) -> dict[tuple[int, int], Pending]:
    """Find the notices that still wait, by (key result's id, person's id). The key results must be locked."""
    n = tables.notice
    waiting = sa.select(n).where(among(tx, n.c.key_result_id, key_result_ids), n.c.due_at.isnot(None))
    return {
        (row.key_result_id, row.person_id): Pending(row.id, change_of(row))
        for row in tx.execute(waiting.with_for_update())
    }


def change_of(row: sa.Row[Any]) -> Change:
    """Read a notice's row as the change it tells."""
    return Change(
        Standing(Status(row.from_status), row.from_value, row.from_progress),
        Standing(Status(row.to_status), row.to_value, row.to_progress),
        tuple(from_columns(columns) for columns in row.causes),
    )


def _change_columns(change: Change) -> dict[str, Any]:
    return {
        "from_status": change.before.status,
        "to_status": change.after.status,
        "from_value": change.before.value,
        "to_value": change.after.value,
        "from_progress": change.before.progress,
        "to_progress": change.after.progress,
        "causes": [to_columns(cause) for cause in change.causes],
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class NewNotice:
    """A change that somebody is to be told of, once the settling time has passed."""

    person_id: int
    key_result_id: int
    change: Change


def add_notices(tx: Connection, notices: Sequence[NewNotice], *, now: datetime, settle: timedelta) -> None:
    """Let changes wait for the settling time until they are told."""
    if not notices:
        return
    due_at = database_now(tx) + settle
    rows = [
        {"person_id": one.person_id, "key_result_id": one.key_result_id, **_change_columns(one.change)}
        for one in notices
    ]
    tx.execute(sa.insert(tables.notice).values(created_at=now, due_at=due_at), rows)


def change_notices(tx: Connection, changes: Mapping[int, Change]) -> None:
    """Let waiting notices, by their row id, absorb later changes."""
    rows = [{"row_id": notice_id, **_change_columns(change)} for notice_id, change in changes.items()]
    if rows:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name != "row_id"}
        tx.execute(sa.update(tables.notice).where(tables.notice.c.id == sa.bindparam("row_id")).values(values), rows)


def drop_notices(tx: Connection, outcomes: Mapping[int, str], *, now: datetime) -> None:
    """Settle waiting notices, by their row id, that have nothing left to tell, each with its outcome."""
    rows = [{"row_id": notice_id, "said": outcome} for notice_id, outcome in outcomes.items()]
    if rows:
        columns: dict[str, Any] = {"due_at": None, "lease": None, "settled_at": now, "outcome": sa.bindparam("said")}
        tx.execute(sa.update(tables.notice).where(tables.notice.c.id == sa.bindparam("row_id")).values(columns), rows)


def recompute(tx: Connection, ids: Iterable[int], *, causes: Sequence[Cause] = ()) -> None:
    """Make key results due to be computed again, now; causes add up until then."""
    r = tables.recompute
    now = database_now(tx)
    ordered = sorted(set(ids))
    rows = [{"key_result_id": key_result_id, "causes": []} for key_result_id in ordered]
    insert_or_skip(tx, r, rows, unique=("key_result_id",))
    waiting = sa.select(r).where(r.c.key_result_id.in_(ordered)).order_by(r.c.id).with_for_update()
    for row in tx.execute(waiting).all():
        joined = [*row.causes, *(to_columns(cause) for cause in causes)]
        # A lease that runs meanwhile is broken on purpose: what it computed may be out of date.
        columns = {"due_at": now, "lease": None, "attempts": 0, "causes": joined, "buried_at": None}
        tx.execute(sa.update(r).where(r.c.id == row.id).values(columns))
