"""What befalls writing on issues of a simulated GitHub: limits, locks, deaths, and who takes our comments away."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from simulator.github import Rules
from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import writing
from tests.faults.crashing_worker import CrashingWorker
from tests.flows.write_back_github import Stage, on_stage
from tests.flows.write_back_harness import HOUR

pytestmark = pytest.mark.slow


@pytest.fixture
def stage(services: Services) -> Iterator[Stage]:
    """Set the stage."""
    with on_stage(services) as made:
        yield made


def test_many_linked_issues_are_told_of_within_the_limits(stage: Stage) -> None:
    """A switch thrown over all of them fills in the background; GitHub never has to refuse a call."""
    stage.hub.limits.switch_on(Rules(writes_per_hour=250))
    stage.furnish(on=False)
    issues = [stage.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(60)]
    stage.hear_and_write(seconds=HOUR)
    assert stage.writes() == 0
    stage.furnish(on=True)
    stage.write(seconds=600)
    assert 35 <= stage.writes() <= 45
    urgent = stage.repository.create_issue("Now", labels=["okr:KR-2"])
    stage.hear_and_write()
    assert len(stage.our_comments(urgent)) == 1
    stage.write(seconds=HOUR)
    assert {issue.number: len(stage.our_comments(issue)) for issue in issues} == {issue.number: 1 for issue in issues}
    assert not [call for call in stage.hub.rest.calls if call.status in (403, 429)]


def test_who_takes_the_comment_away_wins_until_the_issue_serves_something_else(stage: Stage) -> None:
    """Numbers that move bring it not back."""
    stage.furnish()
    issue = stage.repository.create_issue("Pay", labels=["checkout"])
    other = stage.repository.create_issue("Pay more", labels=["checkout"])
    stage.hear_and_write(seconds=60)
    stage.marked(issue)[0].delete()
    for moving in (other.close, other.reopen):
        moving()
        stage.hear_and_write(seconds=2 * HOUR)
    assert stage.our_comments(issue) == []
    assert "deleted the note" in stage.row(issue).outcome
    issue.label("okr:KR-2")
    stage.hear_and_write()
    assert len(stage.our_comments(issue)) == 1


def test_a_memory_that_was_lost_is_found_again_by_the_mark(stage: Stage) -> None:
    """And a second comment of ours, which a crash may leave, is taken away; a stranger's copy of the mark is not."""
    stage.furnish()
    issue = stage.open_issue()
    (ours,) = stage.marked(issue)
    with stage.hub.acting_as(stage.hub.user("mallory")):
        copied = issue.comment(ours.body)
    issue.comment(ours.body)
    with writing(stage.services.engine) as tx:
        tx.execute(sa.update(tables.write_back).values(memory=None, written_at=None, digest="", serves=""))
    issue.label("okr:KR-2")
    stage.hear_and_write()
    assert stage.marked(issue) == [ours, copied]
    assert "KR\\-2" in ours.body


def test_a_locked_issue_is_put_aside_and_nothing_else_is(stage: Stage) -> None:
    """It is tried again when what it serves changes."""
    stage.furnish()
    locked, free = (stage.repository.create_issue(title, labels=["checkout"]) for title in ("Locked", "Free"))
    locked.lock()
    stage.hear_and_write(seconds=20)
    assert len(stage.our_comments(free)) == 1
    assert "issue is locked" in stage.row(locked).outcome
    assert stage.row(locked).buried_at is not None
    assert stage.rows(tables.connection)[0].refused_at is None
    locked.unlock()
    locked.label("okr:KR-2")
    stage.hear_and_write()
    assert len(stage.our_comments(locked)) == 1


def test_without_the_permission_writes_wait_and_reading_goes_on(stage: Stage) -> None:
    """For an hour, with the reason; the connection is not refused."""
    token = stage.hub.add_token("bo", permissions={"issues": "read", "pull_requests": "read", "metadata": "read"})
    stage.credentials = {"token": token.text}
    stage.furnish()
    issues = [stage.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(3)]
    stage.hear_and_write(seconds=600)
    assert stage.writes() == 1
    outcomes = {stage.row(issue).outcome for issue in issues}
    assert any("issues=write" in outcome for outcome in outcomes)
    assert all(row.due_at is not None and row.buried_at is None for row in map(stage.row, issues))
    assert stage.rows(tables.connection)[0].refused_at is None
    assert "core/writes" in {row.bucket.removeprefix("token/") for row in stage.rows(tables.rate_limit)}


def test_a_block_of_writes_is_waited_for(stage: Stage) -> None:
    """As long as GitHub says, by all that would write with the same credential, and by nothing else."""
    stage.furnish()
    stage.hub.limits.block(300, writes_only=True)
    issues = [stage.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(3)]
    stage.hear_and_write(seconds=200)
    assert stage.writes() == 1
    stage.write(seconds=200)
    assert all(len(stage.our_comments(issue)) == 1 for issue in issues)


@pytest.mark.both_databases
def test_whoever_dies_between_writing_and_noting_leaves_one_comment(mortal: CrashingWorker) -> None:
    """Or anywhere else: after each of the statements of a write."""
    with on_stage(mortal.services) as stage:
        stage.furnish()
        for statements in range(1, 50, 2):
            issue = stage.repository.create_issue("Pay", labels=["checkout"])
            stage.receive_webhooks()
            stage.crash_while_writing(mortal, after=statements)
            stage.write(seconds=600)
            assert len(stage.our_comments(issue)) == 1, statements
    assert mortal.deaths > 10


@pytest.mark.both_databases
def test_two_workers_write_one_after_the_other_and_each_comment_once(stage: Stage, other_house: Services) -> None:
    """However their drains meet."""
    stage.furnish()
    issues = [stage.repository.create_issue(f"Pay {number}", labels=["checkout"]) for number in range(6)]
    stage.receive_webhooks()
    stage.write_with(other_house)
    assert [len(stage.our_comments(issue)) for issue in issues] == [1] * 6
    assert stage.writes() == 6
