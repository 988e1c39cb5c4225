"""Project deliveries: which ones need a fetch of the issue."""

from dataclasses import replace
from typing import Any

import pytest

import connectors.github
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import FetchNeeded, Ignored, Observation
from tests.connectors.github.payloads import CONNECTION, delivery

WITH_NUMBERS = replace(CONNECTION, options={"points_field": "Points", "number_fields": ["Effort"]})
ISSUE = {"content_node_id": "I_kwDOB", "content_type": "Issue", "archived_at": None}


def read(action: str, connection: Connection = WITH_NUMBERS, **fields: Any) -> Observation:
    """Return the observations of a delivery about an item of a project."""
    body = {"projects_v2_item": ISSUE, "organization": {"login": "acme"}, **fields}
    post = delivery("projects_v2_item", action, **body)
    (seen,) = connectors.github.GitHub().parse_delivery(post, connection).observations
    return seen


def edited(**change: Any) -> Observation:
    """Return the observations of an edited field of an item."""
    return read("edited", changes={"field_value": change})


@pytest.mark.parametrize("action", ["created", "deleted", "archived", "restored", "converted"])
def test_a_new_or_removed_item_needs_a_fetch(action: str) -> None:
    """By the node id: the delivery has nothing else of the issue."""
    seen = read(action)
    assert isinstance(seen, FetchNeeded)
    assert (seen.identity, seen.key) == ("node:acme/I_kwDOB", "acme, I_kwDOB")


def test_only_configured_number_fields_need_a_fetch() -> None:
    """The field's name counts, in any case. An older delivery does not have the name."""
    assert isinstance(edited(field_type="number", field_name="points"), FetchNeeded)
    assert isinstance(edited(field_type="number", field_name="Effort"), FetchNeeded)
    assert isinstance(edited(field_type="number"), FetchNeeded)
    assert edited(field_type="number", field_name="Size") == Ignored("a field changed that is not read")
    assert isinstance(edited(field_type="single_select", field_name="Points"), FetchNeeded)
    assert isinstance(edited(field_type="text", field_name="Points"), FetchNeeded)
    assert edited(field_type="date", field_name="Points") == Ignored("no field changed that could be read")
    assert edited() == Ignored("no field changed that could be read")


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"connection": CONNECTION}, "no fields are read"),
        ({"connection": replace(WITH_NUMBERS, token=None)}, "needs a token"),
        ({"projects_v2_item": {**ISSUE, "content_type": "DraftIssue"}}, "a draft or a pull request"),
        ({"projects_v2_item": {**ISSUE, "content_type": "PullRequest"}}, "a draft or a pull request"),
        ({"projects_v2_item": {**ISSUE, "content_node_id": "I k"}}, "which issue"),
        ({"projects_v2_item": {**ISSUE, "content_node_id": "I" * 101}}, "which issue"),
        ({"projects_v2_item": {**ISSUE, "content_node_id": 7}}, "which issue"),
        ({"projects_v2_item": None}, "a draft or a pull request"),
        ({"organization": {"login": "a/b"}}, "which issue"),
        ({"organization": None}, "which issue"),
    ],
)
def test_everything_else_is_ignored_with_a_reason(fields: dict[str, Any], reason: str) -> None:
    """Also incomplete deliveries and impossible names."""
    seen = read("created", **fields)
    assert isinstance(seen, Ignored)
    assert reason in seen.reason


def test_a_changed_order_is_ignored() -> None:
    """It changes no value."""
    assert isinstance(read("reordered"), Ignored)
