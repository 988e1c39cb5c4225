"""A worker may crash at any statement of a connection alert: exactly one mail is sent."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_service.domain.trackers.observations import AccountSeen
from sync_service.runtime.wiring import utc_now
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.trackers import connections, scope_changes
from tests.faults.crashing_worker import CrashingWorker
from tests.support.migrated_database import prepare
from tests.support.servers import Databases

pytestmark = [pytest.mark.slow, pytest.mark.both_databases]

LATEST = 30
"""Statements before the last crash: an alert and its mail take fewer."""


def test_a_crash_at_any_statement_sends_one_alert_mail(databases: Databases, tmp_path: Path) -> None:
    """A refused connection and its scopes are one mail."""
    crashing_worker = CrashingWorker(databases.prepared(prepare), tmp_path)
    with writing(crashing_worker.services.engine) as tx:
        tx.execute(sa.insert(tables.person).values(email="ana@example.com", name="Ana", role="admin", accounts={}))
        connection = {"id": 1, "slug": "gh", "kind": "github", "site": "https://api.github.com", "options": {}}
        tx.execute(sa.insert(tables.connection).values(**connection, sealed_secrets=[]))
        rows = [{"connection_id": 1, "name": f"acme/r{n}", "external_id": str(n)} for n in range(1, 4)]
        tx.execute(sa.insert(tables.scope), rows)
    for statements in range(LATEST):
        with writing(crashing_worker.services.engine) as tx:
            for table in (tables.connection_alert, tables.mail):
                tx.execute(sa.delete(table))
            tx.execute(sa.update(tables.scope).values(gone_reason=None, gone_at=None))
            connections.clear_refusal(tx, 1)
            connections.refuse(tx, 1, reason="401")
            scope_changes.note_account(
                tx, 1, AccountSeen(name="acme", gone="the app was uninstalled"), received_at=utc_now()
            )
        crashing_worker.drain(crash_after=[statements])
        with reading(crashing_worker.services.engine) as tx:
            assert tx.scalar(sa.select(sa.func.count()).select_from(tables.mail)) == 1, statements
            assert tx.scalar(sa.select(sa.func.count(tables.connection_alert.c.due_at))) == 0, statements
    assert crashing_worker.crashes > LATEST / 2
    crashing_worker.close()
