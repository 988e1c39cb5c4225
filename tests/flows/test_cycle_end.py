"""From the end of a cycle on, values are as of its end; work heard late counts, work done later does not."""

from datetime import UTC, datetime, timedelta

from sync_service.domain.trackers.observations import State
from tests.domain.factories import NOON
from tests.flows.issue_factory import done, issue
from tests.support.fake_tracker import CoreHarness

END = datetime(2027, 1, 1, tzinfo=UTC)
AT_END = (END - NOON).total_seconds()
HOUR = 3600.0


def test_work_closed_after_the_end_does_not_count_and_work_heard_late_does(core: CoreHarness) -> None:
    """Both deliveries arrive in the grace."""
    core.receive_and_drain(issue(1, 0), issue(2, 0))
    core.now = END + timedelta(hours=5)
    core.receive_and_drain(done(1, AT_END + HOUR))
    assert core.value() == 0
    core.receive_and_drain(done(2, AT_END - HOUR))
    assert core.value() == 50


def test_an_issue_reopened_dropped_or_created_after_the_end_is_as_it_was_then(core: CoreHarness) -> None:
    """A done issue that is reopened later stays done, one dropped later stays open, a new one is not there."""
    core.receive_and_drain(issue(1, 0), issue(2, 0), done(1, HOUR / 2))
    assert core.value() == 50
    core.now = END + timedelta(hours=5)
    core.receive_and_drain(issue(1, AT_END + HOUR))
    core.receive_and_drain(issue(2, AT_END + HOUR, state=State.DROPPED, closed_at=NOON + timedelta(seconds=AT_END + 9)))
    core.receive_and_drain(issue(3, AT_END + 2 * HOUR, created_at=END + timedelta(hours=2)))
    assert core.value() == 50
