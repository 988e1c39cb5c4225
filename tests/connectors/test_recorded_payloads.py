"""Payloads that others recorded from the real trackers, where a folder of them lies beside the repository."""

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.registry import connectors
from sync_service.domain.connectors import Connection, Post
from sync_service.domain.issues import (
    Account,
    AccountSeen,
    Ignored,
    Kind,
    Look,
    Reading,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    State,
    Term,
    TermSeen,
    Tombstone,
)
from tests.skips import SHARED, SHARED_IS_ABSENT

FOLDER = SHARED / "payloads"

pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason=SHARED_IS_ABSENT)


ALLOWED: dict[str, set[type]] = {
    "issues": {Snapshot, Tombstone, Look},
    "pull_request": {Snapshot},
    "label": {TermSeen, Ignored},
    "milestone": {TermSeen, Ignored},
    "repository": {ScopeSeen, Ignored},
    "organization": {AccountSeen, Ignored},
    "installation": {ScopeSeen, AccountSeen, Ignored},
    "installation_repositories": {ScopeSeen},
}


def read(path: Path) -> Reading:
    """Read one recorded payload by its place in the folder."""
    kind = path.relative_to(FOLDER).parts[0]
    headers = {"content-type": "application/json", "x-github-event": path.parent.name}
    connection = Connection(slug="recorded", site="https://tracker.example")
    return connectors([])[kind].read(Post(headers, path.read_bytes()), connection)


def sorts(reading: Reading) -> set[type]:
    """Give the sorts of observation in a reading."""
    return {type(seen) for seen in reading.observations}


def test_every_recorded_payload_is_read() -> None:
    """Those about issues are whole or looked at, those about terms and scopes are known, the rest are ignored."""
    counts: Counter[str] = Counter()
    for path in FOLDER.rglob("*.json"):
        reading = read(path)
        counts[path.relative_to(FOLDER).parts[0]] += 1
        if path.parent.name == "jira":
            about_issue = str(json.loads(path.read_bytes())["webhookEvent"]).startswith("jira:issue")
            assert sorts(reading) <= ({Snapshot, Tombstone} if about_issue else {Ignored}), path
        else:
            assert sorts(reading) <= ALLOWED.get(path.parent.name, {Ignored}), path
    assert counts["github"] > 50
    assert counts["jira"] > 20


def test_every_recorded_issue_and_pull_request_of_github_is_what_its_fields_say() -> None:
    """Identity, state, labels and times, by the fields that GitHub documents."""
    checked = 0
    for path in (FOLDER / "github").rglob("*.json"):
        body = json.loads(path.read_bytes())
        for seen in read(path).observations:
            if not isinstance(seen, Snapshot):
                continue
            pull = body.get("pull_request")
            holder = body["changes"] if path.parent.name == "issues" and "transferred" in path.name else body
            part = pull or holder.get("issue") or holder["new_issue"]
            home = holder.get("repository") or holder["new_repository"]
            assert (seen.identity, seen.scope.name) == (f"{home['id']}#{part['number']}", home["full_name"]), path
            assert (seen.closed_at is None) == (part["state"] == "open") == (seen.state in (State.TODO, State.DOING)), (
                path
            )
            assert [label.id for label in seen.labels] == sorted(str(label["id"]) for label in part["labels"]), path
            assert seen.updated_at == datetime.fromisoformat(part["updated_at"]), path
            assert (seen.closes is None) == (pull is None), path
            checked += 1
    assert checked > 50


def test_recorded_changes_of_access_and_names_are_right() -> None:
    """Spot checks of a transfer, an uninstalled and a suspended app and a repository taken from one."""
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


def test_only_the_two_incomplete_issues_are_looked_at() -> None:
    """Those two recordings lack state and labels, as GitHub's own examples do."""
    looked = {path.name for path in (FOLDER / "github").rglob("*.json") if Look in sorts(read(path))}
    assert looked == {"pinned.payload.json", "unpinned.payload.json"}


def test_a_recorded_github_issue_is_right() -> None:
    """Spot check of one issue with label, milestone and assignee."""
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


def test_a_recorded_pull_request_closed_unmerged_is_dropped() -> None:
    """Spot check."""
    (seen,) = read(FOLDER / "github/pull_request/closed.payload.json").observations
    assert isinstance(seen, Snapshot)
    assert (seen.kind, seen.key) == (Kind.PULL_REQUEST, "Codertocat/Hello-World#2")
    assert (seen.state, seen.resolution) == (State.DROPPED, "closed without merging")


def test_a_recorded_transfer_names_both_ends() -> None:
    """The old and the new letter agree on the sort of facts they tell."""
    tombstone, seen = read(FOLDER / "github/issues/transferred.payload.json").observations
    assert tombstone == Tombstone(
        identity="17273051#1", key="octo-org/octo-repo#1", successor="186853002#1", moved_to="Codertocat/Hello-World#1"
    )
    assert isinstance(seen, Snapshot)
    again = read(FOLDER / "github/issues/opened.with-transfer.payload.json").observations
    assert tombstone in again


def test_a_recorded_jira_issue_is_right() -> None:
    """Spot check of a resolved Cloud issue."""
    (seen,) = read(FOLDER / "jira/webhook-issue-updated-resolved-one-changelog.json").observations
    assert isinstance(seen, Snapshot)
    assert (seen.identity, seen.key, seen.scope) == ("10040", "TES-41", ScopeRef("10000", "TES"))
    assert (seen.type, seen.priority, seen.title) == ("Story", "High", "Unit test summary 1")
    assert (seen.state, seen.resolution) == (State.DONE, "Done")
    assert seen.labels == (Term("test-label", "test-label"),)
    assert seen.closed_at == datetime(2019, 2, 16, 3, 15, 40, 470_000, tzinfo=UTC)


def test_a_recorded_server_issue_is_right() -> None:
    """Spot check of a Data Center issue in progress."""
    reading = read(FOLDER / "jira/webhook-server-issue-updated-in-progress.json")
    (seen,) = reading.observations
    assert isinstance(seen, Snapshot)
    assert (seen.key, seen.state) == ("TES-4", State.DOING)
    assert seen.updated_at == datetime(2019, 8, 14, 3, 2, 33, 678_000, tzinfo=UTC)
    assert reading.actor is not None
    assert reading.actor.id == "admin"
