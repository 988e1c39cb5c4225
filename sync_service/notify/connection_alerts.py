"""Send connection alerts: mail the owner once when a connection or scope breaks, at most once a day.

An alert waits for the settling time. When the first row of a connection has waited long enough, everything that is
broken of the connection goes into one mail: when an app is uninstalled, all its scopes break at once.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.people.notices import ALERT_QUIET
from sync_service.notify import render
from sync_service.notify.outbox import Outbox
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.queue import due
from sync_service.store.queue.retry import bury, drain_rows
from sync_service.store.tables import connection_alert
from sync_service.store.trackers import connection_alerts
from sync_service.store.views.connection_alert import ConnectionAlert, read_alert

log = structlog.get_logger(__name__)

ALERT_BATCH = 500
"""Rows claimed at a time. Other rows of the same connections go into the same mail."""

MENDED = "works again; no mail was sent"
NO_RECIPIENT = "no recipient: the connection has no owner, and there is no admin"


@dataclass(slots=True, kw_only=True)
class ConnectionAlerter:
    """Drains connection alerts: they become mails.

    An alert waits for `settle`, in case the connection works again before.
    """

    engine: Engine
    outbox: Outbox
    settle: timedelta
    now: Callable[[], datetime]

    def drain(self) -> int:
        """Write the mails of a batch of due alerts; return how many rows were claimed."""
        group_by = attrgetter("connection_id")
        return drain_rows(self.engine, connection_alert, self._alert, limit=ALERT_BATCH, group_by=group_by)

    def _alert(self, claimed: Sequence[Row[Any]]) -> None:
        """Write the mails about one connection."""
        connection_id, leases = claimed[0].connection_id, {row.lease for row in claimed}
        with reading(self.engine) as tx:
            broken = read_alert(tx, connection_id)
            now = database_now(tx)
        ours = [row for row in broken.rows if row.lease in leases]
        ready = any(row.broke_at + self.settle <= now for row in ours)
        if ready and not broken.recipients:
            for row in ours:
                bury(self.engine, connection_alert, row, reason=NO_RECIPIENT)
        with writing(self.engine) as tx:
            connection_alerts.lock(tx, connection_id)
            mended = [row for row in broken.mended if row.lease in leases]
            due.settle(tx, connection_alert, mended, [{"outcome": MENDED}] * len(mended))
            for row in (row for row in broken.recently_alerted if row.lease in leases):
                _postpone(
                    tx,
                    row,
                    until=row.alerted_at + ALERT_QUIET,
                    now=now,
                    outcome="its owner got a mail about it in the last 24 hours",
                )
            if ready and broken.recipients:
                self._write(tx, broken, ours)
            elif not ready:
                for row in ours:
                    _postpone(tx, row, until=row.broke_at + self.settle, now=now, outcome="waits the settling time")
            versions.bump(tx, versions.CHANGES)

    def _write(self, tx: Transaction, broken: ConnectionAlert, ours: list[Row[Any]]) -> None:
        """Write one mail for each recipient, and settle every row that it covers."""
        for recipient in broken.recipients:
            content = render.broken(broken, base_url=self.outbox.base_url)
            self.outbox.put(tx, content, kind="broken", recipient=recipient, now=self.now())
        columns = {"outcome": f"mailed {', '.join(broken.recipients)}"[:500], "alerted_at": database_now(tx)}
        due.settle(tx, connection_alert, ours, [columns] * len(ours))
        along = [row for row in broken.rows if row not in ours]
        connection_alerts.settle_along(tx, along, **columns)
        log.info("connection alert mailed", connection=broken.slug, mails=len(broken.recipients), rows=len(broken.rows))


def _postpone(tx: Transaction, row: Row[Any], *, until: datetime, now: datetime, outcome: str) -> None:
    due.postpone(tx, connection_alert, row, wait=max(until - now, timedelta(0)), outcome=outcome)
