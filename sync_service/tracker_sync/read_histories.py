"""Read the histories of linked issues from their tracker, in the background and within a number of calls.

A first import shows issues as they are now. What happened to them since the cycle began, its changelog or timeline
says. They are read in pages, the newest cycle first; each page is one transaction, so a kill loses one page. This runs
as a scheduled task of each connection whose tracker has histories.
"""

import json
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy.engine import Engine, Row

from sync_service.domain.text import counted
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Connector
from sync_service.domain.trackers.state_changes import HistoryRef, IssueHistory, ReadsHistory
from sync_service.store.engine.database import reading, retry_on_conflict, writing
from sync_service.store.jobs import histories, polls
from sync_service.store.queue import due
from sync_service.store.tables import scheduled_task
from sync_service.store.trackers.connections import Configured
from sync_service.tracker_sync.call_policy import LEASE, CallPolicy, bucket_for

INTERVAL = timedelta(minutes=10)
"""How often we check whether a linked issue has a past that is not known."""

CONTINUE = timedelta(minutes=1)
"""How soon the next run goes on where there is more to read, or an import is under way."""

MOST_CALLS = 50
"""Most calls of one run, and so of one minute. The last page may exceed it."""

MOST_CALLS_A_DAY = 1000
"""Most calls of a connection in a day, in UTC."""

MOST_ISSUES = 1000
"""Most issues of one run: trackers that give many histories with one call need few calls."""

DRAIN_SECONDS = 5.0
"""How long one run reads before other tables are drained."""


@dataclass(frozen=True, slots=True)
class CallsOfDay:
    """The calls made on a day."""

    day: date
    calls: int = 0

    @classmethod
    def of(cls, memory: str | None, today: date) -> "CallsOfDay":
        """Read the memory of the last run; a new day begins with none."""
        found = json.loads(memory) if memory else {}
        return cls(today, int(found.get("calls", 0)) if found.get("day") == today.isoformat() else 0)

    @property
    def memory(self) -> str:
        """Return the memory for the next run."""
        return json.dumps({"day": self.day.isoformat(), "calls": self.calls})

    @property
    def are_over(self) -> bool:
        """Return whether no more calls may be made on this day."""
        return self.calls >= MOST_CALLS_A_DAY


@dataclass(slots=True, kw_only=True)
class HistoryReader:
    """One run: the task's row, the connection, and what was done so far. Makes no network call inside a transaction."""

    engine: Engine
    policy: CallPolicy
    row: Row[Any]
    connection: Configured
    connector: Connector
    now: datetime
    calls: CallsOfDay
    calls_before: int = 0
    read: int = 0
    changed: int = 0
    problems: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, policy: CallPolicy, row: Row[Any], connection: Configured, connector: Connector) -> "HistoryReader":
        """Begin a run."""
        now = policy.now()
        calls = CallsOfDay.of(row.memory, now.date())
        return cls(
            engine=policy.engine,
            policy=policy,
            row=row,
            connection=connection,
            connector=connector,
            now=now,
            calls=calls,
            calls_before=calls.calls,
        )

    def run(self, tracker: ReadsHistory) -> TaskResult:
        """Read the histories that are wanted, until the calls or the time are used up."""
        view = self.connection.view
        with reading(self.engine) as tx:
            is_importing = polls.is_importing(tx, self.connection.id)
            starts = tracker.start_needs_history(view)
            refs = histories.wanted(tx, self.connection.id, now=self.now, limit=MOST_ISSUES + 1, starts=starts)
        ends = time.monotonic() + DRAIN_SECONDS
        allowed = self._allowed(refs)
        together = tracker.histories_together(view)
        for start in range(0, len(allowed), together):
            if self._is_over(ends):
                break
            self._read_page(tracker, allowed[start : start + together])
        return self._result(left=len(refs) - self.read, is_importing=is_importing)

    def _allowed(self, refs: Sequence[HistoryRef]) -> list[HistoryRef]:
        """Return the issues about which we may call now."""
        blocked: dict[str, bool] = {}
        for ref in refs:
            bucket = bucket_for(self.connector, self.connection, about=ref.identity)
            if bucket not in blocked:
                blocked[bucket] = bool(self.policy.blocked_for(self.connection, bucket))
        return [ref for ref in refs if not blocked[bucket_for(self.connector, self.connection, about=ref.identity)]]

    def _is_over(self, ends: float) -> bool:
        used = self.calls.calls - self.calls_before
        return used >= MOST_CALLS or self.calls.are_over or time.monotonic() > ends

    def _read_page(self, tracker: ReadsHistory, page: Sequence[HistoryRef]) -> None:
        """Read and save the histories of some issues; those read before an error are saved."""
        found: list[IssueHistory] = []
        asked_at = self.policy.now()
        try:
            found.extend(tracker.read_history(self.connection.view, page))
        except Exception:
            self._save(found, asked_at, calls=1)
            raise
        answered = {one.identity for one in found}
        unanswered = [
            IssueHistory(ref.identity, (), whole=False, calls=0) for ref in page if ref.identity not in answered
        ]
        self._save([*found, *unanswered], asked_at)

    def _save(self, found: Iterable[IssueHistory], asked_at: datetime, *, calls: int = 0) -> None:
        listed = list(found)
        self.calls = replace(self.calls, calls=self.calls.calls + calls + sum(one.calls for one in listed))
        self.read += len(listed)
        self.problems.update(one.problem for one in listed if one.problem)
        self.changed += retry_on_conflict(partial(self._save_once, listed, asked_at))

    def _save_once(self, found: Sequence[IssueHistory], asked_at: datetime) -> int:
        with writing(self.engine) as tx:
            due.checkpoint(tx, scheduled_task, self.row, lease=LEASE, memory=self.calls.memory)
            return histories.save(tx, self.connection.id, found, read_at=asked_at)

    def _result(self, *, left: int, is_importing: bool) -> TaskResult:
        used = counted(self.calls.calls - self.calls_before, "call")
        outcome = f"{counted(self.read, 'history', 'histories')} read with {used}, {self.changed} changed"
        for problem, times in self.problems.items():
            outcome = f"{outcome}; {counted(times, 'history', 'histories')} not used: {problem}"
        if left and self.calls.are_over:
            outcome = f"{outcome}; the calls of this day are used up, so the rest follows tomorrow"
            return TaskResult(outcome=outcome, memory=self.calls.memory, next_run_in=_until_tomorrow(self.now))
        soon = CONTINUE if left or is_importing else None
        return TaskResult(outcome=outcome, memory=self.calls.memory, next_run_in=soon)


def _until_tomorrow(now: datetime) -> timedelta:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return midnight - now
