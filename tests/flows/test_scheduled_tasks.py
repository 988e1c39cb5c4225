"""Scheduled tasks: which a connector has, when they run, what they store, and what errors of the tracker do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Row

from connectors.github import GitHub
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Connection, ConnectorError, Refused, Rejected, Unavailable
from sync_service.domain.trackers.observations import ScopeRef
from sync_service.runtime.wiring import Services, utc_now
from sync_service.store import tables
from sync_service.store.engine.database import writing
from sync_service.store.queue import due, scheduled_tasks
from sync_service.tracker_sync.scheduled_tasks import ADD_INTERVAL, TaskRunner
from tests.flows.harness import ServicesHarness
from tests.support.config_file import GITHUB, okrs

pytestmark = pytest.mark.slow


@dataclass
class TaskConnector(GitHub):
    """A connector whose scheduled tasks the test chooses; it records the runs."""

    intervals: dict[str, timedelta] = field(default_factory=lambda: {"sweep": timedelta(minutes=10)})
    answers: list[TaskResult | Exception] = field(default_factory=list)
    ran: list[tuple[str, list[ScopeRef], str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def scheduled_tasks(self, connection: Connection) -> Mapping[str, timedelta]:
        """Return the test's tasks."""
        assert connection.hook_url == "http://127.0.0.1:8080/hooks/gh"
        return self.intervals

    def run_task(
        self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None
    ) -> TaskResult:
        """Record the run, and return or raise the test's result."""
        del connection
        self.ran.append((name, list(scopes), memory))
        answer = self.answers.pop(0) if self.answers else TaskResult(outcome="swept", memory="broom")
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class ScheduledTaskHarness(ServicesHarness):
    """Services with one connection that has scheduled tasks."""

    connector: TaskConnector
    scheduled_tasks: TaskRunner = field(init=False)

    def __post_init__(self) -> None:
        self.scheduled_tasks = TaskRunner(
            engine=self.services.engine,
            connectors={"github": self.connector},
            connections=self.services.connections,
            now=utc_now,
        )

    def furnish(self, token: str | None = "t") -> None:
        """Apply the configuration."""
        self.apply(okrs({**GITHUB, "token": token, "scopes": ["acme/checkout", "acme/attic"]}))

    def run(self) -> None:
        """Run due tasks."""
        while self.scheduled_tasks.drain():
            pass

    def hurry(self) -> None:
        """Make every scheduled task due, and clear the connection cache."""
        self.services.connections.clear_cache()
        with writing(self.services.engine) as tx:
            scheduled_tasks.hurry(tx)

    def row(self, name: str = "sweep") -> Row[Any]:
        """Return the row of a task."""
        return next(row for row in self.rows(tables.scheduled_task) if row.name == name)

    def waits(self, name: str = "sweep") -> float:
        """Return for how many seconds a task waits."""
        return self.wait_of(self.row(name)).total_seconds()


@pytest.fixture
def harness(services: Services) -> ScheduledTaskHarness:
    """Return the harness."""
    return ScheduledTaskHarness(services, TaskConnector())


def approximately(wait: timedelta) -> Any:
    """Return an approximate wait: the test takes some seconds."""
    return pytest.approx(wait.total_seconds(), abs=30)


def test_each_scheduled_task_runs_and_is_due_again(harness: ScheduledTaskHarness) -> None:
    """It gets the watched scopes and the state it stored."""
    harness.furnish()
    harness.run()
    scopes = [ScopeRef("", "acme/attic"), ScopeRef("", "acme/checkout")]
    assert harness.connector.ran == [("sweep", scopes, None)]
    row = harness.row()
    assert (row.outcome, row.memory, row.settled_at, row.attempts) == ("swept", "broom", None, 0)
    assert row.ran_at is not None
    assert harness.waits() == approximately(timedelta(minutes=10))
    assert harness.waits(scheduled_tasks.ADD_TASKS) == approximately(ADD_INTERVAL)
    harness.hurry()
    harness.run()
    assert harness.connector.ran[1:] == [("sweep", scopes, "broom")]


