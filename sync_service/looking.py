"""Going to look: an issue that a letter did not tell enough about is fetched, and what we see beats the letter.

Where a connector can, many are fetched with one call. Whatever that leaves out, or can't do just now, is looked at one
by one. A look that only finds out which issue is meant is followed by one at the issue itself.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, assert_never

import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row
from sqlalchemy.exc import OperationalError

from sync_service.asking import Asking, part_of
from sync_service.domain.abilities import LooksTogether, Seen
from sync_service.domain.connectors import Connector, ConnectorError, Elsewhere, Gone, Unavailable
from sync_service.domain.issues import Look, Reading, Snapshot, Tombstone
from sync_service.letters import Letter, Said, Way, in_words
from sync_service.refresh import Refresh
from sync_service.store import due
from sync_service.store.connections import Configured, Connections
from sync_service.store.looks import UNREACHABLE
from sync_service.store.tables import look

log = structlog.get_logger(__name__)

BATCH = 10
"""Looks claimed at a time where each is a call of up to fifteen seconds."""

BATCH_TOGETHER = 100
"""Looks claimed at a time where a connector looks at many with one call."""

TURN_SECONDS = 20.0
"""How long one drain looks before others have a turn: a slow tracker must not stop deliveries."""

Rows = Sequence[Row[Any]]


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
        """Look at some issues; give how many were claimed."""
        together = any(isinstance(one, LooksTogether) for one in self._connectors.values())
        limit = BATCH_TOGETHER if together else BATCH
        return self._asking.drain(self._look, limit=limit, seconds=TURN_SECONDS, together=self._look_together)

    # Many with one call

    def _look_together(self, rows: Rows) -> Rows:
        """Look at many with a call for each part of a connection; give the rows that are left, in their order."""
        ends = time.monotonic() + TURN_SECONDS
        done: set[int] = set()
        for group in self._groups(rows):
            if time.monotonic() <= ends:
                done |= self._look_at_group(group)
        return [row for row in rows if row.id not in done]

    def _groups(self, rows: Rows) -> Iterator["_Group"]:
        """Give the rows that can be looked at together, as many as a call takes, and no fewer than are worth one."""
        found: dict[tuple[int, str], _Group] = {}
        for row in rows:
            if (place := self._place(row)) is not None:
                connection, connector, part = place
                group = found.setdefault((connection.id, part), _Group(connection, connector, []))
                group.rows.append(row)
        for (_, part), group in found.items():
            also = group.connector.part_together(group.connection.view, about=group.rows[0].identity)
            if not any(self._asking.rest_of(group.connection, one) for one in (part, also)):
                yield from group.parts()

    def _place(self, row: Row[Any]) -> tuple[Configured, LooksTogether, str] | None:
        try:
            connection = self._connections.of(row.connection_id)
        except KeyError:
            return None  # removed meanwhile, and its rows with it
        connector = self._connectors[connection.kind]
        if connection.refused or not connection.view.has_credentials or not isinstance(connector, LooksTogether):
            return None
        return connection, connector, part_of(connector, connection, about=row.identity)

    def _look_at_group(self, group: "_Group") -> set[int]:
        """Look at all rows of a group with one call; give the ids of those that are done with."""
        connection, rows = group.connection, group.rows
        try:
            found = group.connector.look_together(connection.view, wanted={row.identity: row.key for row in rows})
        except Unavailable as error:
            if error.part or error.retry_at:
                self._asking.pause(connection, error, attempts=rows[0].attempts)
                return set()
            # It may be the one question that is too much: a look at each tells.
            log.warning("can't look at many at once now, so at each", connection=connection.slug, reason=str(error))
            return set()
        except ConnectorError as error:
            log.warning("can't look at many at once, so at each", connection=connection.slug, reason=str(error))
            return set()
        except Exception:
            log.exception("looking at many at once failed, so each is looked at", connection=connection.slug)
            return set()
        seen = [(row, found[row.identity]) for row in rows if row.identity in found]
        self._conclude_group(connection, seen)
        return {row.id for row, _ in seen}

    def _conclude_group(self, connection: Configured, seen: Sequence[tuple[Row[Any], Seen]]) -> None:
        """Take all snapshots in one transaction, and whatever else was seen one by one; so all, if that fails."""
        left: Sequence[tuple[Row[Any], Seen]] = [pair for pair in seen if not isinstance(pair[1], Snapshot)]
        try:
            self._take([(row, one) for row, one in seen if isinstance(one, Snapshot)])
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - one of them is to blame, and must stop none of the others
            log.warning("what was seen is taken one by one", reason=str(error).splitlines()[0])
            left = seen
        for row, one in left:
            self._asking.guard(row, partial(self._conclude, connection=connection, seen=one))

    # One by one

    def _look(self, row: Row[Any]) -> None:
        connection = self._connections.of(row.connection_id)
        connector = self._connectors[connection.kind]
        if self._asking.must_wait(row, connection, part=part_of(connector, connection, about=row.identity)):
            return
        try:
            seen: Snapshot | ConnectorError = connector.look(connection.view, identity=row.identity, key=row.key)
        except ConnectorError as error:
            seen = error
        else:
            self._asking.answered(connection)
        self._conclude(row, connection=connection, seen=seen)

    def _conclude(self, row: Row[Any], *, connection: Configured, seen: Snapshot | ConnectorError) -> None:
        """Take what a look gave, or do what its error asks for. Hidden is not deleted."""
        if isinstance(seen, Snapshot):
            self._take([(row, seen)])
        elif isinstance(seen, Elsewhere):
            self._take([(row, seen.look)])
        elif isinstance(seen, Gone) and seen.proven:
            whither = {"successor": seen.successor, "moved_to": seen.moved_to}
            self._take([(row, Tombstone(identity=row.identity, key=row.key, **whither))])
        elif isinstance(seen, Gone):
            self._asking.settle(row, f"{UNREACHABLE}, so nothing changes: {seen}")
        elif isinstance(seen, ConnectorError):
            self._asking.failed(row, connection, seen)
        else:
            assert_never(seen)  # a connector's bug, to be tried again and told of as every other

    def _take(self, seen: Sequence[tuple[Row[Any], Snapshot | Look | Tombstone]]) -> None:
        """Take what was seen, and settle its rows, in one transaction."""
        letters = [
            Letter(
                connection_id=row.connection_id,
                reading=Reading(name="look", observations=(one,)),
                told_at=self._now(),
                delivery_id=row.delivery_id,
                way=Way.LOOKED,
            )
            for row, one in seen
        ]

        def settle(tx: Transaction, said: Said) -> None:
            due.settle(tx, look, [row for row, _ in seen], [{"outcome": in_words(told)} for told in said])

        if letters:
            self._refresh.take(letters, settle)


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows of one part of a connection."""

    connection: Configured
    connector: LooksTogether
    rows: list[Row[Any]]

    def parts(self) -> Iterator["_Group"]:
        """Give them in as many groups as it takes calls; what is not worth a call is left out."""
        for at in range(0, len(self.rows), self.connector.most_together):
            some = self.rows[at : at + self.connector.most_together]
            if len(some) >= self.connector.least_together:
                yield replace(self, rows=some)
