"""Asking trackers: what rows that need an answer do while a tracker refuses us, is away or wants patience.

One policy for looks and for lists. A tracker that refuses our credentials is asked once an hour whether it was mended;
one that can't answer is left alone by all until it can, or that part of it whose limit is used up.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.domain.abilities import Parts
from sync_service.domain.connectors import Connector, ConnectorError, Refused, Unavailable
from sync_service.failing import bury
from sync_service.store import connections, due, pauses
from sync_service.store.connections import Configured
from sync_service.store.database import reading, writing

log = structlog.get_logger(__name__)

MENDED_CHECK = due.LONGEST_WAIT
"""How long rows of a refused connection wait; once in this time one of them asks whether it was mended."""


def part_of(connector: Connector, connection: Configured, *, about: str) -> str:
    """Name the part of a connection that a call would use, where its connector tells them apart; else the whole."""
    return connector.part(connection.view, about=about) if isinstance(connector, Parts) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Lets the rows of one table wait, or be buried, as a tracker's state and answers ask for."""

    engine: Engine
    table: sa.Table
    now: Callable[[], datetime]

    def must_wait(self, row: Row[Any], connection: Configured, *, part: str) -> bool:
        """Postpone a row whose connection, or the part of it, must not be asked now; tell whether that is so."""
        if connection.refused and not self._may_ask_again(connection):
            self.postpone(row, MENDED_CHECK, f"waits until the connection is mended: {connection.refused}")
            return True
        with reading(self.engine) as tx:
            rest = pauses.rest_of(tx, connection.id, part)
        if rest:
            self.postpone(row, rest, f"waits until the tracker can answer{f' ({part})' if part else ''}")
        return bool(rest)

    def _may_ask_again(self, connection: Configured) -> bool:
        with writing(self.engine) as tx:
            return connections.may_ask_again(tx, connection.id, after=MENDED_CHECK)

    def answered(self, connection: Configured) -> None:
        """Note that the tracker answers, where it refused us before."""
        if connection.refused:
            log.info("the tracker answers again", connection=connection.slug)
            with writing(self.engine) as tx:
                connections.mend(tx, connection.id)

    def failed(self, row: Row[Any], connection: Configured, error: ConnectorError) -> None:
        """Do with a row and its connection what a tracker's answer asks for; what will never work is buried."""
        match error:
            case Unavailable():
                asked = error.retry_at - self.now() if error.retry_at else due.wait_after(row.attempts)
                wait = min(max(asked, due.FIRST_WAIT), due.LONGEST_PATIENCE)
                with writing(self.engine) as tx:
                    wait = pauses.begin(tx, connection.id, error.part, wait=wait, guessed=error.guessed)
                self.postpone(row, wait, str(error))
            case Refused():
                reason = str(error)
                log.warning("the tracker refuses us, so we ask it little", connection=connection.slug, reason=reason)
                with writing(self.engine) as tx:
                    connections.refuse(tx, connection.id, reason=reason)
                self.postpone(row, MENDED_CHECK, reason)
            case _:
                bury(self.engine, self.table, row, reason=str(error))

    def settle(self, row: Row[Any], outcome: str) -> None:
        """Finish a row with nothing more to do."""
        with writing(self.engine) as tx:
            due.settle(tx, self.table, [row], [{"outcome": outcome}])

    def postpone(self, row: Row[Any], wait: timedelta, outcome: str) -> None:
        """Give a row back, to be claimed again after the wait."""
        with writing(self.engine) as tx:
            due.postpone(tx, self.table, row, wait=wait, outcome=outcome)
