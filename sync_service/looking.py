"""Going to look: an issue that a letter did not tell enough about is fetched, and what we see beats the letter."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.asking import Asking, part_of
from sync_service.domain.connectors import Connector, ConnectorError, Gone
from sync_service.domain.issues import Reading, Snapshot, Tombstone
from sync_service.letters import Letter, Said, Way, in_words
from sync_service.refresh import Refresh
from sync_service.store import due
from sync_service.store.connections import Configured, Connections
from sync_service.store.tables import look

BATCH = 10
"""Looks claimed at a time; each is a network call of up to ten seconds, and all must end within the lease."""

TURN_SECONDS = 20.0
"""How long one drain looks before others have a turn: a slow tracker must not stop deliveries."""


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
        self._connectors = connectors
        self._connections = connections
        self._refresh = refresh
        self._now = now
        self._asking = Asking(engine=engine, table=look, now=now)

    def drain(self) -> int:
        """Look at a few issues; give how many were claimed."""
        return self._asking.drain(self._look, limit=BATCH, seconds=TURN_SECONDS)

    def _look(self, row: Row[Any]) -> None:
        connection = self._connections.of(row.connection_id)
        connector = self._connectors[connection.kind]
        if self._asking.must_wait(row, connection, part=part_of(connector, connection, about=row.identity)):
            return
        try:
            self._take(row, self._fetch(connector, connection, row))
        except Gone as error:
            self._asking.settle(row, f"unreachable, so nothing changes: {error}")
        except ConnectorError as error:
            self._asking.failed(row, connection, error)

    def _fetch(self, connector: Connector, connection: Configured, row: Row[Any]) -> Snapshot | Tombstone:
        try:
            found = connector.look(connection.view, identity=row.identity, key=row.key)
        except Gone as error:
            if error.proven:
                return Tombstone(identity=row.identity, key=row.key)
            raise  # hidden is not deleted
        self._asking.answered(connection)
        return found

    def _take(self, row: Row[Any], seen: Snapshot | Tombstone) -> None:
        letter = Letter(
            connection_id=row.connection_id,
            reading=Reading(name="look", observations=(seen,)),
            told_at=self._now(),
            delivery_id=row.delivery_id,
            way=Way.LOOKED,
        )

        def settle(tx: Transaction, said: Said) -> None:
            due.settle(tx, look, [row], [{"outcome": in_words(said[0])}])

        self._refresh.take([letter], settle)
