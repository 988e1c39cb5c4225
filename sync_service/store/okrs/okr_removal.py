"""Remove key results, objectives and cycles: mark them, so that they are not read any more, then delete their rows.

A key result may have hundreds of thousands of links. Deleting them at once would block all other writers of a SQLite
file. The marked rows say what is left to do: after a kill any other process continues.
"""

from collections.abc import Sequence
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.store import tables as t
from sync_service.store.engine.database import DatabaseNow, reading, retry_on_conflict, writing
from sync_service.store.engine.many_rows import chunks
from sync_service.store.queue.batched_deletes import delete_next

_ABOVE = (t.key_result, t.objective, t.cycle)
"""The tables with marked rows, each before the one that it refers to."""


def begin(tx: Transaction, table: sa.Table, slugs: Sequence[str]) -> None:
    """Mark key results, objectives or cycles, with all that is below them. Their slugs are free again.

    Once `tx` is committed, they are not read any more, and their rules and manual links are deleted.
    """
    for some in chunks(slugs):
        live = sa.and_(table.c.slug.in_(some), table.c.removed_at.is_(None))
        _mark(tx, table, tx.scalars(sa.select(table.c.id).where(live)).all())


def _mark(tx: Transaction, table: sa.Table, found: Sequence[int]) -> None:
    cycles = found if table is t.cycle else []
    objectives = found if table is t.objective else _below(tx, t.objective.c.cycle_id, cycles)
    key_results = found if table is t.key_result else _below(tx, t.key_result.c.objective_id, objectives)
    for some in chunks(key_results):
        _delete_value_rows(tx, some)
    for marked, ids in zip(_ABOVE, (key_results, objectives, cycles), strict=True):
        name = sa.cast(marked.c.id, sa.String) + " is being removed"
        for some in chunks(ids):
            tx.execute(sa.update(marked).where(marked.c.id.in_(some)).values(slug=name, removed_at=DatabaseNow()))


def _below(tx: Transaction, above: sa.Column[int], ids: Sequence[int]) -> Sequence[int]:
    table = above.table
    found: list[int] = []
    for some in chunks(ids):
        found += tx.scalars(sa.select(table.c.id).where(above.in_(some), table.c.removed_at.is_(None)))
    return found


def _delete_value_rows(tx: Transaction, key_result_ids: Sequence[int]) -> None:
    """Delete the rows that lead to values of key results or report them, and retire the revisions of their rules."""
    r, n = t.rule_revision, t.notice
    mine = r.c.key_result_id.in_(key_result_ids)
    revisions = sa.select(r.c.id).where(mine)
    tx.execute(sa.delete(t.query_listing).where(t.query_listing.c.revision_id.in_(revisions)))
    tx.execute(sa.delete(n).where(n.c.key_result_id.in_(key_result_ids), n.c.due_at.isnot(None)))
    for table in (t.rule, t.manual_link, t.recompute, t.forecast):
        tx.execute(sa.delete(table).where(table.c.key_result_id.in_(key_result_ids)))
    retired = {"state": "retired", "due_at": None, "lease": None, "settled_at": DatabaseNow(), "outcome": "retired"}
    tx.execute(sa.update(r).where(mine, sa.or_(r.c.state != "retired", r.c.due_at.isnot(None))).values(retired))


def delete_batches(engine: Engine, *, batches: int | None = None) -> bool:
    """Delete rows of what is being removed, at most so many batches; return whether there is more to delete."""
    done = 0
    while (found := _next(engine)) is not None:
        if batches is not None and done >= batches:
            return True
        done += 1
        retry_on_conflict(partial(_delete, engine, *found))
    return False


def _next(engine: Engine) -> tuple[sa.Table, int] | None:
    with reading(engine) as tx:
        for table in _ABOVE:
            marked = sa.select(table.c.id).where(table.c.removed_at.isnot(None)).order_by(table.c.id).limit(1)
            row_id = tx.scalar(marked)
            if row_id is not None:
                return table, row_id
    return None


def _delete(engine: Engine, table: sa.Table, row_id: int) -> None:
    """Delete the next rows that refer to a marked row; the row itself once there are none."""
    with writing(engine) as tx:
        delete_next(tx, table, row_id, column="key_result_id" if table is t.key_result else None)
