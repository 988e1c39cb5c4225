"""Views of the issues linked to a key result: for each, whether it counts and why not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.measures.settings import Measure, parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.trackers.closing_date import ClosingSource
from sync_service.domain.trackers.observations import State, TermKind
from sync_service.store import tables
from sync_service.store.okrs.linked_issues import counting_through, counts
from sync_service.store.okrs.team_settings import team_settings
from sync_service.store.queue.fetch_requests import UNREACHABLE
from sync_service.store.trackers import siblings
from sync_service.store.trackers.terms import TermKey, read_terms


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueView:
    """One linked issue. `origin` is that of its strongest link: manual, label, comment or rule; `rules` are the slugs.

    `state` is None for a manual link whose issue is not known yet. `why_not` says why it does not count.
    `unreachable_since` is when it was last seen, if a later fetch found nothing: deleted without a delivery, or hidden.
    `unreachable_reason` is what the tracker said then.
    `points_unknown`: the measure counts points, but they are unknown, so it counts as an issue without points.
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
    priority: str | None = None
    components: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    sprints: tuple[str, ...] = ()
    author: str | None = None
    assignees: tuple[str, ...] = ()
    points: float | None = None
    points_unknown: bool = False
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    closed_at: datetime | None = None
    closed_at_source: ClosingSource | None = None
    rules: tuple[str, ...] = ()
    unreachable_since: datetime | None = None
    unreachable_reason: str | None = None


def issue_view(tx: Transaction, key_result_id: int, issue_id: int) -> IssueView | None:
    """Return one of the issues linked to a key result, by its row id; None where it is not linked."""
    found = [one for one in _issues(tx, key_result_id, None if siblings.groups(tx) else issue_id) if one[0] == issue_id]
    return found[0][1] if found else None


def serves(tx: Transaction, issue_id: int) -> list[int]:
    """Return the key results that an issue is linked to, by id."""
    n = tables.link
    mine = sa.select(n.c.key_result_id).where(n.c.issue_id == issue_id, counts).distinct()
    return sorted(tx.scalars(mine))


def issues_view(tx: Transaction, key_result_id: int) -> list[IssueView]:
    """Return the issues linked to a key result, open ones first, by connection and key; then links without an issue."""
    seen = [one for _, one in _issues(tx, key_result_id)]
    return sorted(seen, key=_sort_key) + _waiting(tx, key_result_id)


def _issues(tx: Transaction, key_result_id: int, issue_id: int | None = None) -> list[tuple[int, IssueView]]:
    """Return the issues linked to a key result, or one of them, each with its row id."""
    k, o, c = tables.live_key_result, tables.live_objective, tables.live_cycle
    settings = tx.execute(
        sa.select(k.c.measure, c.c.starts, c.c.ends, o.c.team_id)
        .join(o, o.c.id == k.c.objective_id)
        .join(c, c.c.id == o.c.cycle_id)
        .where(k.c.id == key_result_id)
    ).one()
    measure = parse_measure(settings.measure)
    span = team_settings(tx).of(settings.team_id).span(settings.starts, settings.ends)
    grouped: dict[int, list[Row[Any]]] = defaultdict(list)
    linked = _linked(key_result_id)
    for row in tx.execute(linked if issue_id is None else linked.where(tables.issue.c.id == issue_id)):
        grouped[row.id].append(row)
    through, first = counting_through(tx, key_result_id), _first_rows(tx, grouped)
    names = _term_names(tx, [rows[0] for rows in grouped.values()])
    return [
        (
            one,
            _issue(
                rows,
                names,
                first.get(one) or _why_not(rows[0], measure, span, through.get(one)),
                by_points=measure.weight == "points",
            ),
        )
        for one, rows in grouped.items()
    ]


def _first_rows(tx: Transaction, grouped: Mapping[int, Sequence[Row[Any]]]) -> dict[int, str]:
    """Return why rows do not count whose issue counts already through a row of a sibling connection, by row id."""
    groups = siblings.groups(tx)
    first: dict[tuple[int, str], Row[Any]] = {}
    again: dict[int, str] = {}
    for issue_id, (row, *_) in sorted(grouped.items()):
        site = (groups.get(row.connection_id, row.connection_id), row.identity)
        if site in first:
            again[issue_id] = f"the same issue counts through connection {first[site].connection}"
        first.setdefault(site, row)
    return again


def _linked(key_result_id: int) -> sa.Select[Any]:
    i, n, v = tables.issue, tables.link, tables.rule_revision.alias()
    return (
        sa.select(
            i,
            n.c.origin,
            n.c.weight,
            v.c.rule_slug,
            tables.live_connection.c.slug.label("connection"),
            _unreachable().label("unreachable"),
        )
        .join(i, i.c.id == n.c.issue_id)
        .join(tables.live_connection, tables.live_connection.c.id == i.c.connection_id)
        .outerjoin(v, sa.and_(v.c.id == n.c.source, n.c.origin == "rule"))
        .where(n.c.key_result_id == key_result_id, counts)
        .order_by(n.c.id)
    )


