"""Which issues count toward which key results: links that count, each issue once, pull requests through issues."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import among
from sync_service.store.okrs.links import PROPOSED
from sync_service.store.tables import closing_link, connection, issue, link, rule_revision
from sync_service.store.tables.columns import Id
from sync_service.store.trackers import closing_links, connection_removal, siblings
from sync_service.store.trackers.siblings import Groups

_of_removed = sa.exists().where(
    issue.c.id == link.c.issue_id,
    connection.c.id == issue.c.connection_id,
    connection.c.removed_at.isnot(None),
)

counts = sa.or_(
    sa.and_(link.c.origin.notin_(("rule", PROPOSED)), ~_of_removed),
    sa.and_(
        link.c.origin == "rule",
        sa.exists().where(rule_revision.c.id == link.c.source, rule_revision.c.state == "active"),
    ),
)
"""The SQL condition for links that count: links of a pending rule revision are prepared, but do not count yet,
proposed ones not before they are accepted.

The revisions of a connection that is being removed are retired; its other links do not count either.
"""


def weighed(linked: sa.FromClause) -> sa.Select[Any]:
    """Select one row per issue that counts toward a key result, with its weight: a manual link's weight wins."""
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


def linked(
    tx: Transaction,
    key_result_ids: Collection[int],
    *,
    supposed: PreviewLinks | None = None,
    issue_ids: Collection[int] | None = None,
) -> sa.Subquery:
    """Return the links of key results that count: the present ones, or those of a preview; of some issues, if given."""
    columns = (link.c.key_result_id, link.c.issue_id, link.c.origin, link.c.weight)
    # A join, unlike `counts`: with many links, PostgreSQL would otherwise scan every revision.
    removed = [~_of_removed] if connection_removal.ids(tx) else []  # hardly ever
    active = sa.and_(link.c.origin == "rule", rule_revision.c.id == link.c.source, rule_revision.c.state == "active")
    kept = (
        sa.select(*columns)
        .outerjoin(rule_revision, active)
        .where(
            among(tx, link.c.key_result_id, key_result_ids),
            sa.or_(rule_revision.c.id.isnot(None), sa.and_(link.c.origin.notin_(("rule", PROPOSED)), *removed)),
        )
    )
    if issue_ids is not None:
        kept = kept.where(among(tx, link.c.issue_id, issue_ids))
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


def counting(tx: Transaction, key_result_id: int, issue_ids: Collection[int]) -> set[int]:
    """Return which of some issues are linked to a key result by a link that counts."""
    among_them = linked(tx, [key_result_id], issue_ids=issue_ids)
    return set(tx.scalars(sa.select(among_them.c.issue_id)))


def _each_issue_once(tx: Transaction, linked: sa.Subquery) -> sa.Subquery:
    """Return links in which an issue that siblings have several rows of is only its first row."""
    groups = siblings.groups(tx)
    if not groups:
        return linked
    first = siblings.first_of_each(linked, groups).label("issue_id")
    columns = (linked.c.key_result_id, first, linked.c.origin, linked.c.weight)
    return sa.select(*columns).join(issue, issue.c.id == linked.c.issue_id).subquery()


def _as_table(tx: Transaction, ids: Sequence[int]) -> sa.FromClause:
    """Return a table of ids with the column `value`, passed as one parameter."""
    if tx.dialect.name == "sqlite":
        return sa.func.json_each(json.dumps(list(ids))).table_valued(sa.column("value", Id))
    array = sa.cast(list(ids), postgresql.ARRAY(sa.BigInteger))
    return sa.func.unnest(array).table_valued(sa.column("value", Id)).render_derived()


def through(
    tx: Transaction,
    key_result_ids: Collection[int],
    *,
    supposed: PreviewLinks | None = None,
    issue_ids: Collection[int] | None = None,
) -> sa.Select[Any]:
    """Select the pull requests that count through an issue, also through its row of a sibling connection.

    Its columns are key_result_id, issue_id (the pull request) and key (of the issue).
    """
    groups = siblings.groups(tx)
    pulls = linked(tx, key_result_ids, supposed=supposed, issue_ids=issue_ids)
    closed = None
    if groups and issue_ids is not None and supposed is None:  # else the first row of each issue would be sought
        closed = siblings.with_theirs(tx, set().union(*closes(tx, issue_ids, groups).values()), groups)
    also = linked(tx, key_result_ids, supposed=supposed, issue_ids=closed)
    return closing_links.through(pulls, also, siblings.pairs(groups) if groups else None)


