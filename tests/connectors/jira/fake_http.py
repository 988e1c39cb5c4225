"""Jira connections for tests: to a simulated Cloud or Data Center, and to sites with mocked responses."""

from datetime import UTC, datetime

import simulator
from sync_service.domain.trackers.capabilities import Page
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import Snapshot

CLOUD = "https://acme.atlassian.net/rest/api/3"
SERVER = "https://jira.acme.example/rest/api/2"
BY_CLOUD = Connection(slug="acme", site="https://acme.atlassian.net", token="t", options={"email": "a@example.com"})
BY_SERVER = Connection(slug="acme", site="https://jira.acme.example", token="t")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def by(tracker: simulator.Jira, **options: str) -> Connection:
    """Return a connection to a simulated Jira."""
    email = {} if tracker.data_center else {"email": tracker.email}
    return Connection(slug="acme", site=tracker.url, token=tracker.token, options={**email, **options})


def keys(found: list[Page]) -> list[str]:
    """Return the keys of all issues on the pages."""
    return [one.key for page in found for one in page.observations if isinstance(one, Snapshot)]
