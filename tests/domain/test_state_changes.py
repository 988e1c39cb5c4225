"""Changes of an issue's state: derived from snapshots and histories, whatever their order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.merge import merge_snapshot
from sync_service.domain.trackers.observations import CLOSED, Snapshot, State
from sync_service.domain.trackers.state_changes import (
    IssueStates,
    StateChange,
    reopened,
    seen_states,
    started_at,
    state_at,
    with_states,
)
from tests.domain import factories
from tests.domain.factories import at

TODO, DOING, DONE, DROPPED = State.TODO, State.DOING, State.DONE, State.DROPPED


def snapshot(second: int, **fields: Any) -> Snapshot:
    """Return a snapshot of an issue that was created at noon."""
    return factories.snapshot(second, **({"created_at": at(0)} | fields))


def change(second: int, state: State) -> StateChange:
    """Return a change at a second after noon."""
    return StateChange(at(second), state)


def received(snapshots: Iterable[Snapshot]) -> tuple[Issue, IssueStates]:
    """Return the issue and its changes after snapshots that arrived in this order."""
    issue: Issue | None = None
    known = IssueStates()
    for one in snapshots:
        before, issue = issue, merge_snapshot(issue, one)
        if seen := seen_states(before, issue, one):
            known = known.with_seen(seen.changes).with_last(issue.state, issue.updated_at)
    assert issue is not None
    return with_states(issue, known.changes), known


def opened(second: int = 0) -> Snapshot:
    """Return a snapshot of an issue as it was created."""
    return snapshot(second, created_at=at(second))


def closed(second: int) -> Snapshot:
    """Return a snapshot of an issue done at this second."""
    return snapshot(second, state=DONE, closed_at=at(second), created_at=at(0))


def test_an_issue_seen_from_its_creation_has_its_start_and_its_reopenings() -> None:
    """Started at the first change into progress; reopened when it left done."""
    issue, known = received(
        [opened(), snapshot(10, state=DOING), closed(20), snapshot(30, state=DOING), closed(40), snapshot(50)]
    )
    assert known.changes == (
        change(0, TODO),
        change(10, DOING),
        change(20, DONE),
        change(30, DOING),
        change(40, DONE),
        change(50, TODO),
    )
    assert (issue.started_at, issue.reopened, issue.states_known_since) == (at(10), 2, at(0))


def test_unknown_is_not_none() -> None:
    """Nobody knows how often an issue was reopened before we first saw it."""
    issue, known = received([snapshot(10, created_at=at(0), state=DOING), closed(20), snapshot(30)])
    assert (issue.started_at, issue.reopened, issue.states_known_since) == (None, None, None)
    assert reopened(known.changes) == 1


def test_an_issue_that_was_never_done_was_never_reopened() -> None:
    """Work that leaves dropped does not count as reopened, nor does done work that is dropped."""
    assert received([opened()])[0].reopened == 0
    assert reopened([change(0, TODO), change(1, DROPPED), change(2, TODO)]) == 0
    assert reopened([change(0, DONE), change(1, DROPPED), change(2, DOING)]) == 0


def test_a_change_has_the_trackers_date_of_it() -> None:
    """Of closing, or of the status category; a later edit of a closed issue does not move it."""
    first = [opened(), snapshot(60, state=DONE, closed_at=at(20))]
    assert received(first)[1].changes[-1] == change(20, DONE)
    started = snapshot(60, state=DOING, entered_category_at=at(15))
    assert received([opened(), started])[1].changes[-1] == change(15, DOING)
    old_resolution = snapshot(60, state=DONE, closed_at=at(5), entered_category_at=at(30))
    assert received([opened(), old_resolution])[1].changes[-1] == change(30, DONE)


def test_a_date_before_the_issue_was_last_open_is_an_earlier_closing() -> None:
    """Data Center may keep the resolution of an earlier closing, and gives no other date."""
    found = received([opened(), snapshot(30), snapshot(60, state=DONE, closed_at=at(5))])[1]
    assert found.changes == (change(0, TODO), change(5, DONE), change(30, TODO), change(60, DONE))


def test_a_fetch_drops_changes_that_the_tracker_no_longer_has() -> None:
    """After a restore from a backup."""
    before, _ = received([opened(), closed(20)])
    back = snapshot(10, created_at=at(0))
    after = merge_snapshot(
        Issue(**{name: getattr(before, name) for name in Issue.__slots__} | {"received_at": at(20)}),
        back,
        fetched=True,
        received_at=at(20) + timedelta(hours=1),
    )
    seen = seen_states(before, after, back, fetched=True)
    assert seen is not None
    assert seen.drop_after == at(10)
    assert IssueStates((change(0, TODO), change(20, DONE))).until(at(10)).seen == (change(0, TODO),)


# Any order


@dataclass(frozen=True)
class Past:
    """A history: the state since each second, from second 0."""

    states: Sequence[tuple[int, State]]

    def at(self, second: int) -> tuple[int, State]:
        """Return the last change before a second, computed slowly."""
        return [pair for pair in self.states if pair[0] <= second][-1]

    def snapshot(self, second: int, *, dated: bool) -> Snapshot:
        """Return what the tracker shows at a second; `dated`: with the date of each change."""
        since, state = self.at(second)
        return snapshot(
            second,
            created_at=at(-1000),
            state=state,
            title=str(second),
            closed_at=at(since) if state in CLOSED else None,
            entered_category_at=at(since) if dated else None,
        )


def _past(states: list[State]) -> Past:
    pairs = [(10 * index, state) for index, state in enumerate(states)]
    return Past([pair for index, pair in enumerate(pairs) if index == 0 or states[index - 1] is not pair[1]])


pasts = st.lists(st.sampled_from(list(State)), min_size=1, max_size=6).map(_past)
moments = st.lists(st.integers(0, 70), min_size=1, max_size=9, unique=True)


@given(pasts, moments)
def test_dated_changes_are_known_exactly_in_any_order(past: Past, seconds: list[int]) -> None:
    """The oracle: the changes of the past that any snapshot shows."""
    shown = {past.at(second) for second in seconds}
    _, known = received(past.snapshot(second, dated=True) for second in seconds)
    true, last = [], None
    for second, state in sorted(shown):
        true += [change(second, state)] if state is not last else []
        last = state
    assert list(known.changes) == true


def _by_hand(past: Past, seconds: Iterable[int]) -> list[StateChange]:
    """Return the changes that snapshots without dates show, one after the other; closings have dates."""
    found: list[StateChange] = []
    for second in sorted(seconds):
        since, state = past.at(second)
        if not found or found[-1].state is not state:
            found.append(change(since if state in CLOSED else second, state))
    return found


@given(pasts, moments, st.sets(st.integers(0, 7)))
def test_a_snapshot_overtaken_by_the_next_changes_nothing(past: Past, seconds: list[int], swaps: set[int]) -> None:
    """The oracle reads all snapshots in order."""
    arrived = sorted(seconds)
    for index in sorted(swaps):
        if index + 1 < len(arrived) and index - 1 not in swaps:
            arrived[index], arrived[index + 1] = arrived[index + 1], arrived[index]
    _, known = received(past.snapshot(second, dated=False) for second in arrived)
    assert list(known.changes) == _by_hand(past, seconds)


@given(pasts, moments)
def test_in_any_order_each_change_is_true_and_the_last_state_is_the_issues(past: Past, seconds: list[int]) -> None:
    """Also where several snapshots were overtaken."""
    issue, known = received(past.snapshot(second, dated=False) for second in seconds)
    assert known.changes[-1].state is issue.state
    for one in known.changes:
        assert past.at(int((one.at - at(0)).total_seconds()))[1] is one.state


# Histories

changes = st.lists(st.builds(change, st.integers(0, 30), st.sampled_from(list(State))), max_size=8)


@given(changes, changes, changes)
def test_a_history_and_seen_changes_merge_in_any_order(
    seen: list[StateChange], history: list[StateChange], later: list[StateChange]
) -> None:
    """Seen before the history was read, or after."""
    before = IssueStates().with_seen(seen).with_seen(later).with_history(history)
    after = IssueStates().with_history(history).with_seen(later).with_seen(seen)
    between = IssueStates().with_seen(seen).with_history(history).with_seen(later)
    assert before.changes == after.changes == between.changes


def _state_by_hand(seen: list[StateChange], history: list[StateChange], moment: datetime) -> State | None:
    """Look up the state at a time slowly: second by second, with the history first in its span."""
    span = [one.at for one in history]
    state = None
    for second in range(31):
        here = [one.state for one in history if one.at == at(second)]
        if not here and not (span and min(span) <= at(second) <= max(span)):
            here = [one.state for one in seen if one.at == at(second)]
        if here and at(second) <= moment:
            state = max(here, key=[TODO, DOING, DROPPED, DONE].index)
    return state


@example([change(1, TODO)], [change(0, DOING), change(1, DOING)], 1)
@given(changes, changes, st.integers(-1, 31))
def test_the_history_wins_for_its_span_and_what_was_seen_after_it_stays(
    seen: list[StateChange], history: list[StateChange], second: int
) -> None:
    """The oracle walks through the seconds."""
    known = IssueStates().with_seen(seen).with_history(history)
    assert state_at(known.changes, at(second)) is _state_by_hand(seen, history, at(second))


@given(changes)
def test_start_and_reopenings_are_those_counted_by_hand(found: list[StateChange]) -> None:
    """The oracle goes through the seconds."""
    states = [state_at(found, at(second)) for second in range(31)]
    doing = [second for second, state in enumerate(states) if state is DOING]
    assert started_at(found) == (at(doing[0]) if doing else None)
    left = [1 for second in range(30) if states[second] is DONE and states[second + 1] in (TODO, DOING)]
    assert reopened(found) == len(left)
