"""One retry, backoff and rate-limit policy for every row that calls a tracker.

Fetches, polls and scheduled tasks share this loop. When a tracker refuses our credentials, one row an hour checks
whether they work again. When a tracker can't answer, or a rate limit is used up, no worker calls that tracker, or that
rate-limit bucket, until it can answer.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.domain.trackers.capabilities import HasBuckets
from sync_service.domain.trackers.connector import Connector, ConnectorError, Refused, Unavailable
from sync_service.store.engine.database import reading, writing
from sync_service.store.queue import due, rate_limits
from sync_service.store.queue.rate_limits import bucket_words
from sync_service.store.queue.retry import Rows, bury, try_groups, try_rows
from sync_service.store.trackers import connections
from sync_service.store.trackers.connections import Configured

log = structlog.get_logger(__name__)

REFUSED_RETRY = due.LONGEST_WAIT
"""How long rows of a refused connection wait; one of them then checks whether the connection works again."""

TOKEN_REFRESH_WAIT = timedelta(seconds=10)
"""How long rows of a connection wait while its OAuth token is refreshed."""

SHORT_BLOCK = timedelta(seconds=30)
"""How long all workers stop calling, at most, after a call had no answer and no time: it may be that call alone."""

LEASE = due.LEASE * 3
"""Lease of a row that calls a tracker: a call may take fifteen seconds, and a whole batch must end within it."""

Act = Callable[[Row[Any]], None]
BatchAct = Callable[[Rows], Rows]


def bucket_for(connector: Connector, connection: Configured, *, about: str) -> str:
    """Return the rate-limit bucket of a call; empty where the connector has one bucket for the connection."""
    return connector.bucket_for(connection.view, about=about) if isinstance(connector, HasBuckets) else ""


@dataclass(slots=True, kw_only=True)
class CallPolicy:
    """Postpones or buries the rows of one table, as the tracker's state and answers require."""

    engine: Engine
    table: sa.Table
    now: Callable[[], datetime]

    def drain(self, act: Act, *, limit: int = 1, seconds: float = math.inf, together: BatchAct | None = None) -> int:
        """Claim up to `limit` rows and call `act` on each; return how many were claimed.

        `together`, where given, may finish many rows with one call, and returns the rows that are left. Rows that are
        not reached within `seconds` are released for a later drain. A row that fails does not stop the others.
        """
        rows = due.claim(self.engine, self.table, limit=limit, lease=LEASE)
        ends = time.monotonic() + seconds

        def work(some: Rows) -> None:
            (act if time.monotonic() <= ends else self._release)(some[0])

        try_groups(self.engine, self.table, rows if together is None else together(rows), work)
        return len(rows)

    def guard(self, row: Row[Any], act: Act) -> None:
        """Act on one row, and retry or bury it when that fails."""
        try_rows(self.engine, self.table, [row], lambda rows: act(rows[0]))

    def _release(self, row: Row[Any]) -> None:
        with writing(self.engine) as tx:
            due.release(tx, self.table, row, outcome="released for a later drain", attempts=row.attempts - 1)

    def is_blocked(self, row: Row[Any], connection: Configured, *, bucket: str, checks: bool = True) -> bool:
        """Return whether calls in this bucket are blocked now; postpone the row if so.

        Only a row with `checks` may be the one in an hour that checks whether a refused connection works again.
        """
        if connection.refused and not (checks and self._may_check_refused(connection)):
            self.postpone(row, REFUSED_RETRY, f"waits until the connection works again: {connection.refused}")
            return True
        if self._is_token_expired(connection):
            wait = REFUSED_RETRY if connection.refresh_stopped else TOKEN_REFRESH_WAIT
            self._release_untried(row, wait, "waits until the OAuth token is refreshed")
            return True
        if blocked := self.blocked_for(connection, bucket):
            which = f" ({bucket_words(bucket)})" if bucket else ""
            self._release_untried(row, blocked, f"waits until the tracker can answer{which}")
        return bool(blocked)

    def _release_untried(self, row: Row[Any], wait: timedelta, outcome: str) -> None:
        """Release a row that was not tried, and do not count the attempt."""
        with writing(self.engine) as tx:
            due.release(tx, self.table, row, wait=wait, outcome=outcome, attempts=row.attempts - 1)

    def blocked_for(self, connection: Configured, bucket: str) -> timedelta:
        """Return for how long this bucket must not be called; zero where it may be called."""
        if self._is_token_expired(connection):
            return TOKEN_REFRESH_WAIT
        with reading(self.engine) as tx:
            return rate_limits.blocked_for(tx, connection.id, bucket)

    def _is_token_expired(self, connection: Configured) -> bool:
        return connection.token_until is not None and connection.token_until <= self.now()

    def _may_check_refused(self, connection: Configured) -> bool:
        with writing(self.engine) as tx:
            return connections.may_retry(tx, connection.id, after=REFUSED_RETRY)

    def note_recovered(self, connection: Configured) -> None:
        """Record that the tracker answers again, where it refused us before."""
        if connection.refused:
            log.info("the tracker answers again", connection=connection.slug)
            with writing(self.engine) as tx:
                connections.clear_refusal(tx, connection.id)

    def handle_error(self, row: Row[Any], connection: Configured, error: ConnectorError) -> None:
        """Handle an error of a tracker call: postpone the row, or bury it where a retry can never work.

        `Refused` also marks the connection as refused.
        """
        match error:
            case Unavailable():
                self.postpone(row, self.block(connection, error, attempts=row.attempts), str(error))
            case Refused():
                reason = str(error)
                log.warning(
                    "the tracker refuses our credentials; one call an hour checks whether they work again",
                    connection=connection.slug,
                    reason=reason,
                )
                with writing(self.engine) as tx:
                    connections.refuse(tx, connection.id, reason=reason)
                self.postpone(row, REFUSED_RETRY, reason)
            case _:
                bury(self.engine, self.table, row, reason=str(error))

    def block(self, connection: Configured, error: Unavailable, *, attempts: int) -> timedelta:
        """Block the bucket for all workers as long as the tracker says; return how long the caller's row must wait.

        Where the tracker gives no time, the row waits with backoff, and the other workers wait a short while only.
        """
        requested = error.retry_at - self.now() if error.retry_at else due.wait_after(attempts)
        wait = min(max(requested, due.FIRST_WAIT), due.LONGEST_POSTPONE)
        known = error.retry_at is not None or error.guessed
        pause: dict[str, Any] = {
            "wait": wait if known else min(wait, SHORT_BLOCK),
            "guessed": error.guessed,
            "reason": str(error),
        }
        with writing(self.engine) as tx:
            blocked = rate_limits.block(tx, connection.id, error.bucket, **pause)
        log.info(
            "calls to a tracker are blocked for a while",
            connection=connection.slug,
            bucket=error.bucket,
            reason=str(error),
        )
        return blocked if known else wait

    def settle(self, row: Row[Any], outcome: str) -> None:
        """Settle a row: there is nothing more to do."""
        with writing(self.engine) as tx:
            due.settle(tx, self.table, [row], [{"outcome": outcome}])

    def postpone(self, row: Row[Any], wait: timedelta, outcome: str) -> None:
        """Release a row, to be claimed again after the wait."""
        with writing(self.engine) as tx:
            due.postpone(tx, self.table, row, wait=wait, outcome=outcome)