def close_something(tx: Transaction, issue_ids: Collection[int]) -> bool:
    """Return whether one of the issues is a pull request that closes something."""
    return tx.scalar(sa.select(sa.exists().where(among(tx, closing_link.c.issue_id, issue_ids)))) is True


def affected(tx: Transaction, issue_ids: Collection[int]) -> set[int]:
    """Return the issues whose contributions may differ after a change of some issues.

    A pull request counts or not depending on the issues that it closes; and which of the rows that siblings have of one
    issue counts depends on all of these rows.
    """
    groups = siblings.groups(tx)
    rows = siblings.with_theirs(tx, issue_ids, groups)
    return rows | siblings.with_theirs(tx, _closed_by_pulls(tx, rows, groups), groups)


def _closed_by_pulls(tx: Transaction, issue_ids: Collection[int], groups: Groups) -> set[int]:
    """Return the pull requests that close some of the issues."""
    pairs = (each.where(among(tx, issue.c.id, issue_ids)) for each in _closings(groups))
    return {row.pull_id for each in pairs for row in tx.execute(each)}


def _closings(groups: Groups) -> Iterator[sa.Select[Any]]:
    """Select each pull request (`pull_id`) with the known issues (`issue_id`) that it closes, siblings' rows too."""
    by_identity = sa.and_(closing_link.c.identity.isnot(None), closing_link.c.identity == issue.c.identity)
    # Not "is null": SQLite would read all of these by their index.
    unknown = sa.func.coalesce(closing_link.c.identity, "") == ""
    by_key = sa.and_(unknown, closing_link.c.folded_key == issue.c.folded_key)
    columns = (closing_link.c.issue_id.label("pull_id"), issue.c.id.label("issue_id"))
    for same in (by_identity, by_key):
        here = issue.c.connection_id == closing_link.c.connection_id
        yield sa.select(*columns).join(issue, sa.and_(here, same))
        if groups:
            pairs = siblings.pairs(groups)
            of_pulls = sa.select(*columns).join(pairs, pairs.c.connection_id == closing_link.c.connection_id)
            yield of_pulls.join(issue, sa.and_(issue.c.connection_id == pairs.c.sibling_id, same))


def closes(tx: Transaction, issue_ids: Collection[int], groups: Groups | None = None) -> dict[int, set[int]]:
    """Return the known issues that pull requests close, by the pull request; with siblings' rows, if given."""
    found: dict[int, set[int]] = defaultdict(set)
    for each in _closings(groups or {}):
        for row in tx.execute(each.where(among(tx, closing_link.c.issue_id, issue_ids))):
            found[row.pull_id].add(row.issue_id)
    return found


def by_connection(tx: Transaction, issue_ids: Collection[int]) -> dict[int, list[int]]:
    """Return issues, by id, grouped by their connection's id."""
    found: dict[int, list[int]] = defaultdict(list)
    for row in tx.execute(sa.select(issue.c.id, issue.c.connection_id).where(among(tx, issue.c.id, issue_ids))):
        found[row.connection_id].append(row.id)
    return found


@dataclass(frozen=True, slots=True)
class IssueName:
    """How people name an issue: its connection's slug, its key, its title."""

    connection: str
    key: str
    title: str


def names(tx: Transaction, issue_ids: Collection[int]) -> dict[int, IssueName]:
    """Return how people name issues, by id."""
    columns = (issue.c.id, connection.c.slug, issue.c.key, issue.c.title)
    found = sa.select(*columns).join(connection, connection.c.id == issue.c.connection_id)
    rows = tx.execute(found.where(among(tx, issue.c.id, issue_ids)))
    return {row.id: IssueName(row.slug, row.key, row.title or "") for row in rows}


def counting_through(tx: Transaction, key_result_id: int) -> dict[int, list[str]]:
    """Return the pull requests (by row id) that count through issues linked to the key result: the issues' keys."""
    found: dict[int, list[str]] = defaultdict(list)
    beside = through(tx, [key_result_id])
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
    own = linked(tx, key_result_ids, supposed=supposed)
    statement = (
        sa.select(own.c.key_result_id, issue.c.scope_id)
        .join(issue, issue.c.id == own.c.issue_id)
        .where(issue.c.scope_id.in_(scope_ids))
        .distinct()
    )
    for row in tx.execute(statement):
        found[row.key_result_id].append(row.scope_id)
    return found