def _unreachable() -> sa.ScalarSelect[str]:
    """Return SQL for the outcome of an issue's last fetch, if it found nothing and the issue was not seen since."""
    i, f = tables.issue, tables.fetch_request
    same = sa.and_(f.c.connection_id == i.c.connection_id, f.c.identity == i.c.identity)
    ended = sa.func.coalesce(f.c.settled_at, f.c.buried_at)
    later = sa.or_(ended.is_(None), i.c.seen_at.is_(None), ended > i.c.seen_at)
    found_nothing = sa.and_(f.c.outcome.startswith(UNREACHABLE), later, i.c.gone_reason.is_(None))
    return sa.select(f.c.outcome).where(same, found_nothing).scalar_subquery()


_TERMS = {"components": TermKind.COMPONENT, "versions": TermKind.VERSION, "sprints": TermKind.SPRINT}


def _term_names(tx: Transaction, rows: Sequence[Row[Any]]) -> Mapping[TermKey, str | None]:
    """Return the names of components, versions and sprints of issues."""
    keys = {
        (row.connection_id, kind.value, one) for row in rows for name, kind in _TERMS.items()
        for one in getattr(row, name) or ()
    }  # fmt: skip
    return {key: found.name for key, found in read_terms(tx, keys).items()}


def _named(row: Row[Any], name: str, names: Mapping[TermKey, str | None]) -> tuple[str, ...]:
    keys = [(row.connection_id, _TERMS[name].value, one) for one in getattr(row, name) or ()]
    return tuple(sorted(shown for key in keys if (shown := names.get(key, key[2]))))


_STRENGTH = ("manual", "label", "comment", "rule")
_ORDER = (State.DOING, State.TODO, State.DONE, State.DROPPED)


def _sort_key(one: IssueView) -> tuple[int, str, int, str]:
    return (_ORDER.index(one.state) if one.state else len(_ORDER), one.connection, len(one.key), one.key)


def _issue(
    rows: Sequence[Row[Any]], names: Mapping[TermKey, str | None], why_not: str | None, *, by_points: bool
) -> IssueView:
    row = rows[0]
    return IssueView(
        connection=row.connection,
        key=row.key,
        title=row.title or "",
        url=row.url or "",
        kind=row.kind or "issue",
        type=row.type,
        state=State(row.state) if row.state else None,
        resolution=row.resolution,
        priority=row.priority,
        components=_named(row, "components", names),
        versions=_named(row, "versions", names),
        sprints=_named(row, "sprints", names),
        author=row.author[1] if row.author else None,
        assignees=tuple(account[1] for account in row.assignees),
        points=row.points,
        points_unknown=by_points and why_not is None and row.points is None and row.points_at is None,
        numbers={name: value for name, value, _ in row.numbers or ()},
        closed_at=row.closed_at,
        closed_at_source=ClosingSource(row.closed_at_source) if row.closed_at_source else None,
        # A manual link's weight wins, as in `linked_issues.weighed`.
        weight=float(max((one.origin == "manual", one.weight) for one in rows)[1]),
        origin=min((one.origin for one in rows), key=_STRENGTH.index),
        rules=tuple(sorted({one.rule_slug for one in rows if one.rule_slug})),
        counts=why_not is None,
        why_not=why_not,
        unreachable_since=(row.seen_at or row.updated_at) if row.unreachable else None,
        unreachable_reason=row.unreachable.partition(": ")[2] or None if row.unreachable else None,
    )


def _why_not(row: Row[Any], measure: Measure, span: Span, through: Sequence[str] | None) -> str | None:
    if measure.kind == "manual":
        return "the value is set by check-ins"
    if row.gone_reason:
        return str(row.gone_reason)
    if through:
        return f"counts through {' and '.join(through)}, which it closes"
    if row.state == State.DROPPED:
        reason = (row.resolution or "").replace("_", " ")
        return f"dropped: {reason}" if reason else "dropped"
    outside = row.closed_at is None or not span.starts_at <= row.closed_at < span.ends_at
    if measure.kind == "done-count" and measure.within == "cycle" and row.state == State.DONE and outside:
        return "closed outside the cycle"
    return None


def _waiting(tx: Transaction, key_result_id: int) -> list[IssueView]:
    """Return the manual links whose issue is not known yet."""
    m = tables.manual_link
    statement = (
        sa.select(m.c.key, m.c.weight, tables.live_connection.c.slug)
        .join(tables.live_connection, tables.live_connection.c.id == m.c.connection_id)
        .where(m.c.key_result_id == key_result_id, m.c.issue_id.is_(None))
        .order_by(tables.live_connection.c.slug, m.c.key)
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
