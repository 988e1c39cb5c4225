"""Find issues by the names that people write: CONNECTION:KEY, or a key alone."""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store.tables import issue, known_key, live_connection


def named(tx: Transaction, connection: str, key: str) -> Row[Any] | None:
    """Return the row of an issue by its connection's slug and its key, or one that it had; None where there is none.

    Its column `connection` has the slug. Of several with one key, the one that still exists is meant.
    """
    i, c, k = issue.c, live_connection.c, known_key.c
    had = sa.exists().where(k.connection_id == i.connection_id, k.identity == i.identity, k.folded_key == key.lower())
    found = (
        sa.select(issue, c.slug.label("connection"))
        .join(live_connection, c.id == i.connection_id)
        .where(sa.func.lower(c.slug) == connection.lower(), sa.or_(i.folded_key == key.lower(), had))
        .order_by(i.gone_reason.isnot(None), i.folded_key != key.lower(), i.id.desc())
        .limit(1)
    )
    return tx.execute(found).one_or_none()


def references(tx: Transaction, key: str) -> list[str]:
    """Return the references, CONNECTION:KEY, of the issues with a key in any letter case that still exist."""
    i, c = issue.c, live_connection.c
    found = sa.select(c.slug, i.key).join(live_connection, c.id == i.connection_id)
    rows = tx.execute(found.where(i.folded_key == key.lower(), i.gone_reason.is_(None)).order_by(c.slug))
    return [f"{row.slug}:{row.key}" for row in rows]
