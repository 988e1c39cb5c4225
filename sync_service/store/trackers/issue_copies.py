"""Copy the rows of issues of a connection to a sibling: the issues, their states, keys, closing links and comments."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store.engine.database import insert_or_skip
from sync_service.store.tables import (
    closing_link,
    former_scope_name,
    issue,
    issue_state,
    known_key,
    link_comment,
    term,
)


def copy(tx: Transaction, issue_ids: Sequence[int], *, connection_id: int) -> None:
    """Copy issues, with what belongs to them, if the connection has none, or only the fact that they are gone."""
    if not issue_ids:
        return
    mine = issue.alias("mine")
    _delete_tombstones(tx, issue_ids, connection_id)
    replaced = {"connection_id": sa.literal(connection_id), "scope_id": sa.null()}
    names = [column.name for column in issue.columns if column.name != "id"]
    known = sa.exists().where(mine.c.connection_id == connection_id, mine.c.identity == issue.c.identity)
    copied = sa.select(*(replaced.get(name, issue.c[name]) for name in names)).where(issue.c.id.in_(issue_ids), ~known)
    tx.execute(sa.insert(issue).from_select(names, copied.order_by(issue.c.id)))
    for table in (closing_link, issue_state):
        _copy_rows(tx, table, issue_ids, connection_id)
    for table, unique in ((known_key, ("folded_key", "identity")), (link_comment, ("external_id",))):
        _copy_named(tx, table, unique, issue_ids, connection_id)


def copy_terms(tx: Transaction, from_id: int, to_id: int) -> None:
    """Copy the names of labels, milestones and so on that the connection does not know yet."""
    theirs = sa.select(term.c.kind, term.c.external_id, term.c.name, term.c.at).where(term.c.connection_id == from_id)
    rows = [dict(row) for row in tx.execute(theirs).mappings()]
    insert_or_skip(tx, term, rows, unique=("connection_id", "kind", "external_id"), connection_id=to_id)


def copy_former_names(tx: Transaction, theirs: Row[Any], to_id: int) -> None:
    """Copy the names that a scope had before."""
    f = former_scope_name.c
    found = sa.select(f.folded_name, f.external_id).where(
        f.connection_id == theirs.connection_id, f.external_id == theirs.external_id
    )
    rows = [dict(row) for row in tx.execute(found).mappings()]
    unique = ("connection_id", "folded_name", "external_id")
    insert_or_skip(tx, former_scope_name, rows, unique=unique, connection_id=to_id)


def _delete_tombstones(tx: Transaction, issue_ids: Sequence[int], connection_id: int) -> None:
    """Delete rows that say only that an issue is gone: the copy says that too, and more."""
    identities = sa.select(issue.c.identity).where(issue.c.id.in_(issue_ids))
    mine = sa.and_(issue.c.connection_id == connection_id, issue.c.identity.in_(identities), issue.c.state.is_(None))
    tx.execute(sa.delete(issue).where(mine))


def _copy_rows(tx: Transaction, table: sa.Table, issue_ids: Sequence[int], connection_id: int) -> None:
    """Copy rows about issues, such as closing links, to the same issues, where these have none."""
    mine, have = issue.alias("mine"), table.alias("have")
    names = [column.name for column in table.columns if column.name != "id"]
    replaced = {"connection_id": sa.literal(connection_id), "issue_id": mine.c.id}
    copied = (
        sa.select(*(replaced.get(name, table.c[name]) for name in names))
        .join(issue, issue.c.id == table.c.issue_id)
        .join(mine, sa.and_(mine.c.connection_id == connection_id, mine.c.identity == issue.c.identity))
        .where(table.c.issue_id.in_(issue_ids), ~sa.exists().where(have.c.issue_id == mine.c.id))
    )
    tx.execute(sa.insert(table).from_select(names, copied))


def _copy_named(
    tx: Transaction, table: sa.Table, unique: Sequence[str], issue_ids: Sequence[int], connection_id: int
) -> None:
    """Copy rows that name issues by identity."""
    have = table.alias("have")
    names = [column.name for column in table.columns if column.name not in ("id", "connection_id")]
    known = sa.exists().where(
        have.c.connection_id == connection_id, *(have.c[name] == table.c[name] for name in unique)
    )
    here = sa.and_(issue.c.connection_id == table.c.connection_id, issue.c.identity == table.c.identity)
    values = (sa.literal(connection_id), *(table.c[name] for name in names))
    copied = sa.select(*values).join(issue, here).where(issue.c.id.in_(issue_ids), ~known)
    tx.execute(sa.insert(table).from_select(["connection_id", *names], copied))
