"""History entries: each change of a value with its causes, its parts and the inputs that changed.

An entry stores the contributions that changed, and every hundredth entry has a checkpoint with all of them, so that
the inputs of any past time can be read. An entry is quiet when inputs changed and neither value nor progress did: pages
and lists leave it out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.applying.applied import Applied
from sync_service.domain.measures.contributions import Contribution
from sync_service.domain.measures.parts import Basis, ContributionChange, Part
from sync_service.domain.measures.settings import parse_measure
from sync_service.store.okrs import contributions
from sync_service.store.okrs.applying.applied import read_facts
from sync_service.store.okrs.contributions import Contributions
from sync_service.store.tables import history, history_checkpoint, live_key_result

CHECKPOINT = 100
"""Entries between two checkpoints."""

value_changed = history.c["from"].is_distinct_from(history.c.to)
"""The SQL condition for entries whose value changed."""

is_shown = sa.or_(value_changed, history.c.progress_from.is_distinct_from(history.c.progress_to))
"""The SQL condition for entries that are not quiet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEntry:
    """A history entry to add. `number` counts the key result's entries, from 1."""

    key_result_id: int
    number: int
    values: tuple[float | None, float | None]
    progress: tuple[float | None, float | None]
    causes: Sequence[Mapping[str, Any]]
    parts: Sequence[Part]
    changes: Mapping[int, ContributionChange]
    basis: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class PastInputs:
    """The inputs of a key result after one of its entries, the computed value, and what applied."""

    entry_id: int
    at: datetime
    value: float | None
    progress: float | None
    basis: Basis
    computed: float | None
    applied: Applied
    contributions: Contributions


def add(tx: Transaction, entries: Sequence[NewEntry], *, now: datetime) -> None:
    """Insert entries; the contributions are already stored."""
    plain = [_columns(one, now) for one in entries if one.number % CHECKPOINT]
    if plain:
        tx.execute(sa.insert(history), plain)
    for one in entries:
        if one.number % CHECKPOINT == 0:
            row_id = tx.execute(sa.insert(history).values(_columns(one, now)).returning(history.c.id)).scalar_one()
            held = contributions.stored(tx, [one.key_result_id])[one.key_result_id]
            whole = {str(id_): contributions.to_columns(each) for id_, each in held.items()}
            tx.execute(sa.insert(history_checkpoint).values(history_id=row_id, contributions=whole))


def _columns(one: NewEntry, now: datetime) -> dict[str, Any]:
    changed = [
        [id_, contributions.to_columns(each.before), contributions.to_columns(each.after)]
        for id_, each in one.changes.items()
    ]
    return {
        "key_result_id": one.key_result_id,
        "at": now,
        "from": one.values[0],
        "to": one.values[1],
        "progress_from": one.progress[0],
        "progress_to": one.progress[1],
        "causes": list(one.causes),
        "parts": [{"kind": part.kind.value, "change": part.change} for part in one.parts],
        "contributions": changed,
        "computed_from": one.basis,
    }


def basis_columns(basis: Basis, measure: Mapping[str, Any]) -> dict[str, Any]:
    """Convert what a value was computed from to JSON; `measure` has the settings as in the configuration file."""
    return {
        "measure": dict(measure),
        "start": basis.start,
        "target": basis.target,
        "at": basis.at.isoformat(),
        "checked_in": basis.checked_in,
        "steps_done": sorted(basis.steps_done),
    }


def basis_of(columns: Mapping[str, Any]) -> Basis:
    """Convert JSON to what a value was computed from."""
    return Basis(
        measure=parse_measure(columns["measure"]),
        start=columns["start"],
        target=columns["target"],
        at=datetime.fromisoformat(columns["at"]),
        checked_in=columns["checked_in"],
        steps_done=frozenset(columns["steps_done"]),
    )


@dataclass(frozen=True, slots=True)
class RecordedEntry:
    """An entry that recorded its inputs: the contributions that it changed, None where an issue was unlinked."""

    at: datetime
    value: float | None
    computed_from: Mapping[str, Any]
    changed: Sequence[tuple[int, Contribution | None]]

    @property
    def basis(self) -> Basis:
        """Return what its value was computed from, apart from contributions."""
        return basis_of(self.computed_from)


def recorded_entries(tx: Transaction, key_result_id: int) -> list[RecordedEntry]:
    """Return all entries of a key result that recorded their inputs, oldest first."""
    h = history.c
    found = sa.select(h.at, h.to, h.computed_from, h.contributions).order_by(h.id)
    return [
        RecordedEntry(
            row.at,
            row.to,
            row.computed_from,
            [(id_, contributions.from_columns(after)) for id_, _, after in row.contributions],
        )
        for row in tx.execute(found.where(h.key_result_id == key_result_id, h.computed_from.isnot(None)))
    ]


def inputs_at(tx: Transaction, key_result_id: int, at: datetime) -> PastInputs | None:
    """Return the inputs of a key result as they were at a time; None before its first entry that recorded them."""
    h = history
    recorded = (h.c.key_result_id == key_result_id, h.c.computed_from.isnot(None))
    last = tx.execute(
        sa.select(h.c.id, h.c.at, h.c.to, h.c.progress_to, h.c.computed_from)
        .where(*recorded, h.c.at <= at)
        .order_by(h.c.id.desc())
        .limit(1)
    ).one_or_none()
    if last is None:
        return None
    checkpoint = tx.execute(
        sa.select(history_checkpoint.c.history_id, history_checkpoint.c.contributions)
        .join(h, h.c.id == history_checkpoint.c.history_id)
        .where(h.c.key_result_id == key_result_id, h.c.id <= last.id)
        .order_by(h.c.id.desc())
        .limit(1)
    ).one_or_none()
    held = {} if checkpoint is None else {int(id_): one for id_, one in checkpoint.contributions.items()}
    since = 0 if checkpoint is None else checkpoint.history_id
    later = sa.select(h.c.contributions).where(*recorded, h.c.id > since, h.c.id <= last.id).order_by(h.c.id)
    for changed in tx.scalars(later):
        held |= {id_: after for id_, _, after in changed}
    present = {id_: contributions.from_columns(one) for id_, one in held.items()}
    computed, applied = read_facts(last.computed_from, last.to)
    return PastInputs(
        entry_id=last.id,
        at=last.at,
        value=last.to,
        progress=last.progress_to,
        basis=basis_of(last.computed_from),
        computed=computed,
        applied=applied,
        contributions={id_: one for id_, one in present.items() if isinstance(one, Contribution)},
    )


def outside_since(tx: Transaction, key_result_ids: Sequence[int]) -> dict[int, datetime]:
    """Return since when key results are out of the range to stay in; none for those that are inside."""
    if not key_result_ids:
        return {}
    h, k = history, live_key_result
    left = h.c.progress_to.is_not(None) & (h.c.progress_to < 1)
    entered = sa.or_(h.c.progress_from.is_(None), h.c.progress_from >= 1)
    joined = sa.select(h.c.key_result_id, sa.func.max(h.c.id).label("id")).join(k, k.c.id == h.c.key_result_id)
    found = joined.where(k.c.id.in_(key_result_ids), k.c.progress < 1, left, entered).group_by(h.c.key_result_id)
    newest = found.subquery()
    rows = tx.execute(sa.select(h.c.key_result_id, h.c.at).join(newest, newest.c.id == h.c.id))
    return {row.key_result_id: row.at for row in rows}
