"""Run the scheduled tasks of connectors: periodic work of a connection beside deliveries, fetches and polls.

The `memory` of a task is stored after it has run. If it is killed before, it runs again with the older memory.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy.engine import Engine, Row

from sync_service.domain.trackers.capabilities import HasScheduledTasks, TaskResult
from sync_service.domain.trackers.connector import Connector, ConnectorError, Refused, Unavailable
from sync_service.domain.trackers.state_changes import ReadsHistory
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.queue import due, scheduled_tasks
from sync_service.store.tables import scheduled_task
from sync_service.store.trackers.connections import Configured, Connections
from sync_service.tracker_sync import read_histories
from sync_service.tracker_sync.call_policy import REFUSED_RETRY, CallPolicy, bucket_for
from sync_service.tracker_sync.read_histories import HistoryReader

log = structlog.get_logger(__name__)

ADD_INTERVAL = timedelta(hours=1)
"""How often we check whether a connection has other tasks than before."""

SHORTEST_WAIT = timedelta(seconds=1)
"""Shortest wait of a task that wants to continue at once, so that other rows run in between."""


class _TaskConnector(Connector, HasScheduledTasks, Protocol):
    """A connector with scheduled tasks."""


@dataclass(slots=True, kw_only=True)
class TaskRunner:
    """Drains scheduled tasks. Makes no network call inside a transaction."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    now: Callable[[], datetime]
    _policy: CallPolicy = field(init=False)

    def __post_init__(self) -> None:
        self._policy = CallPolicy(engine=self.engine, table=scheduled_task, now=self.now)

    def drain(self) -> int:
        """Run one scheduled task; return how many rows were claimed."""
        return self._policy.drain(self._run)

    def _run(self, row: Row[Any]) -> None:
        connection = self.connections.of(row.connection_id)
        if not connection.view.has_credentials:
            connection = self.connections.latest(row.connection_id)
        connector = self.connectors[connection.kind]
        if not connection.view.has_credentials or not isinstance(connector, HasScheduledTasks):
            self._policy.settle(row, "there are no credentials to call with, or the tracker has no scheduled tasks")
            return
        intervals = _intervals(connector, connection)
        if row.name == scheduled_tasks.ADD_TASKS:
            self._add_tasks(row, intervals)
        elif row.name not in intervals:
            self._policy.settle(row, "the connection no longer has this task")
        elif connection.refused:
            # A task may work without what is refused to it, so it can't prove that the credentials work. Fetches and
            # polls can.
            self._policy.postpone(row, REFUSED_RETRY, f"waits until the connection works again: {connection.refused}")
        elif not self._policy.is_blocked(row, connection, bucket=bucket_for(connector, connection, about="")):
            self._call(row, connection, connector, intervals[row.name])

    def _add_tasks(self, row: Row[Any], intervals: Mapping[str, timedelta]) -> None:
        """Make sure that each task has its row."""
        with writing(self.engine) as tx:
            scheduled_tasks.add(tx, row.connection_id, intervals)
            outcome = ", ".join(sorted(intervals)) or "none"
            due.release(tx, scheduled_task, row, wait=ADD_INTERVAL, outcome=outcome, ran_at=database_now(tx))

    def _call(self, row: Row[Any], connection: Configured, connector: _TaskConnector, interval: timedelta) -> None:
        with reading(self.engine) as tx:
            scopes = scheduled_tasks.watched_scopes(tx, connection.id)
        try:
            if row.name == scheduled_tasks.READ_HISTORIES and isinstance(connector, ReadsHistory):
                result = HistoryReader.of(self._policy, row, connection, connector).run(connector)
            else:
                result = connector.run_task(connection.view, name=row.name, scopes=scopes, memory=row.memory)
        except (Unavailable, Refused) as error:
            self._policy.handle_error(row, connection, error)
            return
        except ConnectorError as error:
            result = TaskResult(outcome=f"failed: {error}", memory=row.memory)
        self._save(row, result, interval)
        log.info("ran a scheduled task", connection=connection.slug, task=row.name, outcome=result.outcome)

    def _save(self, row: Row[Any], result: TaskResult, interval: timedelta) -> None:
        wait = min(
            max(result.next_run_in if result.next_run_in is not None else interval, SHORTEST_WAIT), due.LONGEST_POSTPONE
        )
        with writing(self.engine) as tx:
            due.release(
                tx,
                scheduled_task,
                row,
                wait=wait,
                outcome=result.outcome,
                memory=result.memory,
                problem=result.problem,
                ran_at=database_now(tx),
            )


def _intervals(connector: HasScheduledTasks, connection: Configured) -> Mapping[str, timedelta]:
    """Return the scheduled tasks of a connection: its connector's own, and reading histories."""
    own = connector.scheduled_tasks(connection.view)
    reads = isinstance(connector, ReadsHistory)
    return {**own, scheduled_tasks.READ_HISTORIES: read_histories.INTERVAL} if reads else own
