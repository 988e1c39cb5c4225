"""Deliveries about projects, versions and sprints, and deliveries with only ids."""

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

TIME = datetime.fromtimestamp(1_791_200_000, UTC)
SHOP = {"self": f"{SITE}/rest/api/2/project/10000", "id": 10000, "key": "SHOP", "name": "Shop"}
VERSION = {
    "self": f"{SITE}/rest/api/2/version/901", "id": "901", "description": "", "name": "2.0", "archived": False,
    "released": True, "overdue": False, "userReleaseDate": "06/Oct/26", "projectId": 10000,
}  # fmt: skip
SPRINT = {
    "id": 8, "self": f"{SITE}/rest/agile/1.0/sprint/8", "state": "active", "name": "Sprint 8", "originBoardId": 1,
    "startDate": "2026-10-05T06:39:30.147Z", "endDate": "2026-10-19T06:59:30.147Z",
}  # fmt: skip


def read(event: str, **fields: Any) -> Observation:
    """Return the one observation of a delivery of an administrator's webhook, which may lack a user."""
    (seen,) = Jira().parse_delivery(delivery(event, **fields), connection()).observations
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
def test_a_changed_project_is_identified_by_its_id(event: str, expected: dict[str, Any]) -> None:
    """Its key may change. Only a deleted project never returns."""
    assert read(event, project=SHOP) == ScopeSeen(scope=ScopeRef("10000", "SHOP"), at=TIME, **expected)
    bare = ScopeSeen(scope=ScopeRef("10000", ""), at=TIME, **expected)
    assert read(event, project={"id": "10000"}) == bare


@pytest.mark.parametrize("event", ["jira:version_updated", "jira:version_released", "jira:version_unreleased"])
def test_a_version_has_its_name_and_time(event: str) -> None:
    """The tracker's time, so two renames may arrive in any order."""
    named = TermSeen(kind=TermKind.VERSION, id="901", name="2.0", at=TIME)
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
def test_a_deleted_version_may_have_been_merged(into: object, name: str | None, merged_into: str | None) -> None:
    """Jira does not document how it names the other version, so each form is parsed."""
    merged = {} if into is None else {"mergedTo": into}
    assert read("jira:version_deleted", version=VERSION, **merged) == TermSeen(
        kind=TermKind.VERSION, id="901", name=name, at=TIME, merged_into=merged_into
    )


@pytest.mark.parametrize("event", ["sprint_updated", "sprint_started", "sprint_closed", "sprint_deleted"])
def test_a_sprint_has_its_name(event: str) -> None:
    """The delivery does not have its project."""
    name = None if event == "sprint_deleted" else "Sprint 8"
    assert read(event, sprint=SPRINT) == TermSeen(kind=TermKind.SPRINT, id="8", name=name, at=TIME)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("project_updated", {}),
        ("project_archived", {"project": {"key": "SHOP"}}),
        ("jira:version_updated", {"version": {"id": "901"}}),
        ("jira:version_deleted", {"version": {"name": "2.0"}}),
        ("sprint_updated", {"sprint": {"id": 8, "name": ""}}),
        ("sprint_deleted", {"sprint": None}),
    ],
)
def test_a_delivery_without_its_subject_is_rejected(event: str, fields: dict[str, Any]) -> None:
    """It stays among the buried deliveries, with its reason."""
    with pytest.raises(Rejected, match="is missing"):
        read(event, **fields)


@pytest.mark.parametrize(
    ("event", "fields"),
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
def test_deliveries_without_effect_are_ignored_with_a_reason(event: str, fields: dict[str, Any]) -> None:
    """Most of them have only ids."""
    assert read(event, **fields) == Ignored(EVENT_RULES[event].description)
