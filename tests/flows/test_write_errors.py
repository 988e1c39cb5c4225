"""What befalls writing on issues of a simulated GitHub: limits, locks, deaths, and who takes our comments away."""

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

pytestmark = pytest.mark.slow


@pytest.fixture
def harness(services: Services) -> Iterator[GitHubWriteBackHarness]:
    """Yield the harness."""
    with open_github_harness(services) as made:
        yield made


def test_many_linked_issues_are_told_of_within_the_limits(harness: GitHubWriteBackHarness) -> None:
    """A switch thrown over all of them fills in the background; GitHub never has to refuse a call."""
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


def test_who_takes_the_comment_away_wins_until_the_issue_serves_something_else(harness: GitHubWriteBackHarness) -> None:
    """Numbers that move bring it not back."""
    harness.furnish()
    issue = harness.repository.create_issue("Pay", labels=["checkout"])
    other = harness.repository.create_issue("Pay more", labels=["checkout"])
    harness.receive_and_write(seconds=60)
    harness.our_comment_objects(issue)[0].delete()
    for moving in (other.close, other.reopen):
        moving()
        harness.receive_and_write(seconds=2 * HOUR)
    assert harness.our_comment_texts(issue) == []
    assert "deleted the note" in harness.row(issue).outcome
    issue.label("okr:KR-2")
    harness.receive_and_write()
    assert len(harness.our_comment_texts(issue)) == 1


def test_a_memory_that_was_lost_is_found_again_by_the_mark(harness: GitHubWriteBackHarness) -> None:
    """And a second comment of ours, which a crash may leave, is taken away; a stranger's copy of the mark is not."""
    harness.furnish()
    issue = harness.open_issue()
    (ours,) = harness.our_comment_objects(issue)
    with harness.hub.acting_as(harness.hub.user("mallory")):
        copied = issue.comment(ours.body)
    issue.comment(ours.body)
    with writing(harness.services.engine) as tx:
        tx.execute(sa.update(tables.write_back).values(memory=None, written_at=None, digest="", serves=""))
    issue.label("okr:KR-2")
    harness.receive_and_write()
    assert harness.our_comment_objects(issue) == [ours, copied]
    assert "KR\\-2" in ours.body


def test_a_locked_issue_is_put_aside_and_nothing_else_is(harness: GitHubWriteBackHarness) -> None:
    """It is tried again when what it serves changes."""
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


def test_without_the_permission_writes_wait_and_reading_goes_on(harness: GitHubWriteBackHarness) -> None:
    """For an hour, with the reason; the connection is not refused."""
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


def test_a_block_of_writes_is_waited_for(harness: GitHubWriteBackHarness) -> None:
    """As long as GitHub says, by all that would write with the same credential, and by nothing else."""
    harness.furnish()
    harness.hub.limits.block(300, writes_only=True)
    issues = [harness.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(3)]
    harness.receive_and_write(seconds=200)
    assert harness.writes() == 1
    harness.write(seconds=200)
    assert all(len(harness.our_comment_texts(issue)) == 1 for issue in issues)


def test_whoever_dies_between_writing_and_noting_leaves_one_comment(crashing_worker: CrashingWorker) -> None:
    """Or anywhere else: after each of the statements of a write."""
    with open_github_harness(crashing_worker.services) as harness:
        harness.furnish()
        for statements in range(1, 50, 2):
            issue = harness.repository.create_issue("Pay", labels=["checkout"])
            harness.receive_webhooks()
            harness.crash_while_writing(crashing_worker, after=statements)
            harness.write(seconds=600)
            assert len(harness.our_comment_texts(issue)) == 1, statements
    assert crashing_worker.crashes > 10


@pytest.mark.both_databases
def test_two_workers_write_one_after_the_other_and_each_comment_once(
    harness: GitHubWriteBackHarness, other_services: Services
) -> None:
    """However their drains meet."""
    harness.furnish()
    issues = [harness.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(6)]
    harness.receive_webhooks()
    harness.write_with(other_services)
    assert [len(harness.our_comment_texts(issue)) for issue in issues] == [1] * 6
    assert harness.writes() == 6
