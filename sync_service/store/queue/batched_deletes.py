"""Delete a marked row in batches: first the rows that refer to it, then the row itself.

Deleting hundreds of thousands of rows at once would block all other writers of a SQLite file.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.tables import metadata, query_member, rule_revision

BATCH = 1000
"""Rows of one table deleted in one transaction."""


def delete_next(tx: Transaction, table: sa.Table, row_id: int, *, column: str | None) -> None:
    """Delete the next batch of rows that refer to a row by a column of this name; the row itself once there are none.

    `column` None: no row refers to it any more.
    """
    below = _rows(column, row_id) if column is not None else ()
    if not any(_delete_some(tx, one, where) for one, where in below):
        tx.execute(sa.delete(table).where(table.c.id == row_id))


def _rows(column: str, row_id: int) -> Iterator[tuple[sa.Table, sa.ColumnElement[bool]]]:
    """Yield the tables with rows that refer to a row, in the order to delete them: whatever refers to a row before it.

    Members of queries refer to a revision of a rule, which refers to both a connection and a key result.
    """
    revisions = sa.select(rule_revision.c.id).where(rule_revision.c[column] == row_id)
    yield query_member, query_member.c.revision_id.in_(revisions)
    for table in reversed(metadata.sorted_tables):
        if column in table.c:
            yield table, table.c[column] == row_id


def _delete_some(tx: Transaction, table: sa.Table, where: sa.ColumnElement[bool]) -> bool:
    some = sa.select(table.c.id).where(where).order_by(table.c.id).limit(BATCH)
    return tx.execute(sa.delete(table).where(table.c.id.in_(some))).rowcount > 0
