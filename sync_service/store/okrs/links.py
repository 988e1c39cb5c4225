"""Links: which issues count toward which key results; and tallies, the sums that measures are computed from."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.domain.measures.contributions import ClosedWhen, Tally
from sync_service.domain.trackers.observations import CLOSED, State
from sync_service.store.engine.database import among
from sync_service.store.tables import cycle, issue, key_result, link, manual_link, objective, rule_revision
from sync_service.store.tables.columns import Id
from sync_service.store.trackers import closing_links, siblings

LinkKey = tuple[int, str, int]
"""(key result id, origin of the link, source: the id of a rule revision or manual link, 0 for a label)."""

Links = dict[LinkKey, float]
"""The links of one issue with their weights."""

counts = sa.or_(
    link.c.origin != "rule",
    sa.exists().where(rule_revision.c.id == link.c.source, rule_revision.c.state == "active"),
)
"""The SQL condition for links that count: links of a pending rule revision are prepared, but do not count yet."""


def read(tx: Transaction, issue_ids: Collection[int]) -> dict[int, Links]:
    """Return the links of issues, including those of pending revisions."""
    found: dict[int, Links] = defaultdict(dict)
    for row in tx.execute(sa.select(link).where(link.c.issue_id.in_(issue_ids))):
        found[row.issue_id][row.key_result_id, row.origin, row.source] = row.weight
    return found


def of_revisions(tx: Transaction, revision_ids: Collection[int]) -> set[int]:
    """Return the ids of the issues that these rule revisions link."""
    mine = sa.select(link.c.issue_id).where(link.c.origin == "rule", link.c.source.in_(revision_ids))
    return set(tx.scalars(mine))


def save(tx: Transaction, changes: Mapping[int, tuple[Links, Links]]) -> None:
    """Save the changed links of issues: issue id → (links before, links after)."""
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
    tx: Transaction, connection_id: int, issue_ids: Collection[int], keys: Mapping[str, int]
) -> dict[int, list[Row[Any]]]:
    """Return the manual links of issues by issue id; links still without an issue match by key (key → issue id)."""
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


def bind_manual(tx: Transaction, found: Mapping[int, Iterable[Row[Any]]]) -> None:
    """Store the issue id of manual links that were matched by key, so that they follow the issue to a new key."""
    waiting = [
        {"row_id": row.id, "found": issue_id} for issue_id, rows in found.items() for row in rows if not row.issue_id
    ]
    if waiting:
        statement = sa.update(manual_link).where(manual_link.c.id == sa.bindparam("row_id"))
        tx.execute(statement.values(issue_id=sa.bindparam("found")), waiting)


def follow(tx: Transaction, *, connection_id: int, from_issue_id: int, from_key: str, to_key: str) -> None:
    """Give the manual links of a transferred issue its new key, to be matched when the issue is seen there.

    This includes links that were still waiting for the issue by its old key.
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
    """Select one row per issue that counts toward a key result, with its weight: a manual link's weight wins."""
    return _weigh(link).where(counts)


