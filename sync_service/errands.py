"""Running errands: what connectors have to do for a connection every now and then, beside deliveries, looks and lists.

What an errand wants remembered is written once it has run. Killed in between, it runs again from what it knew before.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.asking import MENDED_CHECK, Asking, part_of
from sync_service.domain.abilities import Ran, RunsErrands
from sync_service.domain.connectors import Connector, ConnectorError, Refused, Unavailable
from sync_service.store import due, errands
from sync_service.store.connections import Configured, Connections
from sync_service.store.database import database_now, reading, writing
from sync_service.store.tables import errand

log = structlog.get_logger(__name__)

CALL_INTERVAL = timedelta(hours=1)
"""How often we look whether a connection has other errands than before."""

SOONEST = timedelta(seconds=1)
"""An errand that wants to go on at once lets others have a turn first."""


class Errands:
    """Drains errands. No network call is made inside a transaction."""

    def __init__(
        self,
        *,
        engine: Engine,
        connectors: Mapping[str, Connector],
        connections: Connections,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._connectors = connectors
        self._connections = connections
        self._asking = Asking(engine=engine, table=errand, now=now)

    def drain(self) -> int:
        """Run one errand; give how many were claimed."""
        return self._asking.drain(self._run)

    def _run(self, row: Row[Any]) -> None:
        connection = self._connections.of(row.connection_id)
        if not connection.view.has_credentials:
            connection = self._connections.latest(row.connection_id)
        connector = self._connectors[connection.kind]
        if not connection.view.has_credentials or not isinstance(connector, RunsErrands):
            self._asking.settle(row, "there are no credentials to call with, or a tracker that asks for no errands")
            return
        intervals = connector.errands(connection.view)
        if row.name == errands.CALLER:
            self._call(row, intervals)
        elif row.name not in intervals:
            self._asking.settle(row, "the connection has no such errand any more")
        elif connection.refused:
            # An errand may do without what it is refused, so it can't tell that all is well: looks and lists can.
            self._asking.postpone(row, MENDED_CHECK, f"waits until the connection is mended: {connection.refused}")
        elif not self._asking.must_wait(row, connection, part=part_of(connector, connection, about="")):
            self._go(row, connection, connector, intervals[row.name])

    def _call(self, row: Row[Any], intervals: Mapping[str, timedelta]) -> None:
        """See to it that each errand has its row."""
        with writing(self._engine) as tx:
            errands.add(tx, row.connection_id, intervals)
            outcome = ", ".join(sorted(intervals)) or "none"
            due.hand_back(tx, errand, row, wait=CALL_INTERVAL, outcome=outcome, ran_at=database_now(tx))

    def _go(self, row: Row[Any], connection: Configured, connector: RunsErrands, interval: timedelta) -> None:
        with reading(self._engine) as tx:
            scopes = errands.watched(tx, connection.id)
        try:
            ran = connector.run(connection.view, name=row.name, scopes=scopes, memory=row.memory)
        except (Unavailable, Refused) as error:
            self._asking.failed(row, connection, error)
            return
        except ConnectorError as error:
            ran = Ran(outcome=f"did not work: {error}", memory=row.memory)
        self._note(row, ran, interval)
        log.info("ran an errand", connection=connection.slug, errand=row.name, outcome=ran.outcome)

    def _note(self, row: Row[Any], ran: Ran, interval: timedelta) -> None:
        wait = min(max(ran.again if ran.again is not None else interval, SOONEST), due.LONGEST_PATIENCE)
        with writing(self._engine) as tx:
            due.hand_back(tx, errand, row, wait=wait, outcome=ran.outcome, memory=ran.memory, ran_at=database_now(tx))
