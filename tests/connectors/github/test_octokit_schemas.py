"""Parse every delivery that GitHub's schemas describe: with all fields, required fields, and every null."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.github import GitHub
from connectors.github.webhook.events import EVENT_RULES
from sync_service.domain.trackers.observations import (
    AccountSeen,
    Closing,
    Kind,
    Observation,
    Parent,
    ParentSeen,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    State,
    TermSeen,
    Tombstone,
)
from tests.connectors.github.octokit_schemas import GENERATED, GITHUB_COM, DeliverySchema, FieldSelection, described
from tests.connectors.github.payloads import CONNECTION
from tests.support.run_scope import ALL
from tests.support.skip_guard import SHARED, SHARED_IS_ABSENT

SHARED_DESCRIPTION = SHARED / "openapi/github-rest-2026.json"
ENTERPRISE_SERVERS = [f"ghes-3.{minor}.json" for minor in range(14, 20)]
CHECKED_SERVERS = ENTERPRISE_SERVERS if ALL else [ENTERPRISE_SERVERS[0], ENTERPRISE_SERVERS[-1]]

NEW = {
    "issues.field_added": "issues.typed",
    "issues.field_removed": "issues.untyped",
    "issue_comment.pinned": "issue_comment.edited",
    "issue_comment.unpinned": "issue_comment.edited",
    "issue_relates_to.relates_to_added": "issue_dependencies.blocking_added",
    "issue_relates_to.relates_to_removed": "issue_dependencies.blocking_removed",
    "pull_request.stacked": "pull_request.edited",
}
"""What is newer than the package, each with the delivery it looks like."""

CHANGED = (
    "assigned closed demilestoned edited field_added field_removed labeled locked milestoned pinned reopened typed"
    " unassigned unlabeled unlocked unpinned untyped"
)
PULLS = (
    "assigned auto_merge_disabled auto_merge_enabled closed converted_to_draft demilestoned dequeued edited enqueued"
    " labeled locked milestoned opened ready_for_review reopened review_request_removed review_requested stacked"
    " synchronize unassigned unlabeled unlocked"
)
SUB_ISSUES = "parent_issue_added parent_issue_removed sub_issue_added sub_issue_removed"
RELATED = "Snapshot Snapshot ParentSeen"

# The observations in the order of FieldSelection (all, required, nulls), with the events and actions that give them.
READ = {
    ("Snapshot", "FetchNeeded", "Snapshot"): ("issues", CHANGED),
    ("Snapshot Tombstone", "FetchNeeded", "Snapshot"): ("issues", "opened"),
    ("Tombstone Snapshot", "Tombstone FetchNeeded", "Tombstone Snapshot"): ("issues", "transferred"),
    ("Tombstone", "Tombstone", "Tombstone"): ("issues", "deleted"),
    ("Snapshot", "Snapshot", "Snapshot"): ("pull_request", PULLS),
    (RELATED, RELATED, RELATED): ("sub_issues", SUB_ISSUES),
    ("TermSeen", "TermSeen", "TermSeen"): ("label milestone", "created deleted"),
    ("TermSeen", "Ignored", "TermSeen"): ("label milestone", "edited"),
    ("ScopeSeen", "ScopeSeen", "ScopeSeen"): ("repository", "deleted renamed transferred"),
    ("AccountSeen", "AccountSeen", "AccountSeen"): ("organization", "deleted"),
    ("AccountSeen", "Ignored", "AccountSeen"): ("organization installation_target", "renamed"),
    ("AccountSeen", "AccountSeen", "Ignored"): ("installation", "created deleted suspend unsuspend"),
    ("ScopeSeen ScopeSeen", "Ignored", "ScopeSeen ScopeSeen"): ("installation_repositories", "added removed"),
}
"""The sorts of observations that come of a delivery in each fullness; of what is not listed comes `Ignored`."""

EXPECTED = {
    f"{event}.{action}": dict(zip(FieldSelection, sorts, strict=True))
    for sorts, (events, actions) in READ.items()
    for event in events.split()
    for action in actions.split()
}

LESS_REQUIRED = {
    "sub_issues.parent_issue_added": "Snapshot FetchNeeded",
    "sub_issues.parent_issue_removed": "Snapshot ParentSeen",
    "sub_issues.sub_issue_added": "Snapshot Ignored",
    "sub_issues.sub_issue_removed": "Snapshot Ignored",
}
"""What comes of bare deliveries by the newer description, in which the issue of the other side may be absent."""


def read(one: DeliverySchema, body: dict[str, Any]) -> tuple[Observation, ...]:
    """Return a delivery's observations. No described delivery is rejected."""
    return GitHub().parse_delivery(one.post(body), CONNECTION).observations


def sorts(observations: tuple[Observation, ...]) -> str:
    """Return the names of the observation types, in order."""
    return " ".join(type(seen).__name__ for seen in observations)


def check(document: Path, bare: dict[str, str] | None = None) -> list[str]:
    """Parse every delivery of a document with each selection of fields, and return their names."""
    names = []
    for one in described(document):
        names.append(one.name)
        for fullness in FieldSelection:
            body = one.make(fullness)
            if one.name == "organization.deleted":
                body.pop("repository", None)  # the description allows it everywhere
            observations = read(one, body)
            expected = EXPECTED.get(one.name, {}).get(fullness, "Ignored")
            if bare and fullness is FieldSelection.BARE:
                expected = bare.get(one.name, expected)
            assert sorts(observations) == expected, (one.name, fullness)
            for seen in observations:
                assert_true(seen, body)
    return names


FIXES = (Closing("acme/checkout#3", "1#3"),)
TIMES = datetime(2026, 10, 5, 9, 30, tzinfo=UTC)


