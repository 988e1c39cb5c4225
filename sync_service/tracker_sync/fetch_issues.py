"""Fetch issues whose webhook did not say enough; a fetched snapshot wins over the webhook's.

Where a connector can, one call fetches many issues. Issues that the call leaves out, or that fail together, are fetched
one by one. A fetch may only find out which issue is meant: then the issue itself is fetched next.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, assert_never

import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.trackers.capabilities import BatchFetch, FetchResult
from sync_service.domain.trackers.connector import Connector, ConnectorError, Gone, Rejected, ResolvedTo, Unavailable
from sync_service.domain.trackers.observations import FetchNeeded, ParsedDelivery, Snapshot, Tombstone
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.ingest.updates import Outcomes, Update, UpdateSource, outcome_text
from sync_service.store.engine.availability import is_away
from sync_service.store.queue import due
from sync_service.store.queue.fetch_requests import UNREACHABLE
from sync_service.store.queue.retry import Rows, bury
from sync_service.store.tables import fetch_request
from sync_service.store.trackers.connections import Configured, Connections
from sync_service.tracker_sync.call_policy import CallPolicy, bucket_for

log = structlog.get_logger(__name__)

BATCH = 10
"""Rows claimed at a time where each is a call of up to fifteen seconds."""

BATCH_TOGETHER = 100
"""Rows claimed at a time where a connector fetches many issues with one call."""

DRAIN_SECONDS = 20.0
"""How long one drain fetches before other tables are drained: a slow tracker must not stop deliveries."""


@dataclass(slots=True, kw_only=True)
class IssueFetcher:
    """Drains fetch requests. Makes no network call inside a transaction."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    applier: UpdateApplier
    now: Callable[[], datetime]
    _policy: CallPolicy = field(init=False)

    def __post_init__(self) -> None:
        self._policy = CallPolicy(engine=self.engine, table=fetch_request, now=self.now)

    def drain(self) -> int:
        """Fetch some issues; return how many rows were claimed."""
        together = any(isinstance(one, BatchFetch) for one in self.connectors.values())
        limit = BATCH_TOGETHER if together else BATCH
        return self._policy.drain(self._fetch, limit=limit, seconds=DRAIN_SECONDS, together=self._fetch_together)

    # Many issues with one call

    def _fetch_together(self, rows: Rows) -> Rows:
        """Fetch many issues, one call for each rate-limit bucket; return the rows that are left, in their order."""
        ends = time.monotonic() + DRAIN_SECONDS
        done: set[int] = set()
        for group in self._groups(rows):
            if time.monotonic() <= ends:
                done |= self._fetch_group(group)
        return [row for row in rows if row.id not in done]

    def _groups(self, rows: Rows) -> Iterator["_Group"]:
        """Yield groups of rows for one call each: at most as many as a call takes, and not fewer than are worth one."""
        found: dict[tuple[int, str], _Group] = {}
        for row in rows:
            if (target := self._batch_target(row)) is not None:
                connection, connector, bucket = target
                group = found.setdefault((connection.id, bucket), _Group(connection, connector, []))
                group.rows.append(row)
        for (_, bucket), group in found.items():
            batch_bucket = group.connector.bucket_for_batch(group.connection.view, about=group.rows[0].identity)
            if not any(self._policy.blocked_for(group.connection, one) for one in (bucket, batch_bucket)):
                yield from group.in_calls()

    def _batch_target(self, row: Row[Any]) -> tuple[Configured, BatchFetch, str] | None:
        try:
            connection = self.connections.of(row.connection_id)
        except KeyError:
            return None  # the connection was removed, and its rows with it
        connector = self.connectors[connection.kind]
        if connection.refused or not connection.view.has_credentials or not isinstance(connector, BatchFetch):
            return None
        return connection, connector, bucket_for(connector, connection, about=row.identity)

    def _fetch_group(self, group: "_Group") -> set[int]:
        """Fetch all issues of a group with one call; return the ids of the finished rows."""
        connection, rows = group.connection, group.rows
        asked_at = self.now()
        try:
            found = group.connector.fetch_issues(connection.view, wanted={row.identity: row.key for row in rows})
        except Unavailable as error:
            if error.bucket or error.retry_at:
                self._policy.block(connection, error, attempts=rows[0].attempts)
                return set()
            # Perhaps only this large query fails: a fetch of each issue will show.
            log.warning(
                "can't fetch many issues with one call now; fetching each",
                connection=connection.slug,
                reason=str(error),
            )
            return set()
        except ConnectorError as error:
            log.warning(
                "can't fetch many issues with one call; fetching each", connection=connection.slug, reason=str(error)
            )
            return set()
        except Exception:
            log.exception("fetching many issues with one call failed; fetching each", connection=connection.slug)
            return set()
        seen = [(row, found[row.identity]) for row in rows if row.identity in found]
        self._apply_group(connection, seen, asked_at)
        return {row.id for row, _ in seen}

    def _apply_group(
        self, connection: Configured, seen: Sequence[tuple[Row[Any], FetchResult]], asked_at: datetime
    ) -> None:
        """Apply all snapshots in one transaction, other answers one by one; if that fails, apply all one by one."""
        left: Sequence[tuple[Row[Any], FetchResult]] = [pair for pair in seen if not isinstance(pair[1], Snapshot)]
        try:
            self._apply([(row, one) for row, one in seen if isinstance(one, Snapshot)], asked_at)
        except Exception as error:
            if is_away(error):
                raise
            log.warning(
                "fetched issues are applied one by one", reason=str(error).partition("\n")[0] or type(error).__name__
            )
            left = seen
        for row, one in left:
            self._policy.guard(row, partial(self._apply_answer, connection=connection, seen=one, asked_at=asked_at))

    # One issue with one call

    def _fetch(self, row: Row[Any]) -> None:
        connection = self.connections.of(row.connection_id)
        connector = self.connectors[connection.kind]
        if self._policy.is_blocked(row, connection, bucket=bucket_for(connector, connection, about=row.identity)):
            return
        asked_at = self.now()
        try:
            seen: Snapshot | ConnectorError = connector.fetch_issue(connection.view, identity=row.identity, key=row.key)
        except ConnectorError as error:
            seen = error
        else:
            self._policy.note_recovered(connection)
        self._apply_answer(row, connection=connection, seen=seen, asked_at=asked_at)

    def _apply_answer(
        self, row: Row[Any], *, connection: Configured, seen: Snapshot | ConnectorError, asked_at: datetime
    ) -> None:
        """Apply a fetched issue, or handle the error of its fetch. Hidden does not mean deleted."""
        if isinstance(seen, Snapshot):
            self._apply([(row, seen)], asked_at)
        elif isinstance(seen, ResolvedTo):
            self._apply([(row, seen.fetch)], asked_at)
        elif isinstance(seen, Gone) and seen.proven:
            moved = {"successor": seen.successor, "moved_to": seen.moved_to}
            self._apply([(row, Tombstone(identity=row.identity, key=row.key, **moved))], asked_at)
        elif isinstance(seen, Gone):
            self._policy.settle(row, f"{UNREACHABLE}, so nothing changes: {seen}")
        elif isinstance(seen, Rejected):
            bury(self.engine, fetch_request, row, reason=f"{UNREACHABLE}: {seen}")
        elif isinstance(seen, ConnectorError):
            self._policy.handle_error(row, connection, seen)
        else:
            assert_never(seen)  # a bug of a connector: retried and logged as every other

    def _apply(self, seen: Sequence[tuple[Row[Any], Snapshot | FetchNeeded | Tombstone]], asked_at: datetime) -> None:
        """Apply fetched observations, asked for at `asked_at`, and settle their rows, in one transaction."""
        updates = [
            Update(
                connection_id=row.connection_id,
                parsed=ParsedDelivery(name="fetch", observations=(one,)),
                received_at=asked_at,
                delivery_id=row.delivery_id,
                via=UpdateSource.FETCH,
            )
            for row, one in seen
        ]

        def settle(tx: Transaction, all_outcomes: Outcomes) -> None:
            due.settle(
                tx,
                fetch_request,
                [row for row, _ in seen],
                [{"outcome": outcome_text(outcomes)} for outcomes in all_outcomes],
            )

        if updates:
            self.applier.apply(updates, settle)


@dataclass(frozen=True, slots=True)
class _Group:
    """Rows of one connection and rate-limit bucket."""

    connection: Configured
    connector: BatchFetch
    rows: list[Row[Any]]

    def in_calls(self) -> Iterator["_Group"]:
        """Yield the rows in groups of one call each; leave out what is not worth a call."""
        for at in range(0, len(self.rows), self.connector.max_batch):
            some = self.rows[at : at + self.connector.max_batch]
            if len(some) >= self.connector.min_batch:
                yield replace(self, rows=some)
