"""What applying made due, as tests ask for it."""

import sqlalchemy as sa

from sync_service.store import tables as t
from sync_service.store.engine import versions as counters
from sync_service.store.engine.database import reading, writing
from tests.config_file.conftest import Desk


def settle(desk: Desk) -> None:
    """Forget what earlier applying made due, so that only what follows now is seen."""
    with writing(desk.engine) as tx:
        for table in (t.recompute, t.relink_request):
            tx.execute(sa.delete(table))


def recomputed(desk: Desk) -> dict[object, list[str]]:
    """Give the key results that are due to be computed again, with why."""
    found = sa.select(t.key_result.c.slug, t.recompute.c.causes).join(
        t.recompute, t.recompute.c.key_result_id == t.key_result.c.id
    )
    with reading(desk.engine) as tx:
        return {row.slug: [cause["what"] for cause in row.causes] for row in tx.execute(found)}


def relinked(desk: Desk) -> dict[object, object]:
    """Give the connections whose issues are due to be linked again, with why."""
    found = sa.select(t.connection.c.slug, t.relink_request.c.cause).join(
        t.relink_request, t.relink_request.c.connection_id == t.connection.c.id
    )
    with reading(desk.engine) as tx:
        return {row.slug: row.cause for row in tx.execute(found)}


def versions(desk: Desk) -> tuple[int, int]:
    """Give the two counters."""
    with reading(desk.engine) as tx:
        return counters.value(tx, counters.RULES), counters.value(tx, counters.CHANGES)


def lines(plan_lines: list[str]) -> list[str]:
    """Leave the sum at the end out."""
    return plan_lines[:-1]
