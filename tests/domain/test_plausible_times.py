"""A tracker's time ahead of our clock is set back, so that it can't win over every later change."""

from datetime import UTC, datetime, timedelta

import pytest

from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.merge import merge_snapshot
from sync_service.domain.trackers.observations import (
    AccountSeen,
    CommentSeen,
    Ignored,
    Number,
    Observation,
    Parent,
    ParentSeen,
    ScopeSeen,
    Snapshot,
    State,
    TermKind,
    TermSeen,
)
from sync_service.domain.trackers.plausible_times import TOLERANCE, plausible
from tests.domain.factories import CHECKOUT, at, snapshot

FAR = datetime(2099, 1, 1, tzinfo=UTC)
KEY = "acme/checkout#1"


@pytest.mark.parametrize(
    "one",
    [
        ParentSeen(identity="501#1", key=KEY, scope=CHECKOUT, parent=Parent(None), at=FAR),
        CommentSeen(identity="501#1", key=KEY, scope=CHECKOUT, id="7", author=None, at=FAR, wants=()),
        TermSeen(kind=TermKind.LABEL, id="7", name="checkout", at=FAR),
        ScopeSeen(scope=CHECKOUT, at=FAR),
        AccountSeen(name="acme", at=FAR),
    ],
)
def test_a_time_ahead_of_our_clock_becomes_the_latest_that_is_possible(one: Observation) -> None:
    """For everything in which the newest wins."""
    found = plausible(one, at(0))
    assert not isinstance(found, Ignored)
    assert getattr(found, "at") == at(0) + TOLERANCE  # noqa: B009 - not every observation has one


def test_a_time_a_little_ahead_stays() -> None:
    """Clocks differ a little."""
    little = snapshot(TOLERANCE.total_seconds())
    assert plausible(little, at(0)) is little
    term = TermSeen(kind=TermKind.LABEL, id="7", name="checkout")
    assert plausible(term, at(0)) is term


def received(issue: Issue | None, one: Snapshot, second: float, *, fetched: bool = False) -> Issue:
    """Merge a snapshot, received or asked for this many seconds after noon, with a time that can be."""
    return merge_snapshot(issue, plausible(one, at(second)), fetched=fetched, received_at=at(second))


def test_an_issue_dated_in_the_far_future_follows_later_changes() -> None:
    """Of webhooks alone, and of a fetch."""
    frozen = received(None, snapshot(0, updated_at=FAR, state=State.DONE), 0)
    assert received(frozen, snapshot(5), 6).state is State.TODO
    fetched = received(frozen, snapshot(-5, points=3), 1, fetched=True)
    assert (fetched.state, fetched.points, fetched.updated_at, fetched.closed_at) == (State.TODO, 3, at(-5), None)


def test_a_fetch_may_lag_behind_a_webhook() -> None:
    """An older change in its answer then proves nothing."""
    held = received(None, snapshot(0, state=State.DONE), 1)
    issue = received(held, snapshot(-5), 30, fetched=True)
    assert (issue.state, issue.updated_at, issue.closed_at) == (State.DONE, at(0), at(0))


def test_a_fetch_long_after_shows_what_a_restored_tracker_has() -> None:
    """Its older truth wins, with all details; a detail that it leaves out stays."""
    before = received(None, snapshot(-100, points=3, parent=Parent("a#1"), numbers=(Number("Effort", 3),)), -99)
    held = received(before, snapshot(0, state=State.DONE, points=8, parent=Parent("a#2"), versions=()), 1)
    hour = timedelta(hours=1).total_seconds()
    restored = snapshot(-100, points=3, parent=Parent("a#1"), numbers=(Number("Effort", 2),))
    issue = received(held, restored, hour, fetched=True)
    assert (issue.state, issue.points, issue.parent_key, issue.updated_at) == (State.TODO, 3, "a#1", at(-100))
    assert [(one.name, one.value) for one in issue.numbers] == [("Effort", 2)]
    assert issue.versions_at is not None
    assert issue.closed_at is None
    assert received(issue, snapshot(hour, state=State.DONE), hour + 1).closed_at == at(hour)
