"""Asking trackers: how rows that need an answer are worked on, and what they do while a tracker can't give one.

One loop and one policy for looks, lists and errands. A tracker that refuses our credentials is asked once an hour
whether it was mended; one that can't answer is left alone by all until it can, or that part of it whose limit is used
up.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine, Row
from sqlalchemy.exc import OperationalError

from sync_service.domain.abilities import Parts
from sync_service.domain.connectors import Connector, ConnectorError, Refused, Unavailable
from sync_service.failing import bury, try_again
from sync_service.store import connections, due, pauses
from sync_service.store.connections import Configured
from sync_service.store.database import reading, writing

log = structlog.get_logger(__name__)

MENDED_CHECK = due.LONGEST_WAIT
"""How long rows of a refused connection wait; once in this time one of them asks whether it was mended."""

RENEWAL_WAIT = timedelta(seconds=10)
"""How long rows of a connection wait whose consent is being renewed."""

SHORT_PAUSE = timedelta(seconds=30)
"""How long all leave a tracker alone, at most, that gave one of them no answer and no time: it may be but the one."""

LEASE = due.LEASE * 3
"""How long a row that asks is ours: a call may take fifteen seconds, and all of a turn must end within the lease."""

Act = Callable[[Row[Any]], None]
Together = Callable[[Sequence[Row[Any]]], Sequence[Row[Any]]]


def part_of(connector: Connector, connection: Configured, *, about: str) -> str:
    """Name the part of a connection that a call would use, where its connector tells them apart; else the whole."""
    return connector.part(connection.view, about=about) if isinstance(connector, Parts) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Lets the rows of one table wait, or be buried, as a tracker's state and answers ask for."""

    engine: Engine
    table: sa.Table
    now: Callable[[], datetime]

    def drain(self, act: Act, *, limit: int = 1, seconds: float = math.inf, together: Together | None = None) -> int:
        """Claim up to `limit` rows and `act` on each; give how many were claimed.

        Where `together` is given, it may finish many at once, and gives those that are left. After `seconds` the rest
        are given back, so that others have a turn. A row that fails stops none of its neighbours.
        """
        rows = due.claim(self.engine, self.table, limit=limit, lease=LEASE)
        ends = time.monotonic() + seconds
        for row in rows if together is None else together(rows):
            self.guard(row, act if time.monotonic() <= ends else self._give_back)
        return len(rows)

    def guard(self, row: Row[Any], act: Act) -> None:
        """Act on a row. One whose lease is lost is its new holder's; one that fails is tried again or buried."""
        try:
            act(row)
        except due.LeaseLost as error:
            log.warning("lease lost, left to whoever has it now", error=str(error))
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - a poison row must not stop its neighbours; it is logged, tried again and buried
            try_again(self.engine, self.table, row, error)

    def _give_back(self, row: Row[Any]) -> None:
        with writing(self.engine) as tx:
            due.hand_back(tx, self.table, row, outcome="its turn comes", attempts=row.attempts - 1)

    def must_wait(self, row: Row[Any], connection: Configured, *, part: str, checks: bool = True) -> bool:
        """Postpone a row whose connection, or the part of it, must not be asked now; tell whether that is so.

        A row that `checks` may be the one in an hour that asks whether the connection was mended.
        """
        if connection.refused and not (checks and self._may_ask_again(connection)):
            self.postpone(row, MENDED_CHECK, f"waits until the connection is mended: {connection.refused}")
            return True
        if self._is_expired(connection):
            wait = MENDED_CHECK if connection.ended else RENEWAL_WAIT
            self._let_wait(row, wait, "waits until the consent is renewed")
            return True
        if rest := self.rest_of(connection, part):
            self._let_wait(row, rest, f"waits until the tracker can answer{f' ({part})' if part else ''}")
        return bool(rest)

    def _let_wait(self, row: Row[Any], wait: timedelta, outcome: str) -> None:
        """Give a row back that was not tried, so that it is not counted as an attempt."""
        with writing(self.engine) as tx:
            due.hand_back(tx, self.table, row, wait=wait, outcome=outcome, attempts=row.attempts - 1)

    def rest_of(self, connection: Configured, part: str) -> timedelta:
        """Tell for how long a part of a connection must not be asked; zero where it may."""
        if self._is_expired(connection):
            return RENEWAL_WAIT
        with reading(self.engine) as tx:
            return pauses.rest_of(tx, connection.id, part)

    def _is_expired(self, connection: Configured) -> bool:
        return connection.token_until is not None and connection.token_until <= self.now()

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
                self.postpone(row, self.pause(connection, error, attempts=row.attempts), str(error))
            case Refused():
                reason = str(error)
                log.warning("the tracker refuses us, so we ask it little", connection=connection.slug, reason=reason)
                with writing(self.engine) as tx:
                    connections.refuse(tx, connection.id, reason=reason)
                self.postpone(row, MENDED_CHECK, reason)
            case _:
                bury(self.engine, self.table, row, reason=str(error))

    def pause(self, connection: Configured, error: Unavailable, *, attempts: int) -> timedelta:
        """Let all leave alone what can't answer, for as long as it says; give how long who asked is to wait.

        Where nothing is said that is with backoff, and the others leave it alone for a short while only.
        """
        asked = error.retry_at - self.now() if error.retry_at else due.wait_after(attempts)
        wait = min(max(asked, due.FIRST_WAIT), due.LONGEST_PATIENCE)
        told = error.retry_at is not None or error.guessed
        pause: dict[str, Any] = {
            "wait": wait if told else min(wait, SHORT_PAUSE),
            "guessed": error.guessed,
            "reason": str(error),
        }
        with writing(self.engine) as tx:
            rest = pauses.begin(tx, connection.id, error.part, **pause)
        log.info("leaves a tracker alone", connection=connection.slug, part=error.part, reason=str(error))
        return rest if told else wait

    def settle(self, row: Row[Any], outcome: str) -> None:
        """Finish a row with nothing more to do."""
        with writing(self.engine) as tx:
            due.settle(tx, self.table, [row], [{"outcome": outcome}])

    def postpone(self, row: Row[Any], wait: timedelta, outcome: str) -> None:
        """Give a row back, to be claimed again after the wait."""
        with writing(self.engine) as tx:
            due.postpone(tx, self.table, row, wait=wait, outcome=outcome)
