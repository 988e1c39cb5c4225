"""Links: which issues count toward which key results, and the tallies that measures are computed from."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection, Row

from sync_service.domain.issues import State
from sync_service.domain.measures import Tally
from sync_service.store import closings
from sync_service.store.database import among
from sync_service.store.tables import cycle, issue, key_result, link, manual_link, objective, rule_revision
from sync_service.store.tables.columns import Id

LinkKey = tuple[int, str, int]
"""A key result's id, the origin of the link, and its source: a revision's or manual link's id, 0 for a label."""

Links = dict[LinkKey, float]
"""Links of one issue, with their weights."""

counts = sa.or_(
    link.c.origin != "rule",
    sa.exists().where(rule_revision.c.id == link.c.source, rule_revision.c.state == "active"),
)
"""The links that count: those of a pending revision of a rule are kept ready, and do not count yet."""


def read(tx: Connection, issue_ids: Collection[int]) -> dict[int, Links]:
    """Read the links of issues, those of pending revisions included."""
    found: dict[int, Links] = defaultdict(dict)
    for row in tx.execute(sa.select(link).where(link.c.issue_id.in_(issue_ids))):
        found[row.issue_id][row.key_result_id, row.origin, row.source] = row.weight
    return found


def of_revisions(tx: Connection, revision_ids: Collection[int]) -> set[int]:
    """Give the ids of the issues that revisions of rules link."""
    mine = sa.select(link.c.issue_id).where(link.c.origin == "rule", link.c.source.in_(revision_ids))
    return set(tx.scalars(mine))


def save(tx: Connection, changes: Mapping[int, tuple[Links, Links]]) -> None:
    """Make the links of each issue what they should be; each issue comes with its links before and after."""
    removed, added = [], []
    for issue_id, (before, after) in changes.items():
        removed += [(issue_id, *key) for key in before if before[key] != after.get(key)]
        added += [(issue_id, *key, after[key]) for key in after if before.get(key) != after[key]]
    if removed:
        columns = ("issue_id", "key_result_id", "origin", "source")
        matching = [link.c[name] == sa.bindparam(f"old_{name}") for name in columns]
        parameters = [{f"old_{name}": value for name, value in zip(columns, row, strict=True)} for row in removed]
        tx.execute(sa.delete(link).where(*matching), parameters)
    if added:
        names = ("issue_id", "key_result_id", "origin", "source", "weight")
        tx.execute(sa.insert(link), [dict(zip(names, row, strict=True)) for row in added])


def manual(
    tx: Connection, connection_id: int, issue_ids: Collection[int], keys: Mapping[str, int]
) -> dict[int, list[Row[Any]]]:
    """Find the manual links of issues by their ids; those that wait for an issue find it by key (key → issue id)."""
    by_key = {key.lower(): issue_id for key, issue_id in keys.items()}  # GitHub's names have no case
    wanted = sa.or_(
        manual_link.c.issue_id.in_(issue_ids),
        sa.and_(
            manual_link.c.issue_id.is_(None),
            manual_link.c.connection_id == connection_id,
            sa.func.lower(manual_link.c.key).in_(by_key),
        ),
    )
    found: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in tx.execute(sa.select(manual_link).where(wanted)):
        found[row.issue_id or by_key[row.key.lower()]].append(row)
    return found


def settle_manual(tx: Connection, found: Mapping[int, Iterable[Row[Any]]]) -> None:
    """Remember which issue a manual link means, so that it follows the issue to a new key."""
    waiting = [
        {"row_id": row.id, "found": issue_id} for issue_id, rows in found.items() for row in rows if not row.issue_id
    ]
    if waiting:
        statement = sa.update(manual_link).where(manual_link.c.id == sa.bindparam("row_id"))
        tx.execute(statement.values(issue_id=sa.bindparam("found")), waiting)


def follow(tx: Connection, *, connection_id: int, from_issue_id: int, from_key: str, to_key: str) -> None:
    """Point the manual links of an issue that was transferred at its new key, to be found when that is seen.

    Those that still waited for the issue by its key go along.
    """
    there = sa.and_(manual_link.c.connection_id == connection_id, sa.func.lower(manual_link.c.key) == to_key.lower())
    taken = sa.select(manual_link.c.key_result_id).where(there).scalar_subquery()
    waiting = sa.and_(
        manual_link.c.issue_id.is_(None),
        manual_link.c.connection_id == connection_id,
        sa.func.lower(manual_link.c.key) == from_key.lower(),
    )
    statement = sa.update(manual_link).where(sa.or_(manual_link.c.issue_id == from_issue_id, waiting))
    tx.execute(statement.where(manual_link.c.key_result_id.notin_(taken)).values(key=to_key, issue_id=None))


