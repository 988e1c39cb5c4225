"""Connections to Jira: to a simulated one of either face, and to sites of which a test says what they answer."""

import simulator
from sync_service.domain.connectors import Connection

CLOUD = "https://acme.atlassian.net/rest/api/3"

SERVER = "https://jira.acme.example/rest/api/2"

BY_CLOUD = Connection(slug="acme", site="https://acme.atlassian.net", token="t", options={"email": "a@example.com"})

BY_SERVER = Connection(slug="acme", site="https://jira.acme.example", token="t")


def by(tracker: simulator.Jira, **options: str) -> Connection:
    """Give a connection to a simulated Jira."""
    email = {} if tracker.data_center else {"email": tracker.email}
    return Connection(slug="acme", site=tracker.url, token=tracker.token, options={**email, **options})