def test_a_task_may_return_when_it_runs_next(harness: ScheduledTaskHarness) -> None:
    """At once means after other rows, and no task waits for more than a week."""
    harness.furnish()
    harness.connector.answers = [
        TaskResult(outcome="half", next_run_in=timedelta(0)),
        TaskResult(outcome="rare", next_run_in=timedelta(days=90)),
    ]
    harness.run()
    assert harness.row().outcome == "half"
    assert 0 < harness.waits() <= 1
    harness.hurry()
    harness.run()
    assert harness.waits() == approximately(due.LONGEST_POSTPONE)


def test_tasks_that_a_new_version_adds_or_removes_are_found(harness: ScheduledTaskHarness) -> None:
    """No configuration is applied: a new task starts, and a removed one settles."""
    harness.furnish()
    harness.run()
    harness.connector.intervals = {"dust": timedelta(hours=1)}
    harness.hurry()
    harness.run()
    assert harness.row().settled_at is not None
    assert (harness.row("dust").outcome, harness.row("dust").settled_at) == ("swept", None)
    harness.connector.intervals = {"sweep": timedelta(hours=1)}
    harness.hurry()
    harness.run()
    assert harness.row().settled_at is None
    assert [name for name, _, _ in harness.connector.ran] == ["sweep", "dust", "sweep"]


@pytest.mark.both_databases
def test_without_credentials_tasks_settle_and_with_them_they_start_again(harness: ScheduledTaskHarness) -> None:
    """Polls do the same."""
    harness.furnish(None)
    harness.run()
    assert harness.rows(tables.scheduled_task) == []
    harness.furnish()
    harness.run()
    harness.furnish(None)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.connection).values(sealed_token=None))
    harness.hurry()
    harness.run()
    assert [row.due_at for row in harness.rows(tables.scheduled_task)] == [None, None, None]
    assert "no credentials" in harness.row().outcome


@pytest.mark.parametrize("error", [Unavailable("away"), Refused("no longer")])
def test_an_error_of_the_tracker_keeps_the_stored_state(harness: ScheduledTaskHarness, error: ConnectorError) -> None:
    """The task waits as every call does."""
    harness.furnish()
    harness.run()
    harness.connector.answers = [error]
    harness.hurry()
    harness.run()
    assert (harness.row().memory, harness.row().outcome) == ("broom", str(error))
    assert harness.row().due_at is not None
    assert len(harness.connector.ran) == 2
    harness.hurry()
    harness.run()
    assert len(harness.connector.ran) == 2, "it waits until the tracker may be asked"
    assert "waits until" in harness.row().outcome


def test_a_failed_task_has_the_reason_and_is_retried(harness: ScheduledTaskHarness) -> None:
    """An answer of the tracker never buries it, only a bug of ours."""
    harness.furnish()
    harness.connector.answers = [Rejected("a teapot")]
    harness.run()
    assert harness.row().outcome == "failed: a teapot"
    assert harness.waits() == approximately(timedelta(minutes=10))
    harness.connector.answers = [ZeroDivisionError("ours")]
    harness.hurry()
    harness.run()
    assert "ZeroDivisionError: ours" in harness.row().outcome
    assert harness.row().attempts == 1


def test_a_run_whose_lease_is_lost_is_not_stored(harness: ScheduledTaskHarness) -> None:
    """The new holder stores its own run."""
    harness.furnish()
    harness.run()
    harness.hurry()
    whole = harness.connector.run_task

    def slow(connection: Connection, **words: Any) -> TaskResult:
        with writing(harness.services.engine) as tx:
            tx.execute(sa.update(tables.scheduled_task).values(lease="another's"))
        return whole(connection, **words)

    harness.connector.run_task = slow  # type: ignore[method-assign]  # this run alone takes so long
    harness.run()
    assert {row.lease for row in harness.rows(tables.scheduled_task)} >= {"another's"}