def weigh() -> sa.Select[Any]:
    """Select one row for each issue that counts toward a key result: its weight, a manual one above all others."""
    return _weigh(link).where(counts)


def _weigh(linked: sa.FromClause) -> sa.Select[Any]:
    by_hand = sa.func.max(sa.case((linked.c.origin == "manual", linked.c.weight)))
    weight = sa.func.coalesce(by_hand, sa.func.max(linked.c.weight)).label("weight")
    return sa.select(linked.c.key_result_id, linked.c.issue_id, weight).group_by(
        linked.c.key_result_id, linked.c.issue_id
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """Links as they would be: those of the revisions `without` taken out, those of a rule to `issue_ids` put in."""

    without: Collection[int]
    key_result_id: int
    issue_ids: Sequence[int]


def _linked(tx: Connection, key_result_ids: Sequence[int], supposed: Supposed | None) -> sa.FromClause:
    """Give the links of key results that count, as they are or as they would be."""
    columns = (link.c.key_result_id, link.c.issue_id, link.c.origin, link.c.weight)
    # As a join, unlike `counts`: where there are many links, PostgreSQL would look through every revision there is.
    active = sa.and_(link.c.origin == "rule", rule_revision.c.id == link.c.source, rule_revision.c.state == "active")
    kept = (
        sa.select(*columns)
        .outerjoin(rule_revision, active)
        .where(
            among(tx, link.c.key_result_id, key_result_ids),
            sa.or_(link.c.origin != "rule", rule_revision.c.id.isnot(None)),
        )
    )
    if supposed is None:
        return kept.subquery()
    taken_out = sa.and_(link.c.origin == "rule", link.c.source.in_(supposed.without))
    matched = _as_table(tx, supposed.issue_ids)
    put_in = sa.select(
        sa.literal(supposed.key_result_id, Id).label("key_result_id"),
        matched.c.value.label("issue_id"),
        sa.literal("rule").label("origin"),
        sa.literal(1.0).label("weight"),
    )
    return kept.where(sa.not_(taken_out)).union_all(put_in).subquery()


Pairs = Sequence[tuple[int, int]]
"""Key results with issues, by their row ids."""


def _pairs_as_table(tx: Connection, pairs: Pairs) -> sa.FromClause:
    """Hand pairs over as one parameter or two, however many there are, to be selected from."""
    if tx.dialect.name == "sqlite":
        each = sa.func.json_each(json.dumps(pairs)).table_valued(sa.column("value", sa.Text))
        first, second = (sa.func.json_extract(each.c.value, f"$[{place}]", type_=Id) for place in (0, 1))
        return sa.select(first.label("key_result_id"), second.label("issue_id")).subquery()
    arrays = (sa.cast([pair[place] for pair in pairs], postgresql.ARRAY(sa.BigInteger)) for place in (0, 1))
    columns = (sa.column("key_result_id", Id), sa.column("issue_id", Id))
    return sa.func.unnest(*arrays).table_valued(*columns).render_derived()


def _as_table(tx: Connection, ids: Sequence[int]) -> sa.FromClause:
    """Hand ids over as one parameter, however many there are, to be selected from as `value`."""
    if tx.dialect.name == "sqlite":
        return sa.func.json_each(json.dumps(list(ids))).table_valued(sa.column("value", Id))
    array = sa.cast(list(ids), postgresql.ARRAY(sa.BigInteger))
    return sa.func.unnest(array).table_valued(sa.column("value", Id)).render_derived()


def tallies(
    tx: Connection, key_result_ids: Sequence[int], *, supposed: Supposed | None = None
) -> dict[int, list[Tally]]:
    """Tally the issues that count toward each key result, or would count.

    A pull request is left out where an issue that it closes is linked to the same key result: the issue counts. Which
    those are, rarely any, is asked first: as a part of the other question it would be the dearest one.
    """
    through = closings.through(*(_linked(tx, key_result_ids, supposed) for _ in range(2)))
    beside = sorted({(row.key_result_id, row.issue_id) for row in tx.execute(through)})
    found: dict[int, list[Tally]] = defaultdict(list)
    for row in tx.execute(_counted(tx, key_result_ids, supposed, beside)):
        found[row.key_result_id].append(
            Tally(
                state=State(row.state),
                in_cycle=bool(row.in_cycle),
                issues=row.issues,
                weight=float(row.weight),
                points=float(row.points),
                unestimated=float(row.unestimated),
            )
        )
    return found


def _counted(tx: Connection, key_result_ids: Sequence[int], supposed: Supposed | None, beside: Pairs) -> sa.Select[Any]:
    """Select the tallies of key results, without the pairs that are only shown beside."""
    linked = _linked(tx, key_result_ids, supposed)
    counted = (
        _weigh(linked)
        .add_columns(cycle.c.starts_at, cycle.c.ends_at)
        .join(key_result, key_result.c.id == linked.c.key_result_id)
        .join(objective, objective.c.id == key_result.c.objective_id)
        .join(cycle, cycle.c.id == objective.c.cycle_id)
        .group_by(cycle.c.starts_at, cycle.c.ends_at)
        .subquery()
    )
    one = _one_by_one(tx, counted.c.issue_id)
    in_cycle = sa.func.coalesce(
        sa.and_(one.c.closed_at >= counted.c.starts_at, one.c.closed_at < counted.c.ends_at), sa.false()
    ).label("in_cycle")
    points = sa.func.sum(sa.case((one.c.points.isnot(None), counted.c.weight * one.c.points), else_=0.0))
    unestimated = sa.func.sum(sa.case((one.c.points.is_(None), counted.c.weight), else_=0.0))
    statement = (
        sa.select(
            counted.c.key_result_id,
            one.c.state,
            in_cycle,
            sa.func.count().label("issues"),
            sa.func.sum(counted.c.weight).label("weight"),
            points.label("points"),
            unestimated.label("unestimated"),
        )
        .join(one, one.c.id == counted.c.issue_id)
        .group_by(counted.c.key_result_id, one.c.state, in_cycle)
    )
    if not beside:
        return statement
    left = _pairs_as_table(tx, beside)
    is_left = sa.and_(left.c.key_result_id == counted.c.key_result_id, left.c.issue_id == counted.c.issue_id)
    return statement.where(~sa.exists().where(is_left))


def _one_by_one(tx: Connection, issue_id: sa.ColumnElement[int]) -> sa.FromClause:
    """Give the issues of linked ids, to be joined by them.

    PostgreSQL takes a batch's ten thousand for so many that it would rather read all issues there are. It has to fetch
    each by its id here, since it can't look into what has an offset.
    """
    if tx.dialect.name != "postgresql":
        return issue
    columns = (issue.c.id, issue.c.state, issue.c.closed_at, issue.c.points)
    return sa.select(*columns).where(issue.c.id == issue_id).offset(0).lateral()


def counting_through(tx: Connection, key_result_id: int) -> dict[int, list[str]]:
    """Give the pull requests (by row id) that count through issues linked to the same key result, with their keys."""
    found: dict[int, list[str]] = defaultdict(list)
    beside = closings.through(*(_linked(tx, [key_result_id], None) for _ in range(2)))
    for row in tx.execute(beside.order_by("issue_id", "key")):
        found[row.issue_id].append(row.key)
    return found


def scopes_linked(
    tx: Connection, key_result_ids: Sequence[int], scope_ids: Collection[int], *, supposed: Supposed | None = None
) -> dict[int, list[int]]:
    """Tell which of the scopes the issues are in that are linked to each key result, or would be."""
    if not scope_ids:
        return {}
    found: dict[int, list[int]] = defaultdict(list)
    linked = _linked(tx, key_result_ids, supposed)
    statement = (
        sa.select(linked.c.key_result_id, issue.c.scope_id)
        .join(issue, issue.c.id == linked.c.issue_id)
        .where(issue.c.scope_id.in_(scope_ids))
        .distinct()
    )
    for row in tx.execute(statement):
        found[row.key_result_id].append(row.scope_id)
    return found
