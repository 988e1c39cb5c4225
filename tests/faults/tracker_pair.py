"""A simulated GitHub and Jira with random changes that really post webhooks, and the expected values."""

import random
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from simulator import GitHub, Jira, SteppedClock
from simulator.github.model.hooks import Hook as HubHook
from simulator.github.model.issue import Issue as HubIssue
from simulator.http_server import ServerThread
from simulator.jira.admin_webhooks import Hook as JiraHook
from simulator.jira.model.issue import Issue as JiraIssue
from simulator.webhook_delivery import Delivery
from sync_service.runtime.wiring import Services
from sync_service.store.trackers import connections
from sync_service.web.app import create_app
from tests.support.config_file import github, jira, okrs

LABELS = ("checkout", "bug")
ISSUES = 6
"""Issues in each tracker."""


@dataclass(slots=True)
class TrackerPair:
    """Both trackers with their issues. Enter it to start them; call `open_hooks` when a receiver runs."""

    seed: int
    secret: str = "the-old-secret"
    clock: SteppedClock = field(default_factory=lambda: SteppedClock(datetime.now(UTC) - timedelta(days=1)))
    chance: random.Random = field(init=False)
    hub: GitHub = field(init=False)
    jira: Jira = field(init=False)
    hooks: tuple[HubHook, JiraHook] = field(init=False)
    hub_issues: list[HubIssue] = field(default_factory=list)
    jira_issues: list[JiraIssue] = field(default_factory=list)
    _ending: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a seed makes it repeatable
        self.hub = GitHub("acme", clock=self.clock)
        self.jira = Jira(clock=self.clock)

    def __enter__(self) -> Self:
        for tracker in self.trackers:
            self._ending.enter_context(tracker)
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    @property
    def trackers(self) -> tuple[GitHub, Jira]:
        """Both trackers."""
        return self.hub, self.jira

    def okrs(self, *secrets: str) -> bytes:
        """Return the configuration file, with these webhook secrets for both connections."""
        connections = github(self.hub, webhook_secrets=secrets), jira(self.jira, webhook_secrets=secrets)
        few = {"slug": "KR-2", "start": 20, "target": 0, "measure": {"kind": "open-count"}}
        rules = [
            {
                "slug": f"{connection}-{label}",
                "connection": connection,
                "key_result": key_result,
                "when": {"field": "labels", "has": label},
            }
            for connection in ("gh", "jira")
            for label, key_result in zip(LABELS, ("KR-1", "KR-2"), strict=True)
        ]
        return okrs(*connections, key_results=[{"slug": "KR-1"}, few], rules=rules)

    def open_hooks(self, address: str) -> None:
        """Add webhooks to a service, and open the issues."""
        self.hooks = (
            self.hub.add_hook(url=f"{address}/hooks/gh", secret=self.secret),
            self.jira.add_hook(url=f"{address}/hooks/jira", secret=self.secret),
        )
        for number in range(ISSUES):
            labels = list(LABELS[number % 2 :])
            self.hub_issues.append(self.hub.repository("checkout").create_issue("Pay by card", labels=labels))
            self.jira_issues.append(self.jira.project("SHOP").create_issue("Pay by card", labels=labels))

    def rotate(self, secret: str) -> None:
        """Change the secret of both webhooks."""
        for hook in self.hooks:
            hook.secret = secret

    def work(self, *, changes: int = 1) -> None:
        """Change one random issue, so many times at the same clock time."""
        self.clock.step(self.chance.choice([1, 1, 7]))
        if self.chance.random() < 0.5:
            issue = self.chance.choice(self.hub_issues)
            with self.hub.changing():
                for _ in range(changes):
                    self._change_on_hub(issue)
        else:
            story = self.chance.choice(self.jira_issues)
            with self.jira.changing():
                for _ in range(changes):
                    self._change_on_jira(story)

    def _change_on_hub(self, issue: HubIssue) -> None:
        name = self.chance.choice(LABELS)
        if self.chance.random() < 0.4:
            carried = name in {label.name for label in issue.labels}
            (issue.unlabel if carried else issue.label)(name)
        elif issue.state == "closed":
            issue.reopen()
        else:
            issue.close(reason=self.chance.choice(["completed", "completed", "not_planned"]))

    def _change_on_jira(self, issue: JiraIssue) -> None:
        name = self.chance.choice(LABELS)
        if self.chance.random() < 0.4:
            (issue.unlabel if name in issue.labels else issue.label)(name)
        elif issue.status.name == "Done":
            issue.reopen()
        else:
            self.chance.choice([issue.start, issue.finish, issue.finish, issue.drop])()

    def deliveries(self) -> list[Delivery]:
        """Return the delivery logs of both."""
        return [*self.hub.deliveries, *self.jira.deliveries]

    def redeliver_what_was_not_taken(self) -> int:
        """Redeliver all deliveries that were not accepted, as a person can do; return how many."""
        count = 0
        for tracker in self.trackers:
            accepted = {one.request.id for one in tracker.deliveries if one.accepted}
            missing = {one.request.id: one for one in tracker.deliveries if one.request.id not in accepted}
            for delivery in missing.values():
                tracker.webhooks.redeliver(delivery)
            count += len(missing)
            tracker.flush(timeout=60)
        return count

    def numbers(self) -> dict[str, float | None]:
        """Return the expected values of the key results, from the trackers' own state."""
        states = [
            *(({label.name for label in one.labels}, _state_on_hub(one)) for one in self.hub_issues),
            *((set(one.labels), _state_on_jira(one)) for one in self.jira_issues),
        ]
        ships = [state for labels, state in states if "checkout" in labels and state != "dropped"]
        bugs = [state for labels, state in states if "bug" in labels and state != "dropped"]
        return {
            "KR-1": 100 * ships.count("done") / len(ships) if ships else None,
            "KR-2": float(bugs.count("open")),
        }


