"""Lists for the API: objectives, cycles, rules, connections, deliveries, notices. Reads no secrets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.people.notices import Change
from sync_service.domain.rules.rule_state import RuleState
from sync_service.store import tables
from sync_service.store.cycles.spans import freeze_times
from sync_service.store.okrs.key_results import change_of
from sync_service.store.okrs.roll_ups import RollUp, roll_ups
from sync_service.store.okrs.staleness import Stale


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveView:
    """An objective. `progress` (0…1) is its roll-up; `without_data` counts what it leaves out because of no data.

    `left_out` counts the key results that do not roll up. `children` are the objectives aligned with it, and `counts`
    and `weight` say whether and how its progress is in that of its `parent`.
    """

    id: int
    slug: str
    title: str
    cycle: str
    team: str | None
    owner: str | None
    progress: float | None
    roll_up: str
    without_data: int
    left_out: int
    key_results: tuple[str, ...]
    parent: str | None
    counts: bool
    weight: float
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleView:
    """A cycle. `ends` is its last day; `closed`: its values are final."""

    id: int
    slug: str
    name: str
    starts: date
    ends: date
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleView:
    """A mapping rule as configured: a condition or a query."""

    id: int
    slug: str
    owner: str | None
    connection: str
    key_result: str
    when: Mapping[str, Any] | None
    query: str | None
    state: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeView:
    """A watched repository or project. `gone` is the reason why it can no longer be watched."""

    name: str
    covered_at: datetime | None
    gone: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionView:
    """A connection without its credentials. `stale`: since when and why the tracker refuses them."""

    id: int
    slug: str
    kind: str
    site: str
    owner: str | None
    earlier: str | None
    stale: Stale | None
    scopes: tuple[ScopeView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryView:
    """A received delivery without its body. `state` is due, settled or buried; `outcome` is the result as text."""

    id: int
    delivery: str
    connection: str
    name: str
    received_at: datetime
    state: str
    outcome: str
    attempts: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """A notice to a person about a key result. `state` is as for deliveries."""

    id: int
    created_at: datetime
    person: str
    key_result: str
    change: Change
    state: str
    outcome: str
    due_at: datetime | None


def objectives(tx: Transaction, *, after: int | None, limit: int) -> list[ObjectiveView]:
    """Return objectives in order of creation, those after the row id `after`."""
    o, p, t = tables.live_objective, tables.person, tables.team
    above = o.alias("above")
    columns = sa.select(o, tables.live_cycle.c.slug.label("cycle"), t.c.slug.label("team"), p.c.email.label("owner"))
    joined = (
        columns.add_columns(above.c.slug.label("parent"))
        .join(tables.live_cycle, tables.live_cycle.c.id == o.c.cycle_id)
        .outerjoin(t, t.c.id == o.c.team_id)
        .outerjoin(p, p.c.id == o.c.owner_id)
        .outerjoin(above, above.c.id == o.c.parent_id)
    )
    rows = tx.execute(_from(joined, o, after, limit)).all()
    ids = [row.id for row in rows]
    key_results, rolled = _key_results(tx, ids), roll_ups(tx, ids)
    return [_objective(row, key_results[row.id], rolled[row.id]) for row in rows]


def _key_results(tx: Transaction, objective_ids: Sequence[int]) -> dict[int, list[str]]:
    k = tables.live_key_result
    columns: sa.Select[Any] = sa.select(k.c.objective_id, k.c.slug)
    key_results: dict[int, list[str]] = {one: [] for one in objective_ids}
    for row in tx.execute(columns.where(k.c.objective_id.in_(objective_ids)).order_by(k.c.position, k.c.id)):
        key_results[row.objective_id].append(row.slug)
    return key_results


def _objective(row: Row[Any], key_results: Sequence[str], rolled: RollUp) -> ObjectiveView:
    return ObjectiveView(
        id=row.id,
        slug=row.slug,
        title=row.title,
        cycle=row.cycle,
        team=row.team,
        owner=row.owner,
        progress=rolled.progress,
        roll_up=row.roll_up,
        without_data=rolled.without_data,
        left_out=rolled.left_out,
        key_results=tuple(key_results),
        parent=row.parent,
        counts=row.counts,
        weight=row.weight,
        children=tuple(one.slug for one in rolled.children),
    )


def cycles(tx: Transaction, now: datetime, *, after: int | None, limit: int) -> list[CycleView]:
    """Return cycles in order of creation, those after the row id `after`."""
    c = tables.live_cycle
    freezes_at = freeze_times(tx)
    return [
        CycleView(
            id=row.id,
            slug=row.slug,
            name=row.name,
            starts=row.starts,
            ends=row.ends,
            closed=freezes_at[row.slug] <= now,
        )
        for row in tx.execute(_from(sa.select(c), c, after, limit))
    ]


def rules(tx: Transaction, *, after: int | None, limit: int) -> list[RuleView]:
    """Return rules in order of creation, those after the row id `after`."""
    r, c, k = tables.rule, tables.live_connection, tables.live_key_result
    joined = (
        sa.select(r, c.c.slug.label("connection"), k.c.slug.label("key_result"), tables.person.c.email)
        .join(c, c.c.id == r.c.connection_id)
        .join(k, k.c.id == r.c.key_result_id)
        .outerjoin(tables.person, tables.person.c.id == r.c.owner_id)
    )
    return [
        RuleView(
            id=row.id,
            slug=row.slug,
            owner=row.email,
            connection=row.connection,
            key_result=row.key_result,
            when=row.condition or None,
            query=row.query,
            state=row.state,
            enabled=RuleState(row.state).matches,
        )
        for row in tx.execute(_from(joined, r, after, limit))
    ]


def connections(tx: Transaction, *, after: int | None, limit: int) -> list[ConnectionView]:
    """Return connections in order of creation, those after the row id `after`."""
    c, p = tables.live_connection, tables.person
    columns = sa.select(c.c.id, c.c.slug, c.c.kind, c.c.site, c.c.earlier, c.c.refused_at, c.c.refused_reason)
    joined = columns.add_columns(p.c.email).outerjoin(p, p.c.id == c.c.owner_id)
    rows = tx.execute(_from(joined, c, after, limit)).all()
    scopes = _scopes(tx, [row.id for row in rows])
    return [
        ConnectionView(
            id=row.id,
            slug=row.slug,
            kind=row.kind,
            site=row.site,
            owner=row.email,
            earlier=row.earlier,
            stale=Stale(row.refused_at, row.refused_reason) if row.refused_at else None,
            scopes=tuple(scopes[row.id]),
        )
        for row in rows
    ]


def _scopes(tx: Transaction, connection_ids: Sequence[int]) -> dict[int, list[ScopeView]]:
    s = tables.live_scope
    scopes: dict[int, list[ScopeView]] = {one: [] for one in connection_ids}
    for row in tx.execute(sa.select(s).where(s.c.connection_id.in_(connection_ids)).order_by(s.c.name)):
        scopes[row.connection_id].append(ScopeView(name=row.name, covered_at=row.covered_at, gone=row.gone_reason))
    return scopes


def deliveries(tx: Transaction, *, before: int | None, limit: int) -> list[DeliveryView]:
    """Return deliveries, the newest first, those with a row id below `before`."""
    d, c = tables.delivery, tables.live_connection
    columns = sa.select(
        d.c.id, d.c.delivery_id, d.c.name, d.c.received_at, d.c.settled_at, d.c.buried_at, d.c.outcome, d.c.attempts
    )
    joined = columns.add_columns(d.c.due_at, c.c.slug).join(c, c.c.id == d.c.connection_id)
    return [
        DeliveryView(
            id=row.id,
            delivery=row.delivery_id,
            connection=row.slug,
            name=row.name,
            received_at=row.received_at,
            state=_state(row),
            outcome=row.outcome,
            attempts=row.attempts,
            due_at=row.due_at,
        )
        for row in tx.execute(_before(joined, d, before, limit))
    ]


def notices(tx: Transaction, *, before: int | None, limit: int) -> list[NoticeView]:
    """Return notices, the newest first, those with a row id below `before`."""
    n, p, k = tables.notice, tables.person, tables.live_key_result
    columns = sa.select(n, p.c.email, k.c.slug)
    joined = columns.join(p, p.c.id == n.c.person_id).join(k, k.c.id == n.c.key_result_id)
    return [
        NoticeView(
            id=row.id,
            created_at=row.created_at,
            person=row.email,
            key_result=row.slug,
            change=change_of(row),
            state=_state(row),
            outcome=row.outcome,
            due_at=row.due_at,
        )
        for row in tx.execute(_before(joined, n, before, limit))
    ]


def _state(row: Row[Any]) -> str:
    if row.due_at is not None:
        return "due"
    return "buried" if row.buried_at is not None else "settled"


def _from(statement: sa.Select[Any], table: sa.FromClause, after: int | None, limit: int) -> sa.Select[Any]:
    return statement.where(table.c.id > (after or 0)).order_by(table.c.id).limit(limit)


def _before(statement: sa.Select[Any], table: sa.Table, before: int | None, limit: int) -> sa.Select[Any]:
    older = sa.true() if before is None else table.c.id < before
    return statement.where(older).order_by(table.c.id.desc()).limit(limit)
