"""Key results: lock them to compute, save their values with history entries and causes, and save notices."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.settings import Measure, parse_measure
from sync_service.domain.measures.status import Span, Status
from sync_service.domain.people.notices import Change, KeyResultState
from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables
from sync_service.store.engine.database import among, database_now, insert_or_skip

# A cause as JSON; nulls are left out to keep rows small.
CauseColumns = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResult:
    """A key result to compute: its settings, state and cycle. `owner_id` defaults to the objective's owner."""

    id: int
    slug: str
    owner_id: int | None
    start: float
    target: float
    measure: Measure
    span: Span
    explanation: str
    state: KeyResultState


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """The new state of a key result, and the causes that may have changed it."""

    key_result: KeyResult
    state: KeyResultState
    explanation: str
    causes: tuple[Cause, ...]

    @property
    def moved(self) -> bool:
        """Return whether the value changed."""
        return self.state.value != self.key_result.state.value


def lock(tx: Transaction, ids: Iterable[int]) -> list[KeyResult]:
    """Lock and return key results in id order."""
    return _key_results(tx, _select(tx, ids).with_for_update(of=tables.key_result, key_share=True))


def read(tx: Transaction, ids: Iterable[int]) -> list[KeyResult]:
    """Return key results in id order, without a lock: read only."""
    return _key_results(tx, _select(tx, ids))


def _select(tx: Transaction, ids: Iterable[int]) -> sa.Select[Any]:
    k, o, c = tables.key_result, tables.objective, tables.cycle
    return (
        sa.select(k, sa.func.coalesce(k.c.owner_id, o.c.owner_id).label("owner_or_default"), c.c.starts_at, c.c.ends_at)
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .where(among(tx, k.c.id, sorted(ids)))
        .order_by(k.c.id)
    )


def _key_results(tx: Transaction, statement: sa.Select[Any]) -> list[KeyResult]:
    return [
        KeyResult(
            id=row.id,
            slug=row.slug,
            owner_id=row.owner_or_default,
            start=row.start,
            target=row.target,
            measure=parse_measure(row.measure),
            span=Span(row.starts_at, row.ends_at),
            explanation=row.explanation,
            state=KeyResultState(Status(row.status), row.current, row.progress),
        )
        for row in tx.execute(statement)
    ]


def checked_in(tx: Transaction, ids: Sequence[int]) -> dict[int, float]:
    """Return the value of the latest check-in that has one and is not withdrawn, by key result."""
    c = tables.check_in
    valid = (c.c.value.isnot(None), c.c.withdrawn_at.is_(None))
    newest = sa.select(sa.func.max(c.c.id)).where(c.c.key_result_id.in_(ids), *valid)
    found = sa.select(c.c.key_result_id, c.c.value).where(c.c.id.in_(newest.group_by(c.c.key_result_id)))
    return {row.key_result_id: row.value for row in tx.execute(found)}


