"""Fixture for redelivery: a simulated GitHub with failed deliveries, and the scheduled task that handles them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import connectors.github
from connectors.github.redelivery import redeliver
from connectors.github.redelivery.failed_deliveries import RETRY_DELAYS
from connectors.http import HttpClient, Method
from connectors.responses import Response
from simulator import GitHub, SteppedClock
from simulator.github import Repository
from sync_service.domain.trackers import connector as domain
from sync_service.domain.trackers.capabilities import TaskResult
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import ScopeRef
from tests.connectors.github.app_fixture import START
from tests.simulator.receiver import Receiver


@dataclass
class RedeliveryFixture:
    """A GitHub with a watched repository, a receiver of its webhooks, and the scheduled task with its memory."""

    hub: GitHub
    clock: SteppedClock
    receiver: Receiver
    slept: list[float] = field(default_factory=list)
    memory: str | None = None
    connection: Connection = field(init=False)
    repository: Repository = field(init=False)

    def __post_init__(self) -> None:
        self.repository = self.hub.repository("checkout")
        self.repository.create_issue("Pay")
        self.connection = self.connected(token=self.hub.token)
        self.connector = connectors.github.GitHub(HttpClient(now=self.clock), sleep=self.slept.append)

    def connected(self, **credentials: Any) -> Connection:
        """Return a connection to this GitHub; its webhooks go to the receiver."""
        return Connection(slug="gh", site=self.hub.api_url, hook_url=self.receiver.url, **credentials)

    def run(self, *, scopes: list[ScopeRef] | None = None) -> TaskResult:
        """Run the scheduled task, and store its memory."""
        watched = scopes or [ScopeRef(str(self.repository.id), self.repository.full_name)]
        ran = self.connector.run_task(self.connection, name=redeliver.TASK_NAME, scopes=watched, memory=self.memory)
        self.memory = ran.memory
        return ran

    def fail_deliveries(self, count: int = 1) -> None:
        """Make this many deliveries fail."""
        self.receiver.answers.extend([503] * count)
        for number in range(count):
            self.clock.step(1)
            self.repository.issues[1].edit(title=f"Pay {number}")
        self.receiver.forget()

    def wait(self, pause: timedelta = RETRY_DELAYS[0]) -> None:
        """Move the clock forward."""
        self.clock.step(pause.total_seconds() + 1)

    def redeliveries_requested(self) -> int:
        """Return how many redeliveries were requested."""
        return sum(call.path.endswith("/attempts") for call in self.hub.rest.calls)

    def titles(self) -> list[str]:
        """Return the issue titles in the deliveries since the receiver was reset."""
        return [one.json["issue"]["title"] for one in self.receiver.received]


@contextmanager
def open_harness(*, ghes: str) -> Iterator[RedeliveryFixture]:
    """Yield the fixture on github.com, or on an Enterprise Server of this version."""
    clock = SteppedClock(START)
    with Receiver() as receiver, GitHub("acme", clock=clock, background=False, ghes=ghes) as hub:
        yield RedeliveryFixture(hub, clock, receiver)


def add_webhooks(harness: RedeliveryFixture, kind: str) -> None:
    """Create a webhook of one kind to the receiver, and another one to a different address."""
    if kind == "app":
        rights = {"issues": "read", "pull_requests": "read"}
        app = harness.hub.create_app(permissions=rights, events=["issues"], hook_url=harness.receiver.url)
        app.install([harness.repository])
        harness.connection = harness.connected(app=domain.AppKey(str(app.id), app.pem))
    else:
        harness.hub.add_hook(
            harness.repository if kind == "repository" else None, url=f"{harness.receiver.url.upper()}/"
        )
        harness.hub.hooks[-1].url = harness.receiver.url
    harness.hub.add_hook(harness.repository, url="http://127.0.0.1:9/hooks/here", events=["issues"])
    harness.receiver.forget()


def refuse_calls(harness: RedeliveryFixture, *, status: int, when: Callable[[str, Mapping[str, str]], bool]) -> None:
    """Make GitHub refuse the calls for which `when` is true, by URL and parameters."""

    class Refusing(HttpClient):
        def send(self, method: Method, url: str, **options: Any) -> Response:
            if when(url, options.get("params") or {}):
                return Response(url, status=status, headers={}, body=b'{"message": "Validation Failed"}')
            return super().send(method, url, **options)

    harness.connector = connectors.github.GitHub(Refusing(now=harness.clock), sleep=harness.slept.append)
