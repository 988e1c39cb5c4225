"""Numbers that issues have in projects: which deliveries ask for a look."""

from dataclasses import replace
from typing import Any

import pytest

import connectors.github
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import FetchNeeded, Ignored, Observation
from tests.connectors.github.payloads import CONNECTION, delivery

WANTED = replace(CONNECTION, options={"points_field": "Points", "number_fields": ["Effort"]})
ISSUE = {"content_node_id": "I_kwDOB", "content_type": "Issue", "archived_at": None}


def read(action: str, connection: Connection = WANTED, **parts: Any) -> Observation:
    """Read a delivery about an item of a project."""
    body = {"projects_v2_item": ISSUE, "organization": {"login": "acme"}, **parts}
    post = delivery("projects_v2_item", action, **body)
    (seen,) = connectors.github.GitHub().parse_delivery(post, connection).observations
    return seen


def edited(**change: Any) -> Observation:
    """Read that a field of an item was edited."""
    return read("edited", changes={"field_value": change})


@pytest.mark.parametrize("action", ["created", "deleted", "archived", "restored", "converted"])
def test_an_item_that_comes_or_goes_asks_for_a_look(action: str) -> None:
    """At its node: nothing else of the issue is told."""
    seen = read(action)
    assert isinstance(seen, FetchNeeded)
    assert (seen.identity, seen.key) == ("node:acme/I_kwDOB", "acme, I_kwDOB")


def test_only_numbers_that_are_read_ask_for_a_look() -> None:
    """By the field's name, whose case does not matter; an older delivery does not tell it."""
    assert isinstance(edited(field_type="number", field_name="points"), FetchNeeded)
    assert isinstance(edited(field_type="number", field_name="Effort"), FetchNeeded)
    assert isinstance(edited(field_type="number"), FetchNeeded)
    assert edited(field_type="number", field_name="Size") == Ignored("a number changed that is not read")
    assert edited(field_type="text", field_name="Points") == Ignored("no number changed")
    assert edited() == Ignored("no number changed")


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"connection": CONNECTION}, "no numbers are read"),
        ({"connection": replace(WANTED, token=None)}, "needs a token"),
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
def test_everything_else_is_ignored_for_a_reason(parts: dict[str, Any], reason: str) -> None:
    """Also what is not whole, and what could be no name."""
    seen = read("created", **parts)
    assert isinstance(seen, Ignored)
    assert reason in seen.reason


def test_an_order_that_changed_is_ignored() -> None:
    """It moves nothing."""
    assert isinstance(read("reordered"), Ignored)
