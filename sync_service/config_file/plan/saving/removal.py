"""Remove items of the configuration that have names, those of one section by a few statements."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.config_file.plan.saving.item_tables import TABLES, found_by
from sync_service.store.engine.many_rows import chunks
from sync_service.store.okrs import okr_removal
from sync_service.store.trackers import connection_removal


def remove(tx: Transaction, section: str, names: Sequence[str]) -> None:
    """Remove items by name; rows that refer to them follow the tables' foreign keys."""
    table = TABLES[section]
    if section == "organisation":
        tx.execute(sa.delete(table))
    elif section == "connections":
        for slug in names:
            connection_removal.begin(tx, slug)
    elif section in ("key_results", "objectives", "cycles"):
        _leave_alone(tx, table, names)
        okr_removal.begin(tx, table, names)
    else:
        _leave_alone(tx, table, names)
        for some in chunks(names):
            tx.execute(sa.delete(table).where(table.c[found_by(section)].in_(some)))


def _leave_alone(tx: Transaction, table: sa.Table, slugs: Sequence[str]) -> None:
    """Let the teams or objectives below these have no parent."""
    if "parent_id" in table.c:
        for some in chunks(slugs):
            parents = sa.select(table.c.id).where(table.c.slug.in_(some))
            tx.execute(sa.update(table).where(table.c.parent_id.in_(parents)).values(parent_id=None))