def _state_on_hub(issue: HubIssue) -> str:
    if issue.state == "open":
        return "open"
    return "done" if issue.state_reason == "completed" else "dropped"


def _state_on_jira(issue: JiraIssue) -> str:
    if issue.status.name != "Done":
        return "open"
    return "done" if issue.resolution is not None and issue.resolution.name == "Done" else "dropped"


class _Quiet(WSGIRequestHandler):
    def log(self, *_line: object) -> None:
        pass


@contextmanager
def receiving(services: Services) -> Iterator[str]:
    """Serve the web application on loopback; yield its URL.

    A connection is known as soon as it is inserted, even if a ping arrived just before.
    """
    server = make_server("127.0.0.1", 0, create_app(services), threaded=True, request_handler=_Quiet)
    running = ServerThread(server, name="receiver")
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(connections, "UNKNOWN_SECONDS", 0)
            yield f"http://127.0.0.1:{server.server_port}"
    finally:
        running.stop()
        server.server_close()


@contextmanager
def draining(all_services: Sequence[Services]) -> Iterator[None]:
    """Drain due rows, with one thread for each of `all_services`, until the end of the block."""
    end, errors = threading.Event(), list[BaseException]()
    workers = [threading.Thread(target=_drain, args=(services, end, errors)) for services in all_services]
    for worker in workers:
        worker.start()
    try:
        yield
    finally:
        end.set()
        for worker in workers:
            worker.join()
    assert errors == []


def _drain(services: Services, end: threading.Event, errors: list[BaseException]) -> None:
    try:
        while not end.wait(0.02):
            for name in services.drains.due():
                services.drains.drain(name)
    except BaseException as error:
        errors.append(error)
        raise


def close(all_services: Iterable[Services]) -> None:
    """Close the connections of the services."""
    for services in all_services:
        services.engine.dispose()
        services.redis.close()
