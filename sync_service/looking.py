"""Going to look: an issue that a letter did not tell enough about is fetched, and what we see beats the letter."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Engine, Row
from sqlalchemy.exc import OperationalError

from sync_service.domain.connectors import Connector, Gone, Refused, Rejected, Unavailable
from sync_service.domain.issues import Reading, Snapshot, Tombstone
from sync_service.failing import bury, try_again
from sync_service.refresh import Letter, Refresh
from sync_service.store import connections, due
from sync_service.store.connections import Configured, Connections
from sync_service.store.database import reading, writing
from sync_service.store.tables import look

log = structlog.get_logger(__name__)

BATCH = 10
"""Looks claimed at a time; each is a network call of up to ten seconds, and all must end within the lease."""

TURN_SECONDS = 20.0
"""How long one drain looks before others have a turn: a slow tracker must not stop deliveries."""

MENDED_CHECK = due.LONGEST_WAIT
"""How long looks of a refused connection wait; once in this time one of them asks whether it was mended."""


class Looking:
    """Drains looks. No network call is made inside a transaction."""

    def __init__(
        self,
        *,
        engine: Engine,
        connectors: Mapping[str, Connector],
        connections: Connections,
        refresh: Refresh,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._connectors = connectors
        self._connections = connections
        self._refresh = refresh
        self._now = now

    def drain(self) -> int:
        """Look at a few issues; give how many were claimed."""
        rows = due.claim(self._engine, look, limit=BATCH, lease=due.LEASE * 3)
        ends = time.monotonic() + TURN_SECONDS
        for row in rows:
            try:
                if time.monotonic() > ends:
                    self._postpone(row, timedelta(0), "its turn comes")
                else:
                    self._look(row)
            except due.LeaseLost as error:
                log.warning("lease lost, left to whoever has it now", error=str(error))
            except OperationalError:
                raise
            except Exception as error:  # noqa: BLE001 - a poison row must not stop its neighbours; it is logged, tried again and buried
                try_again(self._engine, look, row, error)
        return len(rows)

    def _look(self, row: Row[Any]) -> None:
        connection = self._connections.of(row.connection_id)
        if connection.refused and not self._may_ask_again(connection):
            self._postpone(row, MENDED_CHECK, f"waits until the connection is mended: {connection.refused}")
            return
        with reading(self._engine) as tx:
            alone = connections.left_alone_for(tx, connection.id)
        if alone:
            self._postpone(row, alone, "waits until the tracker can answer")
            return
        try:
            self._take(row, self._fetch(connection, row))
        except Gone as error:
            self._settle(row, f"unreachable, so nothing changes: {error}")
        except Unavailable as error:
            asked = error.retry_at - self._now() if error.retry_at else due.wait_after(row.attempts)
            wait = min(max(asked, due.FIRST_WAIT), due.LONGEST_PATIENCE)
            with writing(self._engine) as tx:
                connections.leave_alone(tx, connection.id, wait=wait)
            self._postpone(row, wait, str(error))
        except Refused as error:
            reason = str(error)
            log.warning("the tracker refuses us, so we ask it little", connection=connection.slug, reason=reason)
            with writing(self._engine) as tx:
                connections.refuse(tx, connection.id, reason=reason)
            self._postpone(row, MENDED_CHECK, reason)
        except Rejected as error:
            bury(self._engine, look, row, reason=str(error))

    def _fetch(self, connection: Configured, row: Row[Any]) -> Snapshot | Tombstone:
        try:
            connector = self._connectors[connection.kind]
            found = connector.look(connection.view, identity=row.identity, key=row.key)
        except Gone as error:
            if error.proven:
                return Tombstone(identity=row.identity, key=row.key)
            raise  # hidden is not deleted
        if connection.refused:
            log.info("the tracker answers again", connection=connection.slug)
            with writing(self._engine) as tx:
                connections.mend(tx, connection.id)
        return found

    def _may_ask_again(self, connection: Configured) -> bool:
        with writing(self._engine) as tx:
            return connections.may_ask_again(tx, connection.id, after=MENDED_CHECK)

    def _take(self, row: Row[Any], seen: Snapshot | Tombstone) -> None:
        self._refresh.commit(look, [Letter(row, Reading(name="look", observations=(seen,)), looked=True)])

    def _settle(self, row: Row[Any], outcome: str) -> None:
        with writing(self._engine) as tx:
            due.settle(tx, look, [row], [{"outcome": outcome}])

    def _postpone(self, row: Row[Any], wait: timedelta, outcome: str) -> None:
        with writing(self._engine) as tx:
            due.postpone(tx, look, row, wait=wait, outcome=outcome)
