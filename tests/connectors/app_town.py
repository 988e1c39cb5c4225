"""A simulated GitHub, and a connector that comes to it as an app: both by clocks that stand until they are stepped."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

import connectors.github
from connectors.http import Http
from simulator import GitHub, SteppedClock
from simulator.github import App, Repository
from sync_service.domain import connectors as domain
from sync_service.domain.connectors import Connection, ConnectorError, Gone, Refused
from sync_service.domain.issues import Snapshot

START = datetime(2026, 11, 23, 10, tzinfo=UTC)
PERMISSIONS = {"issues": "read", "pull_requests": "read"}


@dataclass
class AppTown:
    """GitHub with an app and a repository that has an issue; `ours` is our clock, and `slept` what we waited."""

    hub: GitHub
    clock: SteppedClock
    ours: SteppedClock = field(default_factory=lambda: SteppedClock(START))
    slept: list[float] = field(default_factory=list)
    app: App = field(init=False)
    checkout: Repository = field(init=False)
    connector: connectors.github.GitHub = field(init=False)

    def __post_init__(self) -> None:
        self.app = self.hub.create_app(permissions=PERMISSIONS)
        self.checkout = self.repository("checkout")
        self.connector = self.start_anew()

    def start_anew(self) -> connectors.github.GitHub:
        """Give a connector that knows nothing yet, as another worker has it."""
        return connectors.github.GitHub(Http(now=self.ours), sleep=self.slept.append)

    def repository(self, name: str) -> Repository:
        """Give a repository with an issue."""
        made = self.hub.repository(name)
        made.create_issue("Pay")
        return made

    @property
    def connection(self) -> Connection:
        """Give the connection by the app's number."""
        return self.connected_as(str(self.app.id), self.app.pem)

    def connected_as(self, id_: str, key: str) -> Connection:
        """Give a connection by any id and key."""
        return Connection(slug="gh", site=self.hub.api_url, app=domain.App(id_, key))

    def look(self, place: Repository | None = None, *, connection: Connection | None = None) -> Snapshot:
        """Look at the first issue of a repository."""
        where = place or self.checkout
        asked = connection or self.connection
        return self.connector.look(asked, identity=f"{where.id}#1", key=f"{where.full_name}#1")

    def part(self, place: Repository | None = None) -> str:
        """Say whose limits that look would use."""
        return self.connector.part(self.connection, about=f"{(place or self.checkout).id}#1")

    def step(self, seconds: float) -> None:
        """Let time pass for both."""
        self.clock.step(seconds)
        self.ours.step(seconds)

    def calls(self, ending: str) -> list[int]:
        """Give the statuses of the calls so far whose path ends so."""
        return [call.status for call in self.hub.rest.calls if call.path.endswith(ending)]

    def forget_calls(self) -> None:
        """Count from here on."""
        self.hub.rest.calls.clear()


def refusal(town: AppTown, kind: type[ConnectorError] = Refused) -> str:
    """Look, and give the words of the error."""
    with pytest.raises(kind) as caught:
        town.look()
    assert not isinstance(caught.value, Gone) or not caught.value.proven
    return str(caught.value)
