"""Deliveries about projects, versions and sprints, and those that carry only ids."""

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.jira import Jira
from connectors.jira.webhook.events import EVENT_RULES
from sync_service.domain.trackers.connector import Rejected
from sync_service.domain.trackers.observations import (
    Ignored,
    Observation,
    ScopeRef,
    ScopeSeen,
    TermKind,
    TermSeen,
)
from tests.connectors.jira.payloads import SITE, connection, delivery

SAID_AT = datetime.fromtimestamp(1_791_200_000, UTC)
SHOP = {"self": f"{SITE}/rest/api/2/project/10000", "id": 10000, "key": "SHOP", "name": "Shop"}
VERSION = {
    "self": f"{SITE}/rest/api/2/version/901", "id": "901", "description": "", "name": "2.0", "archived": False,
    "released": True, "overdue": False, "userReleaseDate": "06/Oct/26", "projectId": 10000,
}  # fmt: skip
SPRINT = {
    "id": 8, "self": f"{SITE}/rest/agile/1.0/sprint/8", "state": "active", "name": "Sprint 8", "originBoardId": 1,
    "startDate": "2026-10-05T06:39:30.147Z", "endDate": "2026-10-19T06:59:30.147Z",
}  # fmt: skip


def read(event: str, **parts: Any) -> Observation:
    """Read a delivery that says one thing; it is of an administrator's webhook, so it may name nobody."""
    (seen,) = Jira().parse_delivery(delivery(event, **parts), connection()).observations
    return seen


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ("project_updated", {}),
        ("project_deleted", {"gone": "the project was deleted", "for_good": True}),
        ("project_soft_deleted", {"gone": "the project was moved to the trash"}),
        ("project_archived", {"gone": "the project was archived"}),
        ("project_restored_deleted", {"returned": True}),
        ("project_restored_archived", {"returned": True}),
    ],
)
def test_what_becomes_of_a_project_is_told(event: str, expected: dict[str, Any]) -> None:
    """By its id: its key may have changed. Only a deleted one does not come back."""
    assert read(event, project=SHOP) == ScopeSeen(scope=ScopeRef("10000", "SHOP"), at=SAID_AT, **expected)
    bare = ScopeSeen(scope=ScopeRef("10000", ""), at=SAID_AT, **expected)
    assert read(event, project={"id": "10000"}) == bare


@pytest.mark.parametrize("event", ["jira:version_updated", "jira:version_released", "jira:version_unreleased"])
def test_a_version_s_name_is_told(event: str) -> None:
    """At the tracker's time, so that two renames may come in any order."""
    named = TermSeen(kind=TermKind.VERSION, id="901", name="2.0", at=SAID_AT)
    assert read(event, version=VERSION) == named


@pytest.mark.parametrize(
    ("into", "name", "merged_into"),
    [
        (None, None, None),
        ({**VERSION, "id": "902", "name": "3.0"}, "3.0", "902"),
        ({"id": 902}, None, "902"),
        (902, None, "902"),
        ("902", None, "902"),
        (["902"], None, None),
    ],
)
def test_a_version_that_is_deleted_may_have_been_merged(
    into: object, name: str | None, merged_into: str | None
) -> None:
    """How Jira names the other one is not written down, so each way is read."""
    merged = {} if into is None else {"mergedTo": into}
    assert read("jira:version_deleted", version=VERSION, **merged) == TermSeen(
        kind=TermKind.VERSION, id="901", name=name, at=SAID_AT, merged_into=merged_into
    )


@pytest.mark.parametrize("event", ["sprint_updated", "sprint_started", "sprint_closed", "sprint_deleted"])
def test_a_sprint_s_name_is_told(event: str) -> None:
    """Which project it belongs to is not."""
    name = None if event == "sprint_deleted" else "Sprint 8"
    assert read(event, sprint=SPRINT) == TermSeen(kind=TermKind.SPRINT, id="8", name=name, at=SAID_AT)


@pytest.mark.parametrize(
    ("event", "parts"),
    [
        ("project_updated", {}),
        ("project_archived", {"project": {"key": "SHOP"}}),
        ("jira:version_updated", {"version": {"id": "901"}}),
        ("jira:version_deleted", {"version": {"name": "2.0"}}),
        ("sprint_updated", {"sprint": {"id": 8, "name": ""}}),
        ("sprint_deleted", {"sprint": None}),
    ],
)
def test_what_does_not_say_what_it_is_about_is_rejected(event: str, parts: dict[str, Any]) -> None:
    """It waits among the buried deliveries, with its reason."""
    with pytest.raises(Rejected, match="is missing"):
        read(event, **parts)


@pytest.mark.parametrize(
    ("event", "parts"),
    [
        ("worklog_created", {"worklog": {"id": "1", "issueId": "20012", "timeSpentSeconds": 60}}),
        ("worklog_deleted", {"worklog": {"id": "1", "issueId": "20012"}}),
        (
            "issuelink_created",
            {"issueLink": {"id": 1, "sourceIssueId": 20012, "destinationIssueId": 20013, "systemLink": False}},
        ),
        ("issuelink_deleted", {"issueLink": {"id": 1, "sourceIssueId": 20012, "destinationIssueId": 20013}}),
        ("jira:version_created", {"version": VERSION}),
        ("jira:version_moved", {"version": VERSION}),
        ("sprint_created", {"sprint": SPRINT}),
        ("project_created", {"project": SHOP}),
        ("issue_property_set", {"property": {"key": "x"}}),
    ],
)
def test_what_moves_no_key_result_is_ignored_for_a_reason(event: str, parts: dict[str, Any]) -> None:
    """Most of it carries only ids."""
    assert read(event, **parts) == Ignored(EVENT_RULES[event].description)
