"""Errors when writing on issues of a simulated GitHub: rate limits, locked issues, crashes, and deleted comments."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from simulator.github import Rules
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.faults.crashing_worker import CrashingWorker
from tests.flows.write_back_github import GitHubWriteBackHarness, open_github_harness
from tests.flows.write_back_harness import HOUR
from tests.support.run_scope import ALL

pytestmark = pytest.mark.slow


@pytest.fixture
def harness(services: Services) -> Iterator[GitHubWriteBackHarness]:
    """Yield the harness."""
    with open_github_harness(services) as made:
        yield made


def test_notes_on_many_issues_stay_within_the_rate_limits(harness: GitHubWriteBackHarness) -> None:
    """When write-back is switched on, notes are written in the background. GitHub refuses no call."""
    harness.hub.limits.switch_on(Rules(writes_per_hour=250))
    harness.furnish(on=False)
    issues = [harness.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(60)]
    harness.receive_and_write(seconds=HOUR)
    assert harness.writes() == 0
    harness.furnish(on=True)
    harness.write(seconds=600)
    assert 35 <= harness.writes() <= 45
    urgent = harness.repository.create_issue("Now", labels=["okr:KR-2"])
    harness.receive_and_write()
    assert len(harness.our_comment_texts(urgent)) == 1
    harness.write(seconds=HOUR)
    assert {issue.number: len(harness.our_comment_texts(issue)) for issue in issues} == {
        issue.number: 1 for issue in issues
    }
    assert not [call for call in harness.hub.rest.calls if call.status in (403, 429)]


def test_a_deleted_comment_returns_only_with_a_new_key_result(harness: GitHubWriteBackHarness) -> None:
    """A changed value does not write it again."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    other = harness.repository.create_issue("Pay more", labels=["checkout"])
    harness.receive_and_write(seconds=60)
    harness.our_comment_objects(issue)[0].delete()
    for change_value in (other.close, other.reopen):
        change_value()
        harness.receive_and_write(seconds=2 * HOUR)
    assert harness.our_comment_texts(issue) == []
    assert "deleted the note" in harness.row(issue).outcome
    issue.label("okr:KR-2")
    harness.receive_and_write()
    assert len(harness.our_comment_texts(issue)) == 1


def test_our_comment_is_found_by_its_marker(harness: GitHubWriteBackHarness) -> None:
    """A second comment of ours, which a crash may leave, is deleted; a stranger's copy of the marker is not."""
    harness.furnish()
    issue = harness.open_issue()
    (comment,) = harness.our_comment_objects(issue)
    with harness.hub.acting_as(harness.hub.user("mallory")):
        copied = issue.comment(comment.body)
    issue.comment(comment.body)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.write_back).values(memory=None, written_at=None, digest="", serves=""))
    issue.label("okr:KR-2")
    harness.receive_and_write()
    assert harness.our_comment_objects(issue) == [comment, copied]
    assert "KR\\-2" in comment.body


def test_a_locked_issue_is_buried_and_no_other(harness: GitHubWriteBackHarness) -> None:
    """It is retried when its key results change."""
    harness.furnish()
    locked, free = (harness.repository.create_issue(title, labels=["checkout"]) for title in ("Locked", "Free"))
    locked.lock()
    harness.receive_and_write(seconds=20)
    assert len(harness.our_comment_texts(free)) == 1
    assert "issue is locked" in harness.row(locked).outcome
    assert harness.row(locked).buried_at is not None
    assert harness.rows(tables.connection)[0].refused_at is None
    locked.unlock()
    locked.label("okr:KR-2")
    harness.receive_and_write()
    assert len(harness.our_comment_texts(locked)) == 1


def test_without_the_permission_only_writes_wait(harness: GitHubWriteBackHarness) -> None:
    """They wait for an hour, with the reason. The connection is not refused."""
    token = harness.hub.add_token("bo", permissions={"issues": "read", "pull_requests": "read", "metadata": "read"})
    harness.credentials = {"token": token.text}
    harness.furnish()
    issues = [harness.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(3)]
    harness.receive_and_write(seconds=600)
    assert harness.writes() == 1
    outcomes = {harness.row(issue).outcome for issue in issues}
    assert any("issues=write" in outcome for outcome in outcomes)
    assert all(row.due_at is not None and row.buried_at is None for row in map(harness.row, issues))
    assert harness.rows(tables.connection)[0].refused_at is None
    assert "core/writes" in {row.bucket.removeprefix("token/") for row in harness.rows(tables.rate_limit)}


def test_notes_wait_for_a_rate_limit_of_writes(harness: GitHubWriteBackHarness) -> None:
    """All writes with the same credential wait as long as GitHub says; nothing else waits."""
    harness.furnish()
    harness.hub.limits.block(300, writes_only=True)
    issues = [harness.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(3)]
    harness.receive_and_write(seconds=200)
    assert harness.writes() == 1
    harness.write(seconds=200)
    assert all(len(harness.our_comment_texts(issue)) == 1 for issue in issues)


def test_a_crash_between_writing_and_storing_leaves_one_comment(crashing_worker: CrashingWorker) -> None:
    """A crash after any other statement of a write does so too; every fifth without `TESTS=all`."""
    with open_github_harness(crashing_worker.services) as harness:
        harness.furnish()
        for statements in range(1, 50, 2 if ALL else 5):
            issue = harness.repository.create_issue("Pay", labels=["checkout"])
            harness.receive_webhooks()
            harness.crash_while_writing(crashing_worker, after=statements)
            harness.write(seconds=600)
            assert len(harness.our_comment_texts(issue)) == 1, statements
    assert crashing_worker.crashes > (10 if ALL else 4)


@pytest.mark.both_databases
def test_two_workers_write_one_after_the_other_and_each_comment_once(
    harness: GitHubWriteBackHarness, other_services: Services
) -> None:
    """The two drain at the same time."""
    harness.furnish()
    issues = [harness.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(6)]
    harness.receive_webhooks()
    harness.write_with(other_services)
    assert [len(harness.our_comment_texts(issue)) for issue in issues] == [1] * 6
    assert harness.writes() == 6
