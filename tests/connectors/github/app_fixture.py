"""Fixture for GitHub Apps: a simulated GitHub and a connector that calls it as an app, both with stepped clocks."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

import connectors.github
from connectors.http import HttpClient
from simulator import GitHub, SteppedClock
from simulator.github import App, Repository
from sync_service.domain.trackers import connector as domain
from sync_service.domain.trackers.connector import Connection, ConnectorError, Gone, Refused
from sync_service.domain.trackers.observations import Snapshot

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
PERMISSIONS = {"issues": "read", "pull_requests": "read"}


@dataclass
class GitHubAppFixture:
    """A GitHub with an app and a repository with one issue; `own_clock` is our clock, `slept` the seconds we waited."""

    hub: GitHub
    clock: SteppedClock
    own_clock: SteppedClock = field(default_factory=lambda: SteppedClock(START))
    slept: list[float] = field(default_factory=list)
    app: App = field(init=False)
    checkout: Repository = field(init=False)
    connector: connectors.github.GitHub = field(init=False)

    def __post_init__(self) -> None:
        self.app = self.hub.create_app(permissions=PERMISSIONS)
        self.checkout = self.repository("checkout")
        self.connector = self.new_connector()

    def new_connector(self) -> connectors.github.GitHub:
        """Return a new connector with empty caches, as in another worker."""
        return connectors.github.GitHub(HttpClient(now=self.own_clock), sleep=self.slept.append)

    def repository(self, name: str) -> Repository:
        """Create a repository with an issue."""
        made = self.hub.repository(name)
        made.create_issue("Pay")
        return made

    @property
    def connection(self) -> Connection:
        """Return the connection with the app's id and key."""
        return self.connected_as(str(self.app.id), self.app.pem)

    def connected_as(self, id_: str, key: str) -> Connection:
        """Return a connection with any id and key."""
        return Connection(slug="gh", site=self.hub.api_url, app=domain.AppKey(id_, key))

    def fetch_issue(self, repository: Repository | None = None, *, connection: Connection | None = None) -> Snapshot:
        """Fetch the first issue of a repository."""
        chosen = repository or self.checkout
        return self.connector.fetch_issue(
            connection or self.connection, identity=f"{chosen.id}#1", key=f"{chosen.full_name}#1"
        )

    def bucket_for(self, repository: Repository | None = None) -> str:
        """Return the rate limit bucket of that fetch."""
        return self.connector.bucket_for(self.connection, about=f"{(repository or self.checkout).id}#1")

    def step(self, seconds: float) -> None:
        """Move both clocks forward."""
        self.clock.step(seconds)
        self.own_clock.step(seconds)

    def calls(self, ending: str) -> list[int]:
        """Return the statuses of the calls so far with this end of the path."""
        return [call.status for call in self.hub.rest.calls if call.path.endswith(ending)]

    def forget_calls(self) -> None:
        """Forget the calls so far."""
        self.hub.rest.calls.clear()


def refusal(harness: GitHubAppFixture, kind: type[ConnectorError] = Refused) -> str:
    """Fetch, and return the text of the expected error."""
    with pytest.raises(kind) as caught:
        harness.fetch_issue()
    assert not isinstance(caught.value, Gone) or not caught.value.proven
    return str(caught.value)
