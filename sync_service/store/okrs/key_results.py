"""Key results: lock them to compute, save their values with history entries and causes, and save notices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.cycles.frozen import Frozen
from sync_service.domain.measures.applying.applied import NOTHING, Applied
from sync_service.domain.measures.parts import Basis, ContributionChange, Part
from sync_service.domain.measures.progress import Stay, parse_stay
from sync_service.domain.measures.settings import Measure, parse_measure
from sync_service.domain.measures.status import Span, Status
from sync_service.domain.people.notices import Change, KeyResultState
from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables
from sync_service.store.engine.database import among, database_now, insert_or_skip
from sync_service.store.engine.many_rows import update_rows
from sync_service.store.okrs import frozen, history
from sync_service.store.okrs.applying import applied
from sync_service.store.okrs.applying.causes import from_columns, merged_causes, to_columns
from sync_service.store.okrs.team_settings import team_settings


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResult:
    """A key result to compute: its settings, state and cycle. `owner_id` defaults to the objective's owner.

    `decided` is a person's decision about the applied value; `refrozen_by` is the person who asks to compute its final
    numbers once more.
    """

    id: int
    slug: str
    owner_id: int | None
    team_id: int | None
    start: float | None
    target: float | None
    stay: Stay | None = None
    measure: Measure
    settings: Mapping[str, Any]
    span: Span
    days: tuple[date, date]
    explanation: str
    state: KeyResultState
    computed: float | None = None
    basis: Basis | None = None
    entries: int = 0
    proposes: bool = False
    applied: Applied = NOTHING
    decided: Applied | None = None
    frozen: Frozen | None = None
    refrozen_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """The new state of a key result, the causes that may have changed it, and how its inputs changed.

    `value` is computed from the inputs; the state has the value that applies. `announces`: the owner gets a notice
    about the proposed value.
    """

    key_result: KeyResult
    state: KeyResultState
    explanation: str
    causes: tuple[Cause, ...]
    value: float | None = None
    basis: Basis | None = None
    changes: Mapping[int, ContributionChange] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()
    applied: Applied | None = None
    announces: bool = False
    frozen: Frozen | None = None

    @property
    def moved(self) -> bool:
        """Return whether the value changed."""
        return self.state.value != self.key_result.state.value

    @property
    def recorded(self) -> bool:
        """Return whether the change is a history entry: of the value, its inputs, the goal, or what is applied."""
        before = self.key_result
        goal_moved = before.state.progress != self.state.progress
        decided = self.applied is not None and self.applied != before.applied
        return self.moved or bool(self.changes) or goal_moved or decided or self.value != before.computed


def lock(tx: Transaction, ids: Iterable[int]) -> list[KeyResult]:
    """Lock and return key results in id order."""
    return _key_results(tx, _select(tx, ids).with_for_update(of=tables.live_key_result, key_share=True))


def read(tx: Transaction, ids: Iterable[int]) -> list[KeyResult]:
    """Return key results in id order, without a lock: read only."""
    return _key_results(tx, _select(tx, ids))


def _select(tx: Transaction, ids: Iterable[int]) -> sa.Select[Any]:
    k, o, c = tables.live_key_result, tables.live_objective, tables.live_cycle
    return (
        sa.select(
            k,
            sa.func.coalesce(k.c.owner_id, o.c.owner_id).label("owner_or_default"),
            o.c.team_id,
            c.c.starts,
            c.c.ends,
        )
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .where(among(tx, k.c.id, sorted(ids)))
        .order_by(k.c.id)
    )


def _key_results(tx: Transaction, statement: sa.Select[Any]) -> list[KeyResult]:
    settings = team_settings(tx)
    return [
        KeyResult(
            id=row.id,
            slug=row.slug,
            owner_id=row.owner_or_default,
            team_id=row.team_id,
            start=row.start,
            target=row.target,
            stay=parse_stay(row.stay) if row.stay else None,
            measure=parse_measure(row.measure),
            settings=row.measure,
            span=settings.of(row.team_id).span(row.starts, row.ends),
            days=(row.starts, row.ends),
            explanation=row.explanation,
            state=KeyResultState(Status(row.status), row.current, row.progress),
            computed=row.computed,
            basis=history.basis_of(row.computed_from) if row.computed_from else None,
            entries=row.computed_from["entries"] if row.computed_from else 0,
            proposes=row.apply == "propose",
            applied=applied.read(row.current, row.proposed, row.override),
            frozen=frozen.read(row.frozen),
        )
        for row in tx.execute(statement)
    ]


def save(tx: Transaction, computed: Sequence[Computed], *, now: datetime) -> None:
    """Save new states; add a history entry for each change of a value, of its inputs or of its progress."""
    k = tables.key_result
    rows = [
        {
            "row_id": one.key_result.id,
            "current": one.state.value,
            "progress": one.state.progress,
            "status": one.state.status,
            "explanation": one.explanation,
            "computed": one.value,
            "computed_from": _computed_from(one),
            **applied.columns(one.applied or one.key_result.applied),
            "frozen": frozen.columns(one.frozen),
            "moved_at": now if one.moved else None,
        }
        for one in computed
    ]
    if rows:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in rows[0] if name not in ("row_id", "moved_at")}
        for name in ("computed_from", "proposed", "override", "frozen"):
            values[name] = sa.bindparam(name, type_=sa.JSON(none_as_null=True))
        values["updated_at"] = sa.func.coalesce(sa.bindparam("moved_at", type_=k.c.updated_at.type), k.c.updated_at)
        tx.execute(sa.update(k).where(k.c.id == sa.bindparam("row_id")).values(values), rows)
    history.add(tx, [_entry(one) for one in computed if one.recorded], now=now)


def _computed_from(one: Computed) -> dict[str, Any] | None:
    """Return what a value was computed from, with the number of entries."""
    if one.basis is None:
        return None
    entries = one.key_result.entries + one.recorded
    facts = applied.facts(one.value, one.applied or one.key_result.applied)
    return history.basis_columns(one.basis, one.key_result.settings) | facts | {"entries": entries}


def _entry(one: Computed) -> history.NewEntry:
    before, after = one.key_result.state, one.state
    return history.NewEntry(
        key_result_id=one.key_result.id,
        number=one.key_result.entries + 1,
        values=(before.value, after.value),
        progress=(before.progress, after.progress),
        causes=[to_columns(cause) for cause in one.causes],
        parts=one.parts,
        changes=one.changes,
        basis=_computed_from(one),
    )


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
    """A change to report to a person once the settling time has passed."""

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
    recompute_each(tx, dict.fromkeys(ids, causes))


def recompute_each(tx: Transaction, wanted: Mapping[int, Sequence[Cause]]) -> None:
    """Request to compute key results again, now, each for its own causes."""
    r, k = tables.recompute, tables.live_key_result  # except one that is being removed
    ordered = tx.scalars(sa.select(k.c.id).where(among(tx, k.c.id, sorted(wanted))).order_by(k.c.id)).all()
    rows = [{"key_result_id": key_result_id, "causes": []} for key_result_id in ordered]
    insert_or_skip(tx, r, rows, unique=("key_result_id",))
    waiting = sa.select(r).where(among(tx, r.c.key_result_id, ordered)).order_by(r.c.id).with_for_update()
    # This ends the lease of a computation under way on purpose: its result may be out of date.
    due = {"due_at": database_now(tx), "lease": None, "attempts": 0, "buried_at": None}
    found = [(row.id, merged_causes(row.causes, wanted[row.key_result_id])) for row in tx.execute(waiting).all()]
    update_rows(tx, r, [{"id": row_id, "causes": causes, **due} for row_id, causes in found])


def zone(tx: Transaction, key_result_id: int) -> ZoneInfo:
    """Return the time zone of a key result's team, else the organisation's."""
    k, o = tables.live_key_result, tables.live_objective
    team_id = sa.select(o.c.team_id).join(k, k.c.objective_id == o.c.id).where(k.c.id == key_result_id)
    return team_settings(tx).of(tx.scalar(team_id)).zone
