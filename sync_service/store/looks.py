"""Issues to look at, one row for each however often it is asked for."""

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync_service.domain.issues import Look
from sync_service.store import database
from sync_service.store.database import database_now, upsert, writing
from sync_service.store.tables import look

UNREACHABLE = "unreachable"
"""How the outcome of a look begins that found nothing, and no proof that the issue was deleted."""


def add(tx: Connection, wanted: Mapping[tuple[int, str], tuple[Look, str | None]]) -> None:
    """Ask for looks, given by (connection's id, identity) with the delivery's id; a row that is there is due again."""
    now = database_now(tx) if wanted else None
    rows = [
        {
            "connection_id": connection_id,
            "identity": identity,
            "key": one.key,
            "reason": one.reason,
            "delivery_id": delivery_id,
            "due_at": now,
            # A look that runs meanwhile may have seen too early a state: its lease is broken on purpose.
            "lease": None,
            "attempts": 0,
            "settled_at": None,
            "buried_at": None,
        }
        for (connection_id, identity), (one, delivery_id) in sorted(wanted.items(), key=lambda item: item[0])
    ]
    upsert(tx, look, rows, unique=("connection_id", "identity"))


def ask(engine: Engine, wanted: Mapping[tuple[int, str], tuple[Look, str | None]]) -> None:
    """Ask for looks in a transaction of their own, begun again where it collides with another worker's."""

    def add_all() -> None:
        with writing(engine) as tx:
            add(tx, wanted)

    database.begin_again(add_all)


def begin_again(tx: Connection, gone: Iterable[tuple[int, str]]) -> None:
    """Break the leases of looks at issues, by (connection's id, identity), that were deleted while somebody looked.

    He may have seen them before, and what a look shows is believed.
    """
    now = database_now(tx)
    for connection_id, identity in sorted(gone):
        held = sa.and_(look.c.connection_id == connection_id, look.c.identity == identity, look.c.lease.isnot(None))
        tx.execute(sa.update(look).where(held).values(lease=None, due_at=now, attempts=0))