def assert_true(seen: Observation, body: dict[str, Any]) -> None:
    """Compare an observation with the delivery's own fields."""
    match seen:
        case Snapshot():
            bucket = source_of(body, seen)
            assert seen.scope == ScopeRef("1", "acme/checkout")
            assert seen.kind is (Kind.PULL_REQUEST if "base" in bucket else Kind.ISSUE)
            assert seen.state is state_of(bucket)
            assert (seen.updated_at, seen.title) == (TIMES, bucket["title"] or seen.key)
            assert [label.id for label in seen.labels] == ["1"] * any(one for one in bucket["labels"] if one != "text")
            assert (seen.milestone is None) == (not bucket.get("milestone"))
            assert [account.id for account in seen.assignees] == ["anaruiz"] * any(bucket.get("assignees") or ())
            assert seen.closes == (None if "base" not in bucket else FIXES if bucket["body"] else ())
        case ParentSeen():
            assert seen.identity == f"1#{body['sub_issue']['number']}"
            parent = body["parent_issue"]["number"] if body["action"].endswith("added") else None
            assert seen.parent == (Parent(f"acme/checkout#{parent}", f"1#{parent}") if parent else Parent(None))
            assert seen.at == TIMES
        case Tombstone():
            assert seen.identity in {f"1#{bucket['number']}" for bucket in issues_in(body)}
        case TermSeen():
            assert (seen.id, seen.scope) == ("1", ScopeRef("1", "acme/checkout"))
            assert seen.name == (None if body["action"] == "deleted" else "text")
        case ScopeSeen():
            assert seen.scope == ScopeRef("1", "acme/checkout")
        case AccountSeen():
            assert seen.name == "anaruiz"


def issues_in(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the issues and pull requests in a delivery."""
    changes = body.get("changes") or {}
    for bucket_owner, names in (
        (body, ("issue", "pull_request", "sub_issue", "parent_issue")),
        (changes, ("new_issue", "old_issue")),
    ):
        yield from (bucket_owner[name] for name in names if isinstance(bucket_owner.get(name), dict))


def source_of(body: dict[str, Any], seen: Snapshot) -> dict[str, Any]:
    """Return the object that a snapshot was read from."""
    (found,) = [bucket for bucket in issues_in(body) if f"1#{bucket['number']}" == seen.identity]
    return found


def state_of(bucket: dict[str, Any]) -> State:
    """Return the state of an issue or pull request by the documented fields."""
    if "base" in bucket:
        if bucket["state"] == "open":
            return State.DOING
        return State.DONE if bucket["merged"] or bucket["merged_at"] else State.DROPPED
    if bucket["state"] == "open":
        return State.TODO
    return State.DROPPED if bucket.get("state_reason") in ("not_planned", "duplicate") else State.DONE


@pytest.mark.slow
def test_every_delivery_of_github_com_is_parsed_correctly() -> None:
    """The table above covers all of them, except a few newer ones."""
    names = check(GITHUB_COM)
    assert len(names) > 250
    assert set(EXPECTED) - set(names) == set(NEW) & set(EXPECTED)


@pytest.mark.parametrize("name", NEW)
def test_deliveries_newer_than_the_package_are_parsed_like_similar_ones(name: str) -> None:
    """The action says which one it is."""
    (like,) = [one for one in described(GITHUB_COM) if one.name == NEW[name]]
    new = replace(like, name=name)
    for fullness in FieldSelection:
        body = {**like.make(fullness), "action": name.partition(".")[2]}
        observations = read(new, body)
        assert sorts(observations) == EXPECTED.get(name, {}).get(fullness, "Ignored")
        for seen in observations:
            assert_true(seen, body)


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CHECKED_SERVERS, "ghec.json"])
def test_every_delivery_of_an_enterprise_server_is_parsed_alike(name: str) -> None:
    """Fields that an older server lacks are absent, not null. Without `TESTS=all`: of the oldest and the newest."""
    names = check(GENERATED / name)
    assert "issues.closed" in names


def test_an_enterprise_server_lacks_some_deliveries() -> None:
    """So the test above has a meaning. The package says which ones."""
    older = {one.name for one in described(GENERATED / ENTERPRISE_SERVERS[0])}
    newer = {one.name for one in described(GITHUB_COM)}
    missing = {name for name in EXPECTED if name in newer - older}
    sub_issues = {f"sub_issues.{action}" for action in SUB_ISSUES.split()}
    assert missing == {"issues.typed", "issues.untyped", "pull_request.dequeued", "pull_request.enqueued"} | sub_issues


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason=SHARED_IS_ABSENT)
def test_every_delivery_of_the_shared_description_is_parsed_correctly() -> None:
    """A later copy has deliveries that the package lacks, and fewer required fields."""
    names = check(SHARED_DESCRIPTION, LESS_REQUIRED)
    assert len(names) == 75
    assert set(names) & set(NEW) == {name for name in NEW if name.startswith("issues.") or "pinned" in name}
    assert [name for name in names if name not in EVENT_RULES] == []


def test_every_described_delivery_is_in_the_table() -> None:
    """Deliveries about linked work by their own name, others at least by their event."""
    own = {name.partition(".")[0] for name in EVENT_RULES if not name.endswith("*")}
    names = {one.name for one in described(GITHUB_COM)} | set(NEW)
    assert sorted(name for name in names if name.partition(".")[0] in own and name not in EVENT_RULES) == []
    assert sorted(name for name in names if not {name, f"{name.partition('.')[0]}.*"} & set(EVENT_RULES)) == []
    about_work = {name.partition(".")[0] for name in EXPECTED} | {"ping", "meta", "issue_comment", "projects_v2_item"}
    assert about_work <= own
