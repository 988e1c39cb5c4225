"""Views of cycles and of a cycle's objectives with their roll-up; the course of a value for the chart.

The number of queries is fixed: the same for one key result and for two hundred.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.causes import Cause
from sync_service.store import tables
from sync_service.store.cycles.spans import freeze_times
from sync_service.store.okrs.applying.causes import from_columns
from sync_service.store.okrs.history import is_shown, value_changed
from sync_service.store.okrs.roll_ups import ChildView, RollUp, roll_ups
from sync_service.store.okrs.team_settings import organisation_zone
from sync_service.store.views.key_results import KeyResultView, key_result_views

LONGEST_COURSE = 2000
"""The largest number of points in a chart: a screen can't show more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleView:
    """A cycle: its first and last day, and `span`, its start and end in the organisation's time zone.

    `closed`: its numbers are final, those of all teams.
    """

    slug: str
    name: str
    starts: date
    ends: date
    span: Span
    closed: bool


@dataclass(frozen=True, slots=True)
class Move:
    """The latest change of a value, with its causes."""

    at: datetime
    before: float | None
    after: float | None
    causes: tuple[Cause, ...]


@dataclass(frozen=True, slots=True)
class KeyResultLine:
    """A key result of an objective with its latest change, if it ever changed."""

    view: KeyResultView
    moved: Move | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveView:
    """An objective. `progress` (0…1) is the roll-up of what has data; None when nothing has.

    `without_data` counts the key results and counting children without, `left_out` the key results that do not roll up.
    """

    slug: str
    title: str
    owner: str | None
    owner_name: str | None
    key_results: tuple[KeyResultLine, ...]
    progress: float | None
    roll_up: str
    without_data: int
    left_out: int
    children: tuple[ChildView, ...]


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team with its objectives. `name` is None for objectives without a team."""

    name: str | None
    objectives: tuple[ObjectiveView, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The value from a time on; None means no data."""

    at: datetime
    value: float | None


def cycle_views(tx: Transaction, now: datetime) -> list[CycleView]:
    """Return the cycles, the latest first."""
    c, freezes_at, zone = tables.live_cycle, freeze_times(tx), organisation_zone(tx)
    return [
        CycleView(
            slug=row.slug,
            name=row.name,
            starts=row.starts,
            ends=row.ends,
            span=Span(row.starts_at, row.ends_at, zone),
            closed=freezes_at[row.slug] <= now,
        )
        for row in tx.execute(sa.select(c).order_by(c.c.starts_at.desc(), c.c.id.desc()))
    ]


def current_cycle(cycles: Sequence[CycleView], now: datetime) -> CycleView | None:
    """Return the running cycle, else the one that ended last, else the next one; None when there is none."""
    begun = [cycle for cycle in cycles if cycle.span.starts_at <= now]
    running = [cycle for cycle in begun if now < cycle.span.ends_at]
    if running:
        return max(running, key=lambda cycle: cycle.span.starts_at)
    if begun:
        return max(begun, key=lambda cycle: cycle.span.ends_at)
    return min(cycles, key=lambda cycle: cycle.span.starts_at, default=None)


def team_views(tx: Transaction, cycle: str, now: datetime) -> list[TeamView]:
    """Return the objectives of a cycle (by its slug), grouped by team in name order; those without a team last."""
    lines: dict[str, list[KeyResultLine]] = defaultdict(list)
    views = key_result_views(tx, now, cycle=cycle)
    moves = _latest_moves(tx, [view.id for view in views])
    for view in views:
        lines[view.objective].append(KeyResultLine(view, moves.get(view.id)))
    teams: dict[str | None, list[ObjectiveView]] = defaultdict(list)
    rows = tx.execute(_objectives(cycle)).all()
    rolled = roll_ups(tx, [row.id for row in rows])
    for row in rows:
        teams[row.team].append(_objective(row, lines[row.slug], rolled[row.id]))
    named = sorted((team for team in teams.items() if team[0] is not None), key=lambda team: str(team[0]).casefold())
    unnamed = [(None, teams[None])] if None in teams else []
    return [TeamView(name, tuple(objectives)) for name, objectives in [*named, *unnamed]]


def _objectives(cycle: str) -> sa.Select[Any]:
    o, c, p, t = tables.live_objective, tables.live_cycle, tables.person, tables.team
    return (
        sa.select(o.c.id, o.c.slug, o.c.title, t.c.name.label("team"), p.c.email, p.c.name, o.c.roll_up)
        .join(c, c.c.id == o.c.cycle_id)
        .outerjoin(t, t.c.id == o.c.team_id)
        .outerjoin(p, p.c.id == o.c.owner_id)
        .where(c.c.slug == cycle)
        .order_by(o.c.position, o.c.id)
    )


def _objective(row: sa.Row[Any], lines: Iterable[KeyResultLine], rolled: RollUp) -> ObjectiveView:
    return ObjectiveView(
        slug=row.slug,
        title=row.title,
        owner=row.email,
        owner_name=row.name,
        key_results=tuple(lines),
        progress=rolled.progress,
        roll_up=row.roll_up,
        without_data=rolled.without_data,
        left_out=rolled.left_out,
        children=rolled.children,
    )


def _latest_moves(tx: Transaction, key_result_ids: Sequence[int]) -> dict[int, Move]:
    h = tables.history
    changed = sa.select(sa.func.max(h.c.id)).where(h.c.key_result_id.in_(key_result_ids), value_changed)
    newest = changed.group_by(h.c.key_result_id)
    columns = (h.c.key_result_id, h.c.at, h.c["from"].label("before"), h.c.to.label("after"), h.c.causes)
    return {
        row.key_result_id: Move(row.at, row.before, row.after, tuple(from_columns(one) for one in row.causes))
        for row in tx.execute(sa.select(*columns).where(h.c.id.in_(newest)))
    }


def history_count(tx: Transaction, key_result_id: int) -> int:
    """Return the number of changes of a key result's value."""
    h = tables.history
    return tx.execute(sa.select(sa.func.count()).where(h.c.key_result_id == key_result_id, is_shown)).scalar_one()


def course(tx: Transaction, key_result_id: int) -> list[Point]:
    """Return the course of a value, oldest first: each point lasts until the next. Empty when it never changed."""
    h = tables.history
    newest = (
        sa.select(h.c.at, h.c["from"].label("before"), h.c.to.label("after"))
        .where(h.c.key_result_id == key_result_id, value_changed)
        .order_by(h.c.id.desc())
        .limit(LONGEST_COURSE)
    )
    return [Point(row.at, row.after) for row in reversed(tx.execute(newest).all())]
