"""What people ask of a key result: how it stands, which issues it counts, and what moved it.

The command line, the pages and the API all read through here, so that they can't tell different stories.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Row

from sync_service.domain.causes import Cause
from sync_service.domain.issues import State
from sync_service.domain.measures import Measure, parse_measure
from sync_service.domain.pace import Span, Status
from sync_service.store import tables
from sync_service.store.key_results import from_columns
from sync_service.store.links import counts


@dataclass(frozen=True, slots=True)
class Stale:
    """Since when the value may be out of date, and why: a tracker refuses our credentials."""

    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyResultView:
    """How a key result stands. `owner` is an e-mail address, the objective's owner by default.

    `current`, `start` and `target` are in `unit`; `progress` is an unclamped fraction; `current` and `progress` are
    None when there is no data. `explanation` says how the value was computed; `updated_at` is its last change.
    """

    id: int
    slug: str
    title: str
    owner: str | None
    owner_name: str | None
    objective: str
    objective_title: str
    cycle: str
    weight: float
    measure: Mapping[str, Any]
    start: float
    target: float
    unit: str
    current: float | None
    progress: float | None
    status: Status
    stale: Stale | None
    updated_at: datetime | None
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueView:
    """One linked issue. `origin` is the strongest of its links': manual, label or rule; `rules` names the rules.

    `state` is None for a manual link whose issue was not seen yet. `why_not` says why it does not count.
    """

    connection: str
    key: str
    weight: float
    origin: str
    counts: bool
    why_not: str | None
    title: str = ""
    url: str = ""
    kind: str = "issue"
    type: str | None = None
    state: State | None = None
    resolution: str | None = None
    assignees: tuple[str, ...] = ()
    points: float | None = None
    closed_at: datetime | None = None
    rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryView:
    """One change of the value, with its causes. `id` is the place to go on from for older ones."""

    id: int
    at: datetime
    before: float | None
    after: float | None
    causes: tuple[Cause, ...]


def key_result_view(tx: Connection, slug: str, now: datetime) -> KeyResultView | None:
    """Give a key result by its slug, in any case of letters; None where there is none."""
    k = tables.key_result
    found = _key_results(tx, sa.func.lower(k.c.slug) == slug.lower(), now)
    return found[0] if found else None


def key_result_views(tx: Connection, now: datetime, *, cycle: str | None = None) -> list[KeyResultView]:
    """Give the key results of a cycle (by its slug), or all, in the order they were written."""
    return _key_results(tx, sa.true() if cycle is None else tables.cycle.c.slug == cycle, now)


def _key_results(tx: Connection, where: sa.ColumnElement[bool], now: datetime) -> list[KeyResultView]:
    k, o, c, p = tables.key_result, tables.objective, tables.cycle, tables.person
    statement = (
        sa.select(
            k,
            o.c.slug.label("objective"),
            o.c.title.label("objective_title"),
            c.c.slug.label("cycle"),
            c.c.starts_at,
            c.c.ends_at,
            p.c.email,
            p.c.name,
        )
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .outerjoin(p, p.c.id == sa.func.coalesce(k.c.owner_id, o.c.owner_id))
        .where(where)
        .order_by(o.c.position, o.c.id, k.c.position, k.c.id)
    )
    rows = tx.execute(statement).all()
    stale = _stale(tx, [row.id for row in rows])
    return [_key_result(row, stale.get(row.id), now) for row in rows]


def _key_result(row: Row[Any], stale: Stale | None, now: datetime) -> KeyResultView:
    frozen = Span(row.starts_at, row.ends_at).frozen(now)
    return KeyResultView(
        id=row.id,
        slug=row.slug,
        title=row.title,
        owner=row.email,
        owner_name=row.name,
        objective=row.objective,
        objective_title=row.objective_title,
        cycle=row.cycle,
        weight=row.weight,
        measure=row.measure,
        start=row.start,
        target=row.target,
        unit=row.unit,
        current=row.current,
        progress=row.progress,
        status=Status.CLOSED if frozen else Status(row.status),
        stale=None if frozen else stale,
        updated_at=row.updated_at,
        explanation=row.explanation,
    )


def _stale(tx: Connection, key_result_ids: Sequence[int]) -> dict[int, Stale]:
    """Find the refused connections that key results reach by an enabled rule or a linked issue; the longest wins."""
    r, n, i = tables.rule, tables.link, tables.issue
    by_rule = sa.select(r.c.key_result_id, r.c.connection_id).where(r.c.key_result_id.in_(key_result_ids), r.c.enabled)
    by_link = (
        sa.select(n.c.key_result_id, i.c.connection_id)
        .join(i, i.c.id == n.c.issue_id)
        .where(n.c.key_result_id.in_(key_result_ids), counts)
    )
    reached = by_rule.union(by_link).subquery()
    refusing = tables.connection
    statement = (
        sa.select(reached.c.key_result_id, refusing.c.slug, refusing.c.refused_at, refusing.c.refused_reason)
        .join(refusing, refusing.c.id == reached.c.connection_id)
        .where(refusing.c.refused_at.isnot(None))
        .order_by(refusing.c.refused_at, refusing.c.id)
    )
    found: dict[int, Stale] = {}
    for row in tx.execute(statement):
        found.setdefault(row.key_result_id, Stale(row.refused_at, f"{row.slug}: {row.refused_reason}"))
    return found


def issues_view(tx: Connection, key_result_id: int) -> list[IssueView]:
    """Give the issues linked to a key result, open ones first, then by connection and key; and links still waiting."""
    k, o, c = tables.key_result, tables.objective, tables.cycle
    settings = tx.execute(
        sa.select(k.c.measure, c.c.starts_at, c.c.ends_at)
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .where(k.c.id == key_result_id)
    ).one()
    measure, span = parse_measure(settings.measure), Span(settings.starts_at, settings.ends_at)
    grouped: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(_linked(key_result_id)):
        grouped[row.id].append(row)
    seen = [_issue(rows, measure, span) for rows in grouped.values()]
    return sorted(seen, key=_place) + _waiting(tx, key_result_id)


def _linked(key_result_id: int) -> sa.Select[Any]:
    i, n, v = tables.issue, tables.link, tables.rule_revision.alias()
    return (
        sa.select(i, n.c.origin, n.c.weight, v.c.rule_slug, tables.connection.c.slug.label("connection"))
        .join(i, i.c.id == n.c.issue_id)
        .join(tables.connection, tables.connection.c.id == i.c.connection_id)
        .outerjoin(v, sa.and_(v.c.id == n.c.source, n.c.origin == "rule"))
        .where(n.c.key_result_id == key_result_id, counts)
        .order_by(n.c.id)
    )


_STRENGTH = ("manual", "label", "comment", "rule")
_ORDER = (State.DOING, State.TODO, State.DONE, State.DROPPED)


def _place(one: IssueView) -> tuple[int, str, int, str]:
    return (_ORDER.index(one.state) if one.state else len(_ORDER), one.connection, len(one.key), one.key)


def _issue(rows: Sequence[Row[Any]], measure: Measure, span: Span) -> IssueView:
    row = rows[0]
    state = State(row.state) if row.state else None
    why_not = _why_not(row, state, measure, span)
    return IssueView(
        connection=row.connection,
        key=row.key,
        title=row.title or "",
        url=row.url or "",
        kind=row.kind or "issue",
        type=row.type,
        state=state,
        resolution=row.resolution,
        assignees=tuple(name for _, name in row.assignees),
        points=row.points,
        closed_at=row.closed_at,
        # A weight by hand stands above all others, as in `links.weigh`.
        weight=float(max((one.origin == "manual", one.weight) for one in rows)[1]),
        origin=min((one.origin for one in rows), key=_STRENGTH.index),
        rules=tuple(sorted({one.rule_slug for one in rows if one.rule_slug})),
        counts=why_not is None,
        why_not=why_not,
    )


def _why_not(row: Row[Any], state: State | None, measure: Measure, span: Span) -> str | None:
    if measure.kind == "manual":
        return "the value is set by check-ins"
    if row.gone:
        return str(row.gone)
    if state is State.DROPPED:
        reason = (row.resolution or "").replace("_", " ")
        return f"dropped: {reason}" if reason else "dropped"
    outside = row.closed_at is None or not span.starts_at <= row.closed_at < span.ends_at
    if measure.kind == "done-count" and measure.within == "cycle" and state is State.DONE and outside:
        return "closed outside the cycle"
    return None


def _waiting(tx: Connection, key_result_id: int) -> list[IssueView]:
    """Give the links by hand whose issue no delivery has shown yet."""
    m = tables.manual_link
    statement = (
        sa.select(m.c.key, m.c.weight, tables.connection.c.slug)
        .join(tables.connection, tables.connection.c.id == m.c.connection_id)
        .where(m.c.key_result_id == key_result_id, m.c.issue_id.is_(None))
        .order_by(tables.connection.c.slug, m.c.key)
    )
    return [
        IssueView(
            connection=row.slug,
            key=row.key,
            weight=row.weight,
            origin="manual",
            counts=False,
            why_not="not seen yet",
        )
        for row in tx.execute(statement)
    ]


def history_view(
    tx: Connection, key_result_id: int, *, before: int | None = None, limit: int = 50
) -> list[HistoryView]:
    """Give the newest changes of a key result's value, newest first; those older than the entry `before`."""
    h = tables.history
    older = sa.true() if before is None else h.c.id < before
    columns = sa.select(h.c.id, h.c.at, h.c["from"].label("before"), h.c.to.label("after"), h.c.causes)
    found = columns.where(h.c.key_result_id == key_result_id, older).order_by(h.c.id.desc()).limit(limit)
    return [
        HistoryView(
            id=row.id,
            at=row.at,
            before=row.before,
            after=row.after,
            causes=tuple(from_columns(columns) for columns in row.causes),
        )
        for row in tx.execute(found)
    ]
