"""Errands: which there are, when they run, what they remember, and what a tracker's troubles do to them."""

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
from sync_service.tracker_sync.scheduled_tasks import CALL_INTERVAL, TaskRunner
from tests.flows.harness import ServicesHarness
from tests.support.config_file import GITHUB, okrs

pytestmark = pytest.mark.slow


@dataclass
class Errant(GitHub):
    """A connector whose errands a test names, and whose runs it sees."""

    intervals: dict[str, timedelta] = field(default_factory=lambda: {"sweep": timedelta(minutes=10)})
    answers: list[TaskResult | Exception] = field(default_factory=list)
    ran: list[tuple[str, list[ScopeRef], str | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def scheduled_tasks(self, connection: Connection) -> Mapping[str, timedelta]:
        """Name those that the test wants."""
        assert connection.hook_url == "http://127.0.0.1:8080/hooks/gh"
        return self.intervals

    def run_task(
        self, connection: Connection, *, name: str, scopes: Sequence[ScopeRef], memory: str | None
    ) -> TaskResult:
        """Note the run, and give or raise what the test wants."""
        del connection
        self.ran.append((name, list(scopes), memory))
        answer = self.answers.pop(0) if self.answers else TaskResult(outcome="swept", memory="broom")
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class ScheduledTaskHarness(ServicesHarness):
    """A house whose only connection has errands."""

    connector: Errant
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
        """Run what is due."""
        while self.scheduled_tasks.drain():
            pass

    def hurry(self) -> None:
        """Make every scheduled task due, and the connections be read anew."""
        self.services.connections.forget()
        with writing(self.services.engine) as tx:
            scheduled_tasks.hurry(tx)

    def row(self, name: str = "sweep") -> Row[Any]:
        """Return the row of one errand."""
        return next(row for row in self.rows(tables.scheduled_task) if row.name == name)

    def waits(self, name: str = "sweep") -> float:
        """Tell for how many seconds an errand waits."""
        return self.wait_of(self.row(name)).total_seconds()


@pytest.fixture
def harness(services: Services) -> ScheduledTaskHarness:
    """Return the harness."""
    return ScheduledTaskHarness(services, Errant())


def about(wait: timedelta) -> Any:
    """Allow for the seconds that a test takes."""
    return pytest.approx(wait.total_seconds(), abs=30)


def test_each_errand_of_a_connection_is_run_and_comes_again(harness: ScheduledTaskHarness) -> None:
    """With the watched scopes, and with what it wanted to be remembered."""
    harness.furnish()
    harness.run()
    scopes = [ScopeRef("", "acme/attic"), ScopeRef("", "acme/checkout")]
    assert harness.connector.ran == [("sweep", scopes, None)]
    row = harness.row()
    assert (row.outcome, row.memory, row.settled_at, row.attempts) == ("swept", "broom", None, 0)
    assert row.ran_at is not None
    assert harness.waits() == about(timedelta(minutes=10))
    assert harness.waits(scheduled_tasks.CALLER) == about(CALL_INTERVAL)
    harness.hurry()
    harness.run()
    assert harness.connector.ran[1:] == [("sweep", scopes, "broom")]


def test_an_errand_may_say_when_it_wants_to_go_on(harness: ScheduledTaskHarness) -> None:
    """At once means after others had a turn, and nothing waits for more than a week."""
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
    assert harness.waits() == about(due.LONGEST_POSTPONE)


def test_errands_that_come_and_go_with_a_version_are_noticed(harness: ScheduledTaskHarness) -> None:
    """Without anybody's applying anything: a new one begins, and one that is no more settles."""
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
def test_without_credentials_errands_settle_and_with_them_they_begin_again(harness: ScheduledTaskHarness) -> None:
    """As lists do."""
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
    assert [row.due_at for row in harness.rows(tables.scheduled_task)] == [None, None]
    assert "no credentials" in harness.row().outcome


@pytest.mark.parametrize("error", [Unavailable("away"), Refused("no longer")])
def test_a_tracker_that_can_not_answer_or_refuses_keeps_what_is_remembered(
    harness: ScheduledTaskHarness, error: ConnectorError
) -> None:
    """The errand waits as everything does that asks."""
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


def test_an_errand_that_does_not_work_says_so_and_comes_again(harness: ScheduledTaskHarness) -> None:
    """It is never buried for what a tracker answers, only for a mistake of ours."""
    harness.furnish()
    harness.connector.answers = [Rejected("a teapot")]
    harness.run()
    assert harness.row().outcome == "failed: a teapot"
    assert harness.waits() == about(timedelta(minutes=10))
    harness.connector.answers = [ZeroDivisionError("ours")]
    harness.hurry()
    harness.run()
    assert "ZeroDivisionError: ours" in harness.row().outcome
    assert harness.row().attempts == 1


def test_a_run_whose_lease_is_lost_is_not_noted(harness: ScheduledTaskHarness) -> None:
    """Whoever has it now notes his own."""
    harness.furnish()
    harness.run()
    harness.hurry()
    whole = harness.connector.run_task

    def slow(connection: Connection, **words: Any) -> TaskResult:
        with writing(harness.services.engine) as tx:
            tx.execute(sa.update(tables.scheduled_task).values(lease="another's"))
        return whole(connection, **words)

    harness.connector.run_task = slow  # type: ignore[method-assign]  # this run alone takes so long
    assert harness.scheduled_tasks.drain() + harness.scheduled_tasks.drain() == 2
    assert {row.lease for row in harness.rows(tables.scheduled_task)} >= {"another's"}
