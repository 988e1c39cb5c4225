"""Payloads recorded from real trackers, if their folder is next to the repository."""

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.jira.api.field_catalogue import FieldCatalogueCache, add_field_catalogue
from connectors.jira.webhook.events import event_rule_for
from connectors.registry import load_connectors
from connectors.webhook import decode_object
from sync_service.domain.trackers.connector import Connection, WebhookRequest
from sync_service.domain.trackers.observations import (
    Account,
    AccountSeen,
    CommentSeen,
    FetchNeeded,
    Ignored,
    Kind,
    Number,
    Observation,
    ParsedDelivery,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    State,
    Term,
    TermSeen,
    Tombstone,
)
from tests.connectors.jira.payloads import FLOAT, GREENHOPPER, field
from tests.support.skip_guard import SHARED, SHARED_IS_ABSENT

FOLDER = SHARED / "payloads"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=SHARED_IS_ABSENT)


ALLOWED: dict[str, set[type]] = {
    "issues": {Snapshot, Tombstone, FetchNeeded},
    "pull_request": {Snapshot},
    "label": {TermSeen, Ignored},
    "milestone": {TermSeen, Ignored},
    "repository": {ScopeSeen, Ignored},
    "organization": {AccountSeen, Ignored},
    "installation": {ScopeSeen, AccountSeen, Ignored},
    "installation_repositories": {ScopeSeen},
}


def read(path: Path) -> ParsedDelivery:
    """Return a recorded payload by its path in the folder."""
    kind = path.relative_to(FOLDER).parts[0]
    headers = {"content-type": "application/json", "x-github-event": path.parent.name}
    connection = Connection(slug="recorded", site="https://tracker.example")
    return load_connectors([])[kind].parse_delivery(WebhookRequest(headers, path.read_bytes()), connection)


def sorts(reading: ParsedDelivery) -> set[type]:
    """Return the types of the observations."""
    return {type(seen) for seen in reading.observations}


def test_every_recorded_payload_is_parsed() -> None:
    """Issues are complete or fetched, terms and scopes are known, the rest is ignored."""
    counts: Counter[str] = Counter()
    for path in FOLDER.rglob("*.json"):
        reading = read(path)
        counts[path.relative_to(FOLDER).parts[0]] += 1
        if path.parent.name == "jira":
            about_issue = str(json.loads(path.read_bytes())["webhookEvent"]).startswith("jira:issue")
            allowed = {Snapshot, Tombstone, CommentSeen} if about_issue else {CommentSeen, Ignored}
            assert sorts(reading) <= allowed, path
        else:
            assert sorts(reading) <= ALLOWED.get(path.parent.name, {Ignored}), path
    assert counts["github"] > 50
    assert counts["jira"] > 20


def test_every_recorded_github_issue_and_pull_request_matches_its_fields() -> None:
    """Identity, state, labels and times, by the documented fields."""
    checked = 0
    for path in (FOLDER / "github").rglob("*.json"):
        body = json.loads(path.read_bytes())
        for seen in read(path).observations:
            if not isinstance(seen, Snapshot):
                continue
            pull = body.get("pull_request")
            bucket_owner = body["changes"] if path.parent.name == "issues" and "transferred" in path.name else body
            bucket = pull or bucket_owner.get("issue") or bucket_owner["new_issue"]
            home = bucket_owner.get("repository") or bucket_owner["new_repository"]
            assert (seen.identity, seen.scope.name) == (f"{home['id']}#{bucket['number']}", home["full_name"]), path
            assert (
                (seen.closed_at is None) == (bucket["state"] == "open") == (seen.state in (State.TODO, State.DOING))
            ), path
            assert [label.id for label in seen.labels] == sorted(str(label["id"]) for label in bucket["labels"]), path
            assert seen.updated_at == datetime.fromisoformat(bucket["updated_at"]), path
            assert (seen.closes is None) == (pull is None), path
            checked += 1
    assert checked > 50


def test_recorded_changes_of_access_and_names_are_correct() -> None:
    """Samples: a transfer, an uninstalled and a suspended app, and a repository removed from one."""
    (transferred,) = read(FOLDER / "github/repository/transferred.payload.json").observations
    assert transferred == ScopeSeen(scope=ScopeRef("186853261", "Octocoders/Hello-World"), was="octocat/Hello-World")
    (deleted,) = read(FOLDER / "github/installation/deleted.payload.json").observations
    assert deleted == ScopeSeen(scope=ScopeRef("1296269", "octocat/Hello-World"), gone="the GitHub app was uninstalled")
    (suspended,) = read(FOLDER / "github/installation/suspend.payload.json").observations
    assert isinstance(suspended, AccountSeen)
    assert (suspended.name, suspended.gone) == ("Codertocat", "the GitHub app was suspended")
    assert suspended.at is not None
    (removed,) = read(FOLDER / "github/installation_repositories/removed.payload.json").observations
    assert removed == ScopeSeen(
        scope=ScopeRef("1296269", "octocat/Hello-World"), gone="the GitHub app may no longer see it"
    )


