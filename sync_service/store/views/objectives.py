"""Views of cycles and of a cycle's objectives with their roll-up; the course of a value for the chart.

The number of queries is fixed: the same for one key result and for two hundred.
"""

from collections import defaultdict
from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class ParentView:
    """The objective that another one is aligned with."""

    slug: str
    title: str
    cycle: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveView:
    """An objective. `progress` (0…1) is the roll-up of what has data; None if nothing has data.

    `without_data` counts the key results and counting children without, `left_out` the key results that do not roll up.
    `team` is the team's slug; `parent` is None if the objective is not aligned.
    `key_result_count` counts all its key results; pages may show some of them.
    """

    slug: str
    title: str
    cycle: str
    team: str | None
    team_name: str | None
    owner: str | None
    owner_name: str | None
    parent: ParentView | None
    key_results: tuple[KeyResultLine, ...]
    key_result_count: int
    progress: float | None
    roll_up: str
    without_data: int
    left_out: int
    children: tuple[ChildView, ...]


@dataclass(frozen=True, slots=True)
class TeamView:
    """A team with its objectives of a cycle. `slug` and `name` are None for objectives without a team."""

    slug: str | None
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


def team_views(tx: Transaction, cycle: str, now: datetime, *, team: str | None = None) -> list[TeamView]:
    """Return the objectives of a cycle (by its slug), grouped by team in name order; those without a team last.

    With `team`, a team's slug, return only this team.
    """
    return _by_team(tx, cycle, sa.true() if team is None else tables.team.c.slug == team, now)


def team_views_of_person(tx: Transaction, cycle: str, person_id: int, now: datetime) -> list[TeamView]:
    """Return as `team_views` does the objectives of a person: owned, with a key result owned, or of their team."""
    o, k, p = tables.live_objective, tables.live_key_result, tables.person
    own_team = sa.select(p.c.team_id).where(p.c.id == person_id).scalar_subquery()
    owned = sa.select(k.c.objective_id).where(k.c.owner_id == person_id)
    return _by_team(tx, cycle, sa.or_(o.c.owner_id == person_id, o.c.id.in_(owned), o.c.team_id == own_team), now)


def _by_team(tx: Transaction, cycle: str, where: sa.ColumnElement[bool], now: datetime) -> list[TeamView]:
    teams: dict[tuple[str | None, str | None], list[ObjectiveView]] = defaultdict(list)
    for view in _objective_views(tx, sa.and_(tables.live_cycle.c.slug == cycle, where), now):
        teams[view.team, view.team_name].append(view)
    in_order = sorted(teams, key=lambda key: (key[0] is None, (key[1] or "").casefold(), key[0] or ""))
    return [TeamView(*key, tuple(teams[key])) for key in in_order]


def objective_view(tx: Transaction, slug: str, now: datetime) -> ObjectiveView | None:
    """Return an objective by its slug, in any letter case; None when there is none."""
    found = _objective_views(tx, sa.func.lower(tables.live_objective.c.slug) == slug.lower(), now)
    return found[0] if found else None


def _objective_views(tx: Transaction, where: sa.ColumnElement[bool], now: datetime) -> list[ObjectiveView]:
    rows = tx.execute(_objectives().where(where)).all()
    ids = [row.id for row in rows]
    lines: dict[str, list[KeyResultLine]] = defaultdict(list)
    views = key_result_views(tx, now, objective_ids=ids)
    moves = _latest_moves(tx, [view.id for view in views])
    for view in views:
        lines[view.objective].append(KeyResultLine(view, moves.get(view.id)))
    rolled = roll_ups(tx, ids)
    return [_objective(row, lines[row.slug], rolled[row.id]) for row in rows]


def _objectives() -> sa.Select[Any]:
    o, c, p, t = tables.live_objective, tables.live_cycle, tables.person, tables.team
    above, its_cycle = o.alias("above"), c.alias("its_cycle")
    parent = (
        above.c.slug.label("parent"),
        above.c.title.label("parent_title"),
        its_cycle.c.slug.label("parent_cycle"),
    )
    team = (t.c.slug.label("team"), t.c.name.label("team_name"))
    return (
        sa.select(
            o.c.id, o.c.slug, o.c.title, c.c.slug.label("cycle"), *team, p.c.email, p.c.name, o.c.roll_up, *parent
        )
        .join(c, c.c.id == o.c.cycle_id)
        .outerjoin(t, t.c.id == o.c.team_id)
        .outerjoin(p, p.c.id == o.c.owner_id)
        .outerjoin(above, above.c.id == o.c.parent_id)
        .outerjoin(its_cycle, its_cycle.c.id == above.c.cycle_id)
        .order_by(o.c.position, o.c.id)
    )


def _objective(row: sa.Row[Any], lines: Sequence[KeyResultLine], rolled: RollUp) -> ObjectiveView:
    return ObjectiveView(
        slug=row.slug,
        title=row.title,
        cycle=row.cycle,
        team=row.team,
        team_name=row.team_name,
        owner=row.email,
        owner_name=row.name,
        parent=ParentView(row.parent, row.parent_title, row.parent_cycle) if row.parent else None,
        key_results=tuple(lines),
        key_result_count=len(lines),
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