def save(tx: Transaction, computed: Sequence[Computed], *, now: datetime) -> None:
    """Save new states; add a history entry for each changed value."""
    k = tables.key_result
    rows = [
        {
            "row_id": one.key_result.id,
            "current": one.state.value,
            "progress": one.state.progress,
            "status": one.state.status,
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
        "from": one.key_result.state.value,
        "to": one.state.value,
        "causes": [to_columns(cause) for cause in one.causes],
    }


def to_columns(cause: Cause) -> CauseColumns:
    """Convert a cause to JSON."""
    return {name: value for name in _CAUSE_FIELDS if (value := getattr(cause, name)) not in (None, False)}


_CAUSE_FIELDS = tuple(one.name for one in fields(Cause))


def from_columns(columns: Mapping[str, Any]) -> Cause:
    """Convert JSON to a cause."""
    return Cause(**columns)


@dataclass(frozen=True, slots=True)
class PendingNotice:
    """A waiting notice: its row id and its change."""

    id: int
    change: Change


def pending_notices(tx: Transaction, key_result_ids: Sequence[int]) -> dict[tuple[int, int], PendingNotice]:
    """Return the waiting notices by (key result id, person id), locked. The caller has locked the key results."""
    n = tables.notice
    waiting = sa.select(n).where(among(tx, n.c.key_result_id, key_result_ids), n.c.due_at.isnot(None))
    return {
        (row.key_result_id, row.person_id): PendingNotice(row.id, change_of(row))
        for row in tx.execute(waiting.with_for_update())
    }


def change_of(row: sa.Row[Any]) -> Change:
    """Convert a notice row to its change."""
    return Change(
        KeyResultState(Status(row.from_status), row.from_value, row.from_progress),
        KeyResultState(Status(row.to_status), row.to_value, row.to_progress),
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
    """A change to tell a person about once the settling time has passed."""

    person_id: int
    key_result_id: int
    change: Change


def add_notices(tx: Transaction, notices: Sequence[NewNotice], *, now: datetime, settle: timedelta) -> None:
    """Insert notices, due when the settling time has passed."""
    if not notices:
        return
    due_at = database_now(tx) + settle
    rows = [
        {"person_id": one.person_id, "key_result_id": one.key_result_id, **_change_columns(one.change)}
        for one in notices
    ]
    tx.execute(sa.insert(tables.notice).values(created_at=now, due_at=due_at), rows)


def change_notices(tx: Transaction, changes: Mapping[int, Change]) -> None:
    """Replace the changes of waiting notices, by row id: they absorb later changes."""
    rows = [{"row_id": notice_id, **_change_columns(change)} for notice_id, change in changes.items()]
    if rows:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name != "row_id"}
        tx.execute(sa.update(tables.notice).where(tables.notice.c.id == sa.bindparam("row_id")).values(values), rows)


def drop_notices(tx: Transaction, outcomes: Mapping[int, str], *, now: datetime) -> None:
    """Settle waiting notices that have nothing left to report: row id → outcome."""
    rows = [{"row_id": notice_id, "new_outcome": outcome} for notice_id, outcome in outcomes.items()]
    if rows:
        columns: dict[str, Any] = {"due_at": None, "lease": None, "settled_at": now}
        columns["outcome"] = sa.bindparam("new_outcome")
        tx.execute(sa.update(tables.notice).where(tables.notice.c.id == sa.bindparam("row_id")).values(columns), rows)


def recompute(tx: Transaction, ids: Iterable[int], *, causes: Sequence[Cause] = ()) -> None:
    """Request to compute key results again, now; their causes accumulate until then."""
    r = tables.recompute
    now = database_now(tx)
    ordered = sorted(set(ids))
    rows = [{"key_result_id": key_result_id, "causes": []} for key_result_id in ordered]
    insert_or_skip(tx, r, rows, unique=("key_result_id",))
    waiting = sa.select(r).where(r.c.key_result_id.in_(ordered)).order_by(r.c.id).with_for_update()
    for row in tx.execute(waiting).all():
        all_causes = [*row.causes, *(to_columns(cause) for cause in causes)]
        # This ends the lease of a computation under way on purpose: its result may be out of date.
        columns = {"due_at": now, "lease": None, "attempts": 0, "causes": all_causes, "buried_at": None}
        tx.execute(sa.update(r).where(r.c.id == row.id).values(columns))


def add_check_in(
    tx: Transaction, key_result_id: int, *, person_id: int | None, name: str, value: float, note: str, now: datetime
) -> None:
    """Store a check-in with a value and request to compute its key result; `name` is the person's name."""
    columns = {"key_result_id": key_result_id, "person_id": person_id, "at": now, "value": value, "note": note}
    tx.execute(sa.insert(tables.check_in).values(columns))
    what = f"checked in: {note}" if note else "checked in"
    recompute(tx, [key_result_id], causes=[Cause(what=what, actor=name)])


def withdraw_check_in(
    tx: Transaction,
    key_result_id: int,
    check_in_id: int,
    *,
    person_id: int,
    name: str,
    shown: Callable[[float | None], str],
    now: datetime,
) -> bool:
    """Withdraw a person's check-in and request to compute its key result; return False when there is none to withdraw.

    `name` is the person's name; `shown` writes the value.
    """
    c = tables.check_in
    mine = (c.c.id == check_in_id, c.c.key_result_id == key_result_id, c.c.person_id == person_id)
    withdrawn = sa.update(c).where(*mine, c.c.withdrawn_at.is_(None)).values(withdrawn_at=now).returning(c.c.value)
    row = tx.execute(withdrawn).one_or_none()
    if row is None:
        return False
    recompute(tx, [key_result_id], causes=[Cause(what=f"check-in of {shown(row.value)} withdrawn", actor=name)])
    return True