def test_only_the_two_incomplete_issues_are_fetched() -> None:
    """Those two recordings lack state and labels, like GitHub's own examples."""
    fetched = {path.name for path in (FOLDER / "github").rglob("*.json") if FetchNeeded in sorts(read(path))}
    assert fetched == {"pinned.payload.json", "unpinned.payload.json"}


def test_a_recorded_github_issue_is_correct() -> None:
    """A sample with label, milestone and assignee."""
    (seen,) = read(FOLDER / "github/issues/labeled.payload.json").observations
    octocat = Account("Codertocat", "Codertocat")
    assert isinstance(seen, Snapshot)
    assert (seen.identity, seen.key) == ("186853002#1", "Codertocat/Hello-World#1")
    assert seen.scope == ScopeRef("186853002", "Codertocat/Hello-World")
    assert (seen.kind, seen.state, seen.title) == (Kind.ISSUE, State.TODO, "Spelling error in the README file")
    assert seen.labels == (Term("1362934389", "bug"),)
    assert seen.milestone == Term("4317517", "v1.0")
    assert (seen.assignees, seen.author) == ((octocat,), octocat)
    assert seen.updated_at == datetime(2019, 5, 15, 15, 20, 18, tzinfo=UTC)


def test_a_recorded_pull_request_closed_without_merge_is_dropped() -> None:
    """One sample."""
    (seen,) = read(FOLDER / "github/pull_request/closed.payload.json").observations
    assert isinstance(seen, Snapshot)
    assert (seen.kind, seen.key) == (Kind.PULL_REQUEST, "Codertocat/Hello-World#2")
    assert (seen.state, seen.resolution) == (State.DROPPED, "closed without merging")


def test_a_recorded_transfer_names_both_issues() -> None:
    """The old and the new delivery give the same types of observations."""
    tombstone, seen = read(FOLDER / "github/issues/transferred.payload.json").observations
    assert tombstone == Tombstone(
        identity="17273051#1", key="octo-org/octo-repo#1", successor="186853002#1", moved_to="Codertocat/Hello-World#1"
    )
    assert isinstance(seen, Snapshot)
    again = read(FOLDER / "github/issues/opened.with-transfer.payload.json").observations
    assert tombstone in again


OF_SERVERS = (
    field(10106, "Story Points", FLOAT),
    field(10104, "Sprint", f"{GREENHOPPER}:gh-sprint", kind="array"),
)
"""The fields of the recorded servers, as their values show."""

