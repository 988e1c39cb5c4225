"""Read which follow-up work an apply made due."""

import sqlalchemy as sa

from sync_service.store import tables as t
from sync_service.store.engine import versions as counters
from sync_service.store.engine.database import reading, writing
from tests.config_file.conftest import ConfigHarness


def settle(harness: ConfigHarness) -> None:
    """Clear the due work of earlier applies, so that a test sees only what follows."""
    with writing(harness.engine) as tx:
        for table in (t.recompute, t.relink_request):
            tx.execute(sa.delete(table))


def recomputed(harness: ConfigHarness) -> dict[object, list[str]]:
    """Return the key results to recompute, with the reasons."""
    found = sa.select(t.key_result.c.slug, t.recompute.c.causes).join(
        t.recompute, t.recompute.c.key_result_id == t.key_result.c.id
    )
    with reading(harness.engine) as tx:
        return {row.slug: [cause["what"] for cause in row.causes] for row in tx.execute(found)}


def relinked(harness: ConfigHarness) -> dict[object, object]:
    """Return the connections to relink, with the reasons."""
    found = sa.select(t.connection.c.slug, t.relink_request.c.reasons).join(
        t.relink_request, t.relink_request.c.connection_id == t.connection.c.id
    )
    with reading(harness.engine) as tx:
        return {row.slug: "; ".join(one["what"] for one in row.reasons) for row in tx.execute(found)}


def versions(harness: ConfigHarness) -> tuple[int, int]:
    """Return the rules version and the change counter."""
    with reading(harness.engine) as tx:
        return counters.value(tx, counters.RULES), counters.value(tx, counters.CHANGES)


def lines(plan_lines: list[str]) -> list[str]:
    """Return the lines of a plan without the total."""
    return plan_lines[:-1]
