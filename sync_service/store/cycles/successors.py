"""Successors: which key results of a cycle can be carried over, and which key result continues each."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.tables import key_result, live_cycle, live_key_result, live_objective, step_tick


@dataclass(frozen=True, slots=True)
class Candidate:
    """A key result whose cycle is over: its value, its settled outcome, and its successor, if it has one."""

    slug: str
    value: float | None
    progress: float | None
    outcome: str | None
    successor: str | None


def candidates(tx: Transaction, cycle_slug: str) -> list[Candidate]:
    """Return the key results of a cycle in the configured order. A successor that was removed is none."""
    k, o, c, s = live_key_result, live_objective, live_cycle, live_key_result.alias("successor")
    found = (
        sa.select(k.c.slug, k.c.current, k.c.progress, k.c.outcome, s.c.slug.label("successor"))
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .outerjoin(s, s.c.slug == k.c.successor_slug)
        .where(c.c.slug == cycle_slug)
        .order_by(o.c.position, o.c.id, k.c.position, k.c.id)
    )
    return [Candidate(*row) for row in tx.execute(found)]


def save(tx: Transaction, successors: Mapping[str, str]) -> None:
    """Store the successors of key results, slug → slug."""
    for slug, successor in successors.items():
        tx.execute(sa.update(key_result).where(key_result.c.slug == slug).values(successor_slug=successor))


def copy_ticks(tx: Transaction, successors: Mapping[str, str]) -> None:
    """Copy the ticks of steps to successors, slug → slug, so that they begin with the value reached."""
    k, t = live_key_result, step_tick.c
    ids = {row.slug: row.id for row in tx.execute(sa.select(k.c.slug, k.c.id))}
    for slug, successor in successors.items():
        ticked = sa.select(sa.literal(ids[successor]), t.step, t.person_id, t.at)
        ticked = ticked.where(t.key_result_id == ids[slug], t.undone_at.is_(None)).order_by(t.id)
        tx.execute(sa.insert(step_tick).from_select(["key_result_id", "step", "person_id", "at"], ticked))
