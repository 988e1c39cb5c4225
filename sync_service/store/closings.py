"""Which issues pull requests close, and so through which linked issue a linked pull request counts."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_service.domain.issues import Closing, Kind
from sync_service.store.tables import closing, issue


def read(tx: Connection, issue_ids: Collection[int]) -> dict[int, tuple[Closing, ...]]:
    """Read what pull requests close, by their row ids, in the order of the keys."""
    found: dict[int, list[Closing]] = defaultdict(list)
    if issue_ids:
        rows = sa.select(closing).where(closing.c.issue_id.in_(issue_ids))
        for row in tx.execute(rows):
            found[row.issue_id].append(Closing(row.key, row.identity))
    return {issue_id: tuple(sorted(closes, key=lambda one: one.key)) for issue_id, closes in found.items()}


def save(tx: Connection, closes: Mapping[int, Sequence[Closing]]) -> None:
    """Make what each pull request closes what it should be."""
    before = read(tx, closes)
    changed = [issue_id for issue_id in sorted(closes) if before.get(issue_id, ()) != tuple(closes[issue_id])]
    if not changed:
        return
    tx.execute(sa.delete(closing).where(closing.c.issue_id.in_(changed)))
    rows = [{"issue_id": one, "key": part.key, "identity": part.identity} for one in changed for part in closes[one]]
    if rows:
        tx.execute(sa.insert(closing), rows)


def through(linked: sa.FromClause, also: sa.FromClause) -> sa.Select[Any]:
    """Select (key_result_id, issue_id, key) of pull requests that count through the issue of that key.

    `linked` and `also` are both the links that count, with those two columns: the issue must be linked to the same key
    result. It is known by its identity, and by its key, in letters of either size, only where that is not known.
    """
    closed = issue.alias("closed")
    pull = issue.alias("pull")
    by_key = sa.and_(closing.c.identity.is_(None), closed.c.folded_key == sa.func.lower(closing.c.key))
    ways = [
        sa.select(linked.c.key_result_id, linked.c.issue_id, closed.c.key)
        .join(closing, closing.c.issue_id == linked.c.issue_id)
        .join(pull, pull.c.id == closing.c.issue_id)
        .join(closed, sa.and_(closed.c.connection_id == pull.c.connection_id, meant))
        .join(also, sa.and_(also.c.key_result_id == linked.c.key_result_id, also.c.issue_id == closed.c.id))
        .where(closed.c.kind == Kind.ISSUE)
        for meant in (closed.c.identity == closing.c.identity, by_key)
    ]
    found = sa.union(*ways).subquery()
    return sa.select(found.c.key_result_id, found.c.issue_id, found.c.key)
