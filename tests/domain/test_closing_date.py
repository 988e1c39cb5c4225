"""The closing date is decided once, and kept until the issue is reopened."""

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.durations import MICROSECOND
from sync_service.domain.trackers.closing_date import MOST_KEPT, ClosedSeen, ClosingHistory, ClosingSource
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.merge import merge_snapshot
from sync_service.domain.trackers.observations import Snapshot, State
from tests.domain.factories import at, snapshot

DAY = 86_400
AUGUST = at(-100 * DAY)


def closed(seconds: float, closed_at: datetime | None = None, **fields: object) -> Snapshot:
    """Return a snapshot of the closed issue, last changed this many seconds after noon."""
    return snapshot(seconds, state=State.DONE, closed_at=closed_at, **fields)


def merged(*snapshots: Snapshot) -> Issue:
    """Merge snapshots one after the other."""
    issue: Issue | None = None
    for one in snapshots:
        issue = merge_snapshot(issue, one)
    assert issue is not None
    return issue


def date_of(*snapshots: Snapshot) -> tuple[datetime | None, ClosingSource | None]:
    """Return the closing date after merging snapshots, and its source."""
    issue = merged(*snapshots)
    return issue.closed_at, issue.closed_at_source


def test_the_trackers_date_counts_where_it_agrees_with_what_was_seen() -> None:
    """It may be earlier than the snapshot: the delivery of the closing was lost."""
    assert date_of(snapshot(0), closed(20, at(10))) == (at(10), ClosingSource.TRACKER)
    assert date_of(closed(20, AUGUST)) == (AUGUST, ClosingSource.TRACKER)


def test_a_date_from_before_the_issue_was_seen_open_does_not_count() -> None:
    """Jira keeps the resolution of an earlier closing on a reopened issue. The change of the category says when."""
    left_over = closed(2 * DAY, AUGUST)
    assert date_of(snapshot(0), left_over) == (at(2 * DAY), ClosingSource.FIRST_SEEN)
    with_category = closed(2 * DAY, AUGUST, entered_category_at=at(2 * DAY - 1))
    assert date_of(snapshot(0), with_category) == (at(2 * DAY - 1), ClosingSource.TRACKER)
    assert date_of(with_category, snapshot(0)) == date_of(snapshot(0), with_category)


def test_later_changes_do_not_move_a_closing_date() -> None:
    """Data Center may give no date: a label that is added later must not move the work into another cycle."""
    done, labelled = closed(10), closed(50 * DAY, labels=["late"])
    assert date_of(snapshot(0), done, labelled) == (at(10), ClosingSource.FIRST_SEEN)
    assert date_of(labelled, done, snapshot(0)) == (at(10), ClosingSource.FIRST_SEEN)
    resolved_later = closed(50 * DAY, at(50 * DAY))
    assert date_of(snapshot(0), done, resolved_later) == (at(10), ClosingSource.FIRST_SEEN)


def test_a_date_ahead_of_its_own_snapshot_does_not_count() -> None:
    """A closing can't be later than the last change."""
    assert date_of(closed(10, at(11))) == (at(10), ClosingSource.FIRST_SEEN)


def test_a_reopened_issue_gets_a_new_closing_date() -> None:
    """It has none while it is open."""
    reopened = (closed(10, at(10)), snapshot(20))
    assert date_of(*reopened) == (None, None)
    assert date_of(*reopened, closed(30, at(30))) == (at(30), ClosingSource.TRACKER)
    assert date_of(*reopened, closed(30)) == (at(30), ClosingSource.FIRST_SEEN)


def test_a_later_date_of_a_tracker_that_dates_each_closing_says_that_it_was_reopened() -> None:
    """In any order; a change of the closed issue leaves the date, and any other tracker's later date proves nothing."""
    first, again = closed(10, at(10), dated_anew=True), closed(30, at(25), dated_anew=True)
    assert date_of(first, again) == date_of(again, first) == (at(25), ClosingSource.TRACKER)
    assert date_of(again, first, closed(40, at(25), dated_anew=True)) == (at(25), ClosingSource.TRACKER)
    assert date_of(first, closed(40, at(10), dated_anew=True)) == (at(10), ClosingSource.TRACKER)
    assert date_of(closed(10, at(10)), closed(30, at(25))) == (at(10), ClosingSource.TRACKER)
    assert date_of(first, closed(30, at(31), dated_anew=True)) == (at(10), ClosingSource.TRACKER)


def test_a_fetch_that_shows_an_issue_open_comes_after_what_was_seen_at_the_same_time() -> None:
    """GitHub's times have a resolution of a second."""
    issue = merge_snapshot(merged(closed(10, at(10))), snapshot(10), fetched=True)
    assert issue.closed_at is None
    again = merge_snapshot(issue, closed(10, at(10)), fetched=True)
    assert (again.closed_at, again.closed_at_source) == (at(10), ClosingSource.TRACKER)
    assert merge_snapshot(issue, closed(30, at(30))).closed_at == at(30)


def test_a_closed_issue_that_changes_often_keeps_its_date_and_few_snapshots() -> None:
    """The first one and the last ones."""
    issue = merged(*(closed(seconds) for seconds in range(100)))
    assert issue.closed_at == at(0)
    assert len(issue.closing.closed) == MOST_KEPT


moments = st.integers(0, 6).map(at)
seen = st.one_of(moments, st.builds(ClosedSeen, moments, st.lists(moments, max_size=2).map(tuple), st.booleans()))


def history_of(events: list[datetime | ClosedSeen]) -> ClosingHistory:
    """Note events one after the other: the times at which the issue was open, and closed snapshots."""
    history = ClosingHistory()
    for one in events:
        history = history.with_closed(one) if isinstance(one, ClosedSeen) else history.with_open(one)
    return history


@given(st.lists(seen, max_size=MOST_KEPT).flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))))
def test_events_in_any_order_give_the_date_of_a_plain_computation(
    orders: tuple[list[datetime | ClosedSeen], list[datetime | ClosedSeen]],
) -> None:
    """Compare with the rule written out over all events at once."""
    events, shuffled = orders
    opened = [one for one in events if isinstance(one, datetime)]
    anew = [one for one in events if isinstance(one, ClosedSeen) and one.dated_anew and one.dates]
    last_open = max([*opened, *(one.dates[0] for one in anew if one.dates[0] <= one.at)], default=AUGUST)
    closed_since = [one for one in events if isinstance(one, ClosedSeen) and one.at >= last_open]
    dates = [next((date for date in one.dates if last_open <= date <= one.at), one.at) for one in closed_since]
    found = history_of(shuffled).date()
    assert (found[0] if found else None) == min(dates, default=None)
    assert history_of(shuffled) == history_of(events)


def test_what_a_tracker_no_longer_has_is_dropped() -> None:
    """It was restored from a backup."""
    history = history_of([at(0), ClosedSeen(at(10)), at(20), ClosedSeen(at(30))])
    assert history.until(at(25)) == ClosingHistory(at(20))
    assert history.until(at(10)).open_at == at(10)
    assert timedelta(0) < MICROSECOND
