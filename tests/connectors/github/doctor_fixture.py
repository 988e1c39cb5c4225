"""Fixture for doctor: a simulated GitHub, and the findings for its connection."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import connectors.github
from connectors.github.webhook.events import parsed_events
from connectors.http import HttpClient
from simulator import GitHub, SteppedClock
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.diagnostics import Finding
from tests.connectors.github.app_fixture import START
from tests.simulator.receiver import Receiver

OTHERS = {"installation", "installation_repositories", "installation_target", "organization", "projects_v2_item"}
EVENTS = sorted(parsed_events() - OTHERS)


@dataclass
class DoctorFixture:
    """A GitHub, a receiver of its webhooks, and the connector."""

    hub: GitHub
    clock: SteppedClock
    receiver: Receiver
    options: dict[str, str] = field(default_factory=dict)

    def findings(self, *scopes: str, hooked: bool = True, **credentials: object) -> list[Finding]:
        """Run the checks of a connection, by default with a token for everything."""
        given = credentials or {"token": self.hub.token}
        about = {"slug": "here", "site": self.hub.api_url, "hook_url": self.receiver.url, "options": self.options}
        connection = Connection(**about, **given)  # type: ignore[arg-type]  # the credentials are either of the two
        connector = connectors.github.GitHub(HttpClient(now=self.clock), sleep=lambda _: None)
        return list(connector.check_connection(connection, scopes=scopes, hooked=hooked))

    def wrong(self, *scopes: str, **credentials: object) -> list[tuple[str, bool | None, str]]:
        """Return the findings that are not well."""
        return [
            (one.what, one.well, one.says)
            for one in self.findings(*scopes, **credentials)  # type: ignore[arg-type]  # as above
            if one.well is not True
        ]


@contextmanager
def open_harness() -> Iterator[DoctorFixture]:
    """Yield a GitHub with a repository and a webhook to us with all events that we read."""
    clock = SteppedClock(START)
    with GitHub("acme", clock=clock, background=False) as hub, Receiver() as receiver:
        checkout = hub.repository("checkout")
        hub.add_hook(checkout, url=receiver.url, secret="s", events=EVENTS)
        checkout.create_issue("Pay")
        yield DoctorFixture(hub, clock, receiver)