def _weigh(linked: sa.FromClause) -> sa.Select[Any]:
    by_hand = sa.func.max(sa.case((linked.c.origin == "manual", linked.c.weight)))
    weight = sa.func.coalesce(by_hand, sa.func.max(linked.c.weight)).label("weight")
    return sa.select(linked.c.key_result_id, linked.c.issue_id, weight).group_by(
        linked.c.key_result_id, linked.c.issue_id
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewLinks:
    """Links for a preview: without those of the revisions `without`, plus links of a rule to `issue_ids`."""

    without: Collection[int]
    key_result_id: int
    issue_ids: Sequence[int]


def _linked(tx: Transaction, key_result_ids: Sequence[int], supposed: PreviewLinks | None) -> sa.Subquery:
    """Return the links of key results that count: the present ones, or those of a preview."""
    columns = (link.c.key_result_id, link.c.issue_id, link.c.origin, link.c.weight)
    # A join, unlike `counts`: with many links, PostgreSQL would otherwise scan every revision.
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
        return _each_issue_once(tx, kept.subquery())
    taken_out = sa.and_(link.c.origin == "rule", link.c.source.in_(supposed.without))
    matched = _as_table(tx, supposed.issue_ids)
    put_in = sa.select(
        sa.literal(supposed.key_result_id, Id).label("key_result_id"),
        matched.c.value.label("issue_id"),
        sa.literal("rule").label("origin"),
        sa.literal(1.0).label("weight"),
    )
    return _each_issue_once(tx, kept.where(sa.not_(taken_out)).union_all(put_in).subquery())


def _each_issue_once(tx: Transaction, linked: sa.Subquery) -> sa.Subquery:
    """Return links where the rows that siblings have of one issue are one: the first of them."""
    groups = siblings.groups(tx)
    if not groups:
        return linked
    first = siblings.first_of_each(linked, groups).label("issue_id")
    columns = (linked.c.key_result_id, first, linked.c.origin, linked.c.weight)
    return sa.select(*columns).join(issue, issue.c.id == linked.c.issue_id).subquery()


Pairs = Sequence[tuple[int, int]]
"""(key result id, issue id)."""


def _pairs_as_table(tx: Transaction, pairs: Pairs) -> sa.FromClause:
    """Return a table of pairs, passed as one or two parameters whatever their number."""
    if tx.dialect.name == "sqlite":
        each = sa.func.json_each(json.dumps(pairs)).table_valued(sa.column("value", sa.Text))
        first, second = (sa.func.json_extract(each.c.value, f"$[{index}]", type_=Id) for index in (0, 1))
        return sa.select(first.label("key_result_id"), second.label("issue_id")).subquery()
    arrays = (sa.cast([pair[index] for pair in pairs], postgresql.ARRAY(sa.BigInteger)) for index in (0, 1))
    columns = (sa.column("key_result_id", Id), sa.column("issue_id", Id))
    return sa.func.unnest(*arrays).table_valued(*columns).render_derived()


def _as_table(tx: Transaction, ids: Sequence[int]) -> sa.FromClause:
    """Return a table of ids with the column `value`, passed as one parameter whatever their number."""
    if tx.dialect.name == "sqlite":
        return sa.func.json_each(json.dumps(list(ids))).table_valued(sa.column("value", Id))
    array = sa.cast(list(ids), postgresql.ARRAY(sa.BigInteger))
    return sa.func.unnest(array).table_valued(sa.column("value", Id)).render_derived()


def tallies(
    tx: Transaction, key_result_ids: Sequence[int], *, supposed: PreviewLinks | None = None
) -> dict[int, list[Tally]]:
    """Return the tallies of the issues that count toward each key result (or would, in a preview).

    A pull request is left out when an issue that it closes is linked to the same key result: the issue counts. These
    pairs, rarely any, are read first: inside the main statement they would be its most expensive part.
    """
    through = _through(tx, key_result_ids, supposed)
    beside = sorted({(row.key_result_id, row.issue_id) for row in tx.execute(through)})
    sums = ("weight", "number", "weighted_number", "weight_without_number")
    found: dict[int, list[Tally]] = defaultdict(list)
    for row in tx.execute(_counted(tx, key_result_ids, supposed, beside)):
        closed = ClosedWhen(row.closed) if row.closed else None
        issues, without = row.issues, row.without_number
        summed = {name: float(getattr(row, name)) for name in sums}
        one = Tally(state=State(row.state), closed=closed, issues=issues, without_number=without, **summed)
        found[row.key_result_id].append(one)
    return found


def _through(tx: Transaction, key_result_ids: Sequence[int], supposed: PreviewLinks | None) -> sa.Select[Any]:
    """Select the pull requests that count through an issue, whichever of several siblings has the issue's row."""
    groups = siblings.groups(tx)
    linked, also = (_linked(tx, key_result_ids, supposed) for _ in range(2))
    return closing_links.through(linked, also, siblings.pairs(groups) if groups else None)


def _counted(
    tx: Transaction, key_result_ids: Sequence[int], supposed: PreviewLinks | None, beside: Pairs
) -> sa.Select[Any]:
    """Select the tallies of key results, without the pairs of pull requests that count through an issue."""
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
    closed = sa.case(
        (sa.or_(one.c.state.notin_(CLOSED), one.c.closed_at.is_(None)), sa.null()),
        (one.c.closed_at < counted.c.starts_at, ClosedWhen.BEFORE.value),
        (one.c.closed_at < counted.c.ends_at, ClosedWhen.DURING.value),
        else_=ClosedWhen.AFTER.value,
    ).label("closed")
    without = one.c.points.is_(None)
    statement = (
        sa.select(
            counted.c.key_result_id,
            one.c.state,
            closed,
            sa.func.count().label("issues"),
            sa.func.sum(counted.c.weight).label("weight"),
            sa.func.sum(sa.func.coalesce(one.c.points, 0.0)).label("number"),
            sa.func.sum(counted.c.weight * sa.func.coalesce(one.c.points, 0.0)).label("weighted_number"),
            sa.func.sum(sa.case((without, 1), else_=0)).label("without_number"),
            sa.func.sum(sa.case((without, counted.c.weight), else_=0.0)).label("weight_without_number"),
        )
        .join(one, one.c.id == counted.c.issue_id)
        .group_by(counted.c.key_result_id, one.c.state, closed)
    )
    if not beside:
        return statement
    left = _pairs_as_table(tx, beside)
    is_left = sa.and_(left.c.key_result_id == counted.c.key_result_id, left.c.issue_id == counted.c.issue_id)
    return statement.where(~sa.exists().where(is_left))


def _one_by_one(tx: Transaction, issue_id: sa.ColumnElement[int]) -> sa.FromClause:
    """Return the issues to join to linked ids.

    For a batch of ten thousand links, PostgreSQL's planner prefers to read the whole issue table. `OFFSET 0` in the
    lateral subquery stops the planner from merging it, so each issue is read by its id.
    """
    if tx.dialect.name != "postgresql":
        return issue
    columns = (issue.c.id, issue.c.state, issue.c.closed_at, issue.c.points)
    return sa.select(*columns).where(issue.c.id == issue_id).offset(0).lateral()


def counting_through(tx: Transaction, key_result_id: int) -> dict[int, list[str]]:
    """Return the pull requests (by row id) that count through issues linked to the key result: the issues' keys."""
    found: dict[int, list[str]] = defaultdict(list)
    beside = _through(tx, [key_result_id], None)
    for row in tx.execute(beside.order_by("issue_id", "key")):
        found[row.issue_id].append(row.key)
    return found


def scopes_linked(
    tx: Transaction, key_result_ids: Sequence[int], scope_ids: Collection[int], *, supposed: PreviewLinks | None = None
) -> dict[int, list[int]]:
    """Return which of the scopes contain issues linked to each key result (or linked in a preview)."""
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
