"""Closing links: which issues a pull request closes. A linked pull request counts through its linked issue."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.trackers.observations import Closing, Kind
from sync_service.store.tables import closing_link, issue


def read(tx: Transaction, issue_ids: Collection[int]) -> dict[int, tuple[Closing, ...]]:
    """Return the issues that pull requests close, by the pull request's row id, ordered by key."""
    found: dict[int, list[Closing]] = defaultdict(list)
    if issue_ids:
        rows = sa.select(closing_link).where(closing_link.c.issue_id.in_(issue_ids))
        for row in tx.execute(rows):
            found[row.issue_id].append(Closing(row.key, row.identity))
    return {issue_id: tuple(sorted(closes, key=lambda one: one.key)) for issue_id, closes in found.items()}


def save(tx: Transaction, closes: Mapping[int, Sequence[Closing]]) -> None:
    """Replace the stored closing links of each pull request where they differ."""
    before = read(tx, closes)
    changed = [issue_id for issue_id in sorted(closes) if before.get(issue_id, ()) != tuple(closes[issue_id])]
    if not changed:
        return
    tx.execute(sa.delete(closing_link).where(closing_link.c.issue_id.in_(changed)))
    connection_of = {row.id: row.connection_id for row in tx.execute(_connections(changed))}
    rows = [_columns(one, connection_of[one], closed) for one in changed for closed in closes[one]]
    if rows:
        tx.execute(sa.insert(closing_link), rows)


def _connections(issue_ids: Sequence[int]) -> sa.Select[Any]:
    return sa.select(issue.c.id, issue.c.connection_id).where(issue.c.id.in_(issue_ids))


def _columns(issue_id: int, connection_id: int, one: Closing) -> dict[str, Any]:
    return {
        "issue_id": issue_id,
        "connection_id": connection_id,
        "key": one.key,
        "folded_key": one.key.lower(),
        "identity": one.identity,
    }


def through(linked: sa.FromClause, also: sa.FromClause, siblings: sa.FromClause | None = None) -> sa.Select[Any]:
    """Select (key_result_id, issue_id, key) of pull requests that count through the issue with that key.

    `linked` and `also` are both the links that count, with the first two columns: the issue must be linked to the same
    key result. It is found by its identity, or, when that is unknown, by its key in any letter case; `siblings` are
    connections that may have its row instead (see `siblings.pairs`).
    """
    closed = issue.alias("closed")
    pulls = (
        sa.select(linked.c.key_result_id, linked.c.issue_id, closed.c.key)
        .join(closing_link, closing_link.c.issue_id == linked.c.issue_id)
        .where(closed.c.kind == Kind.ISSUE)
    )
    same = sa.and_(also.c.key_result_id == linked.c.key_result_id, also.c.issue_id == closed.c.id)

    def found_in(pulls: sa.Select[Any], connection_id: sa.ColumnElement[int]) -> Iterator[sa.Select[Any]]:
        here = closed.c.connection_id == connection_id
        yield pulls.join(closed, sa.and_(here, closed.c.identity == closing_link.c.identity)).join(also, same)
        # A rare case, checked after the issue is found: with a join, SQLite would scan all pairs of links.
        by_key = pulls.join(closed, sa.and_(here, closed.c.folded_key == closing_link.c.folded_key))
        yield by_key.where(closing_link.c.identity.is_(None), sa.exists().where(same))

    each = [*found_in(pulls, closing_link.c.connection_id)]
    if siblings is not None:
        with_siblings = pulls.join(siblings, siblings.c.connection_id == closing_link.c.connection_id)
        each += found_in(with_siblings, siblings.c.sibling_id)
    found = sa.union(*each).subquery()
    return sa.select(found.c.key_result_id, found.c.issue_id, found.c.key)