TES_41 = {
    "identity": "10040", "key": "TES-41", "scope": ScopeRef("10000", "TES"),
    "state": State.TODO, "resolution": None, "type": "Story", "priority": "High",
    "labels": (Term("test-label", "test-label"),), "components": (Term("10000", "COMP-1"),), "versions": (),
    "sprints": None, "parent": None, "points": None, "points_known": False, "closed_at": None, "assignees": (),
    "author": Account("5c5f880629be9642ba529340", "Test User"),
}  # fmt: skip
SAD = (Term("sad", "sad"), Term("test-label", "test-label"))
PRJX_14 = {
    "identity": "10013", "key": "PRJX-14", "scope": ScopeRef("10000", "PRJX"), "state": State.TODO, "type": "Story",
    "priority": "Medium", "labels": (), "components": (), "versions": (), "sprints": (Term("1", "Sample Sprint 2"),),
    "points": 3.0, "points_known": True, "author": Account("craig", "Craig Vitter"),
}  # fmt: skip
TES_4 = {
    "identity": "10300", "key": "TES-4", "scope": ScopeRef("10100", "TES"), "type": "Bug", "priority": "Medium",
    "sprints": None, "points": None, "points_known": False, "author": Account("admin", "admin"),
    "assignees": (Account("admin", "admin"),), "resolution": None, "closed_at": None,
}  # fmt: skip
JIRA_ISSUES: dict[str, dict[str, Any]] = {
    "webhook-cloud-issue-updated-custom-field": {
        "identity": "10368", "key": "TES-14", "scope": ScopeRef("10008", "TES"), "state": State.TODO,
        "labels": (Term("Pickles", "Pickles"),), "components": (), "versions": (), "parent": None,
        "numbers": (Number("MJK - Number Field", 12.0),),
        "updated_at": datetime(2019, 8, 12, 1, 49, 13, 412_000, tzinfo=UTC),
    },
    "webhook-issue-comment-created-indentation": {
        "identity": "10101", "key": "TEST-4", "scope": ScopeRef("10000", "TEST"), "state": State.TODO,
        "type": "Story", "labels": (), "author": Account("Test", "user"), "numbers": (), "points_known": True,
    },
    "webhook-issue-created-no-description": TES_41,
    "webhook-issue-created-with-security-level": TES_41,
    "webhook-issue-updated-assigned-on-server": {
        "identity": "10226", "key": "PRJA-37", "scope": ScopeRef("10002", "PRJA"), "type": "Improvement",
        "state": State.TODO, "assignees": (Account("admin", "Test User"),), "components": (), "sprints": (),
    },
    "webhook-issue-updated-attachments": TES_41 | {"labels": SAD},
    "webhook-issue-updated-edited": TES_41,
    "webhook-issue-updated-issue-type": TES_41,
    "webhook-issue-updated-lowered-priority": TES_41 | {"labels": SAD, "priority": "Low"},
    "webhook-issue-updated-multiple-values": TES_41,
    "webhook-issue-updated-rank": TES_41 | {"labels": SAD},
    "webhook-issue-updated-reopened-one-changelog": TES_41,
    "webhook-issue-updated-resolved-one-changelog": TES_41 | {
        "state": State.DONE, "resolution": "Done",
        "closed_at": datetime(2019, 2, 16, 3, 15, 40, 470_000, tzinfo=UTC),
    },
    "webhook-issue-updated-sprint": TES_41 | {"labels": SAD, "sprints": (Term("Sprint 2", "Sprint 2"),)},
    "webhook-server-issue-updated-comment-deleted": PRJX_14,
    "webhook-server-issue-updated-commented-1": PRJX_14,
    "webhook-server-issue-updated-commented-3": {
        "identity": "10231", "key": "PRJA-42", "scope": ScopeRef("10002", "PRJA"), "state": State.TODO,
        "assignees": (Account("dylan", "Dylan H"),), "author": Account("creator.user", "Creator User"),
    },
    "webhook-server-issue-updated-in-progress": TES_4 | {
        "state": State.DOING, "updated_at": datetime(2019, 8, 14, 3, 2, 33, 678_000, tzinfo=UTC),
    },
    "webhook-server-issue-updated-reopened": TES_4 | {"state": State.TODO},
    "webhook-server-old-issue-updated-no-event-type-assigned": TES_41 | {
        "assignees": (Account("5c5f880629be9642ba529340", "Test User"),), "sprints": None, "points_known": False,
    },
    "webhook-server-old-issue-updated-no-event-type-comment-edited": PRJX_14,
    "webhook-server-old-issue-updated-no-event-type-edited": TES_41 | {"sprints": None, "points_known": False},
}  # fmt: skip
"""What each recorded Jira issue has to be read as."""

JIRA_EDITED = {"webhook-server-old-issue-updated-no-event-type-comment-edited"}
"""What brings a comment that might have asked for links before it was edited."""

JIRA_GONE = {"webhook-issue-deleted": Tombstone(identity="10303", key="IDT-19")}


def jira_observations(path: Path) -> tuple[Observation, ...]:
    """Parse a recorded Jira payload. The fields of Cloud sites are unknown, those of servers are known."""
    payload = decode_object(path.read_bytes())
    by = Connection(slug="recorded", site="https://tracker.example", options={"number_fields": "MJK - Number Field"})
    of_server = "server" in path.name or "indentation" in path.name
    treatment = event_rule_for(payload["webhookEvent"])
    assert treatment.parse, treatment.description
    if not of_server:
        return treatment.parse(payload, by)
    plain = replace(by, options={})
    return treatment.parse(payload, add_field_catalogue(plain, FieldCatalogueCache().fetch(plain, lambda: OF_SERVERS)))


def test_every_recorded_jira_issue_gives_the_correct_snapshot() -> None:
    """Field by field. Every file is in one of the tables or is about a comment."""
    found = {path.name.removesuffix(".json"): path for path in (FOLDER / "jira").glob("*.json")}
    about_comments = {name for name in found if name.partition("comment")[2] in ("-created", "-updated")}
    assert set(found) == {*JIRA_ISSUES, *JIRA_GONE, *about_comments}
    for name, expected in JIRA_ISSUES.items():
        seen, *commented = jira_observations(found[name])
        assert isinstance(seen, Snapshot), name
        assert bool(commented) == (name in JIRA_EDITED), name
        assert {bucket: getattr(seen, bucket) for bucket in expected} == expected, name
        fields = json.loads(found[name].read_bytes())["issue"]["fields"]
        assert (seen.title, seen.updated_at) == (fields["summary"], datetime.fromisoformat(fields["updated"])), name
        assert seen.url == f"https://tracker.example/browse/{seen.key}", name
    for name, gone in JIRA_GONE.items():
        assert jira_observations(found[name]) == (gone,)


def test_a_recorded_server_delivery_names_the_actor() -> None:
    """By the account's name."""
    actor = read(FOLDER / "jira/webhook-server-issue-updated-in-progress.json").actor
    assert actor is not None
    assert actor.id == "admin"
