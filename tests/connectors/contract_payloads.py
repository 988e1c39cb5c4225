"""Payloads of each kind of tracker for the contract tests: a new connector adds its own to `PAYLOADS`."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import pytest

from connectors.registry import load_connectors
from sync_service.domain.trackers.connector import Connection, Connector, Rejected, WebhookRequest
from sync_service.domain.trackers.observations import ParsedDelivery, Snapshot
from tests.connectors.github import payloads
from tests.connectors.jira import payloads as jira_payloads


@dataclass(frozen=True)
class ContractPayloads:
    """A connection of one kind of tracker, its signature function, and payloads of the main events."""

    connection: Connection
    sign: Callable[[WebhookRequest, str], WebhookRequest]
    issues: tuple[WebhookRequest, ...]
    ignored: WebhookRequest
    id_header: str
    key: str


PAYLOADS = {
    "github": ContractPayloads(
        connection=payloads.CONNECTION,
        sign=payloads.signed,
        issues=(
            payloads.delivery("issues", "edited", issue=payloads.issue()),
            payloads.delivery("pull_request", "closed", pull_request=payloads.merged()),
            payloads.as_form(payloads.delivery("issues", "closed", issue=payloads.closed("completed"))),
        ),
        ignored=payloads.delivery("ping", zen="Keep it simple."),
        id_header="x-github-delivery",
        key="acme/checkout#12",
    ),
    "jira": ContractPayloads(
        connection=jira_payloads.connection("token", email="ana@example.com", points_field="Story Points"),
        sign=jira_payloads.signed,
        issues=(
            jira_payloads.delivery("jira:issue_created", issue=jira_payloads.issue()),
            jira_payloads.delivery(
                "jira:issue_updated",
                issue=jira_payloads.done(),
                items=[jira_payloads.item("Epic Link", to="20001", toString="SHOP-1")],
            ),
        ),
        ignored=jira_payloads.delivery("comment_created", comment={"id": "1"}),
        id_header="x-atlassian-webhook-identifier",
        key="SHOP-12",
    ),
}

CONNECTORS = load_connectors()

KINDS = sorted(CONNECTORS)


def kinds(test: Any) -> Any:
    """Run a test once for each connector."""
    return pytest.mark.parametrize("kind", KINDS)(test)


def connector_of(kind: str) -> Connector:
    """Return the connector of a kind."""
    return CONNECTORS[kind]


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text anywhere in a parsed delivery."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from texts_in(name)
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


def assert_storable(reading: ParsedDelivery) -> None:
    """Assert that a database can store a parsed delivery: no NUL, no lone surrogate, no text without limit."""
    assert reading.observations
    for text in texts_in(asdict(reading)):
        assert "\x00" not in text
        assert len(text) <= 2000
        text.encode()
    for seen in reading.observations:
        if isinstance(seen, Snapshot):
            assert seen.updated_at.tzinfo is not None
            assert len(seen.title) <= 300


def read_if_possible(kind: str, post: WebhookRequest) -> ParsedDelivery | None:
    """Parse a delivery; return None when it raises `Rejected`. Any other error fails the test."""
    try:
        reading = connector_of(kind).parse_delivery(post, PAYLOADS[kind].connection)
    except Rejected as error:
        assert_has_words(str(error))
        return None
    assert_storable(reading)
    return reading


def assert_has_words(reason: str) -> None:
    """Assert that people can read a reason: some words, not a page, no NUL."""
    assert 5 < len(reason) < 600
    reason.encode()
    assert "\x00" not in reason
