"""Forecasts of key results: requested after a value changes and each night, saved by workers, read by views."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.forecasts.forecast import Forecast
from sync_service.domain.forecasts.goal import Goal, Position
from sync_service.domain.forecasts.likely import Likely
from sync_service.domain.forecasts.samples import Week
from sync_service.domain.forecasts.track_record import TrackRecord
from sync_service.store.engine.database import among, database_now, insert_or_skip
from sync_service.store.queue import due
from sync_service.store.tables import forecast

DELAY = timedelta(minutes=1)
"""How long a forecast waits after a change, so that a burst of changes is computed once."""

LONGEST_BATCH = timedelta(seconds=15)
"""How long a transaction that requests forecasts may take: a worker that begins one meanwhile sees the old values."""

_DATES = ("on_50", "on_70", "on_85", "on_95")


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciding:
    """An open issue that decides a forecast: its names, why, and by how much the chance would rise if it were done."""

    connection: str
    key: str
    title: str
    reasons: tuple[str, ...]
    effect: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What a forecast was computed from: goal, position, the weeks that are its samples, its day, the cycle's last day.

    `measure` has the settings as in the configuration file.
    """

    measure: Mapping[str, Any]
    goal: Goal
    position: Position
    weeks: tuple[Week, ...]
    today: date
    ends: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A forecast as it is stored, what decides it, and what it was computed from."""

    forecast: Forecast
    basis: Basis
    deciding: tuple[Deciding, ...] = ()


def request(tx: Transaction, key_result_ids: Iterable[int]) -> None:
    """Request forecasts soon. One that is due sooner stays; after one under way another is computed.

    The caller has locked the key results. A row that is due after this transaction stays unchanged.
    """
    ids = sorted(set(key_result_ids))
    if not ids:
        return
    f, now = forecast.c, database_now(tx)
    soon, mine = now + DELAY, among(tx, f.key_result_id, ids)
    known = set(tx.scalars(sa.select(f.key_result_id).where(mine)))
    if len(known) < len(ids):
        rows = [{"key_result_id": one, "due_at": None} for one in ids if one not in known]
        insert_or_skip(tx, forecast, rows, unique=("key_result_id",))
    leased = f.lease.isnot(None)
    later = sa.or_(f.due_at.is_(None), f.due_at > soon)
    changed = {
        "due_at": sa.case((sa.and_(later, ~leased), sa.literal(soon, f.due_at.type)), else_=f.due_at),
        "request_count": f.request_count + 1,
        "attempts": sa.case((leased, f.attempts), else_=0),
        "buried_at": None,
    }
    tx.execute(sa.update(forecast).where(mine, sa.or_(leased, later, f.due_at < now + LONGEST_BATCH)).values(changed))


def save(tx: Transaction, row: Row[Any], found: Found | None, *, at: datetime, wait: timedelta) -> bool:
    """Save a forecast, due again after the wait, or soon if it was requested meanwhile; return whether it differs.

    Raise `LeaseLost`.
    """
    columns = {"found": _columns(found), "computed_from": None if found is None else _basis_columns(found.basis)}
    if due.requested_again(tx, forecast, row):
        wait = min(wait, DELAY)
    due.release(tx, forecast, row, wait=wait, at=at, outcome="computed", **columns)
    return bool(row.found != columns["found"])


def read(row: Row[Any]) -> Found | None:
    """Return the forecast of a row; None where there is none."""
    if row.found is None or row.computed_from is None:
        return None
    values = dict(row.found)
    deciding = tuple(Deciding(**one | {"reasons": tuple(one["reasons"])}) for one in values.pop("deciding"))
    for name in _DATES:
        values[name] = date.fromisoformat(values[name]) if values[name] else None
    values["likely"] = Likely(**values["likely"]) if values["likely"] else None
    values["track_record"] = TrackRecord(**values["track_record"]) if values["track_record"] else None
    return Found(forecast=Forecast(**values), basis=_basis(row.computed_from), deciding=deciding)


def of_key_result(tx: Transaction, key_result_id: int) -> Found | None:
    """Return the newest forecast of a key result."""
    row = tx.execute(sa.select(forecast).where(forecast.c.key_result_id == key_result_id)).one_or_none()
    return None if row is None else read(row)


def _columns(found: Found | None) -> dict[str, Any] | None:
    if found is None:
        return None
    one = found.forecast
    likely, record = one.likely, one.track_record
    return {
        **{name: on.isoformat() if (on := getattr(one, name)) else None for name in _DATES},
        "weeks": one.weeks,
        "enough": one.enough,
        "reason": one.reason,
        "chance": one.chance,
        "likely": likely and {"with_15": likely.with_15, "with_50": likely.with_50, "with_85": likely.with_85},
        "pace_needed": one.pace_needed,
        "track_record": record and {"called": record.called, "came_true": record.came_true},
        "deciding": [
            {
                "connection": each.connection,
                "key": each.key,
                "title": each.title,
                "reasons": list(each.reasons),
                "effect": each.effect,
            }
            for each in found.deciding
        ],
    }


def _basis_columns(basis: Basis) -> dict[str, Any]:
    goal, position = basis.goal, basis.position
    return {
        "measure": dict(basis.measure),
        "start": float(goal.start),
        "target": float(goal.target),
        "done": float(position.done),
        "scope": float(position.scope),
        "weeks": [[one.done, one.added, one.reopened] for one in basis.weeks],
        "today": basis.today.isoformat(),
        "ends": basis.ends.isoformat(),
    }


def _basis(columns: Mapping[str, Any]) -> Basis:
    return Basis(
        measure=columns["measure"],
        goal=Goal(columns["measure"]["kind"], columns["start"], columns["target"]),
        position=Position.of(columns["done"], columns["scope"]),
        weeks=tuple(Week(*one) for one in columns["weeks"]),
        today=date.fromisoformat(columns["today"]),
        ends=date.fromisoformat(columns["ends"]),
    )
