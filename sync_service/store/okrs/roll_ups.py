"""Roll-ups of objectives: their progress from key results and from the aligned objectives that count."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.measures.roll_up import Member, roll_up
from sync_service.store import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildView:
    """An objective that is aligned with another one. `counts`: its progress is in that of its parent, by its weight."""

    slug: str
    title: str
    cycle: str
    counts: bool
    weight: float
    progress: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RollUp:
    """The progress of an objective; None when nothing has data, or it does not roll up.

    `without_data` counts the key results and counting children that have none, `left_out` the key results that do not
    roll up. `children` are the objectives aligned with it, of any cycle.
    """

    progress: float | None
    without_data: int
    left_out: int
    children: tuple[ChildView, ...]


def roll_ups(tx: Transaction, objective_ids: Sequence[int]) -> dict[int, RollUp]:
    """Return the roll-up of each objective. It takes two queries, however many there are."""
    rows = {row.id: row for row in tx.execute(_with_all_below(objective_ids))}
    members: dict[int, list[Member]] = defaultdict(list)
    k = tables.live_key_result
    columns = (k.c.objective_id, k.c.weight, k.c.progress, k.c.start, k.c.target, k.c.current, k.c.rolls_up)
    below = _below(objective_ids)
    for row in tx.execute(sa.select(*columns).join(below, below.c.id == k.c.objective_id).order_by(k.c.id)):
        members[row.objective_id].append(Member.of(row))
    rolling = _RollingUp(rows, members)
    return {one: rolling.of(one) for one in objective_ids if one in rows}


def _below(objective_ids: Sequence[int]) -> sa.CTE:
    """Return the ids of these objectives and of all that are aligned below them."""
    o = tables.live_objective
    below = sa.select(o.c.id).where(o.c.id.in_(objective_ids)).cte("below", recursive=True)
    return below.union(sa.select(o.c.id).join(below, o.c.parent_id == below.c.id))


def _with_all_below(objective_ids: Sequence[int]) -> sa.Select[Any]:
    o, c, below = tables.live_objective, tables.live_cycle, _below(objective_ids)
    names = ("id", "slug", "title", "parent_id", "counts", "weight", "roll_up")
    return (
        sa.select(*(o.c[name] for name in names), c.c.slug.label("cycle"))
        .join(below, below.c.id == o.c.id)
        .join(c, c.c.id == o.c.cycle_id)
        .order_by(c.c.starts_at, o.c.position, o.c.id)
    )


class _RollingUp:
    """Rolls up each objective once, from the leaves. Files and pages refuse alignment in a circle."""

    def __init__(self, rows: Mapping[int, Row[Any]], members: Mapping[int, list[Member]]) -> None:
        self._rows = rows
        self._own = members
        self._children: dict[int, list[Row[Any]]] = defaultdict(list)
        for row in rows.values():
            self._children[row.parent_id].append(row)
        self._found: dict[int, RollUp] = {}
        self._all_members: dict[int, list[Member]] = {}

    def of(self, objective_id: int) -> RollUp:
        """Return the roll-up of an objective, after those of all below it: alignment may be deeper than the stack."""
        waiting, seen = [objective_id], {objective_id}
        while waiting:
            below = [row.id for row in self._children[waiting[-1]] if row.id not in seen]
            if below:
                waiting += below
                seen.update(below)
            elif (one := waiting.pop()) not in self._found:
                self._found[one] = self._roll_up(one)
        return self._found[objective_id]

    def _roll_up(self, objective_id: int) -> RollUp:
        self._all_members[objective_id] = members = self._members(objective_id)
        progress, without_data = roll_up(members, self._rows[objective_id].roll_up)
        return RollUp(
            progress=progress,
            without_data=without_data,
            left_out=sum(not one.rolls_up for one in self._own.get(objective_id, ())),
            children=tuple(self._child(row) for row in self._children[objective_id]),
        )

    def _child(self, row: Row[Any]) -> ChildView:
        return ChildView(
            slug=row.slug,
            title=row.title,
            cycle=row.cycle,
            counts=row.counts,
            weight=row.weight,
            progress=self._found[row.id].progress,
        )

    def _members(self, objective_id: int) -> list[Member]:
        counting = [row for row in self._children[objective_id] if row.counts]
        return [*self._own.get(objective_id, ()), *map(self._member, counting)]

    def _member(self, row: Row[Any]) -> Member:
        """Return an objective as a member of its parent; in a sum, all key results below it are summed."""
        rolled = self._found[row.id].progress
        if row.roll_up != "sum" or rolled is None:
            return Member(row.weight, rolled)
        known = [one for one in self._all_members[row.id] if one.rolls_up and one.progress is not None]
        moved, distance = fsum(one.moved or 0.0 for one in known), fsum(one.distance or 0.0 for one in known)
        return Member(row.weight, rolled, moved, distance)
