"""The states of a GitHub issue over time, from the events of its timeline."""

from datetime import UTC, datetime
from typing import Any

from connectors.github.model.timeline_states import read_events, states
from sync_service.domain.trackers.observations import Kind, State
from sync_service.domain.trackers.state_changes import HistoryRef

TODO, DOING, DONE, DROPPED = State.TODO, State.DOING, State.DONE, State.DROPPED


def at(day: int) -> datetime:
    """Return noon of a day in October."""
    return datetime(2026, 10, day, 12, tzinfo=UTC)


def event(day: int, name: str, **fields: Any) -> dict[str, Any]:
    """Return an event as REST gives it."""
    return {"event": name, "created_at": at(day).isoformat(), **fields}


def ref(state: State = DONE, kind: Kind = Kind.ISSUE, created: datetime | None = None) -> HistoryRef:
    """Return an issue as we hold it."""
    return HistoryRef(identity="1#2", key="acme/checkout#2", kind=kind, state=state, created_at=created or at(1))


def read(*events: dict[str, Any], of: HistoryRef | None = None, label: str | None = None) -> tuple[Any, bool]:
    """Return the states by day, and whether they are whole."""
    changes, whole = states(of or ref(), read_events(events), label=label)
    return [(one.at.day, one.state) for one in changes], whole


def test_an_issue_without_events_is_open_since_its_creation() -> None:
    """A pull request is in progress."""
    assert read(of=ref(TODO)) == ([(1, TODO)], True)
    assert read(of=ref(DOING, Kind.PULL_REQUEST)) == ([(1, DOING)], True)


def test_each_closing_has_its_own_reason() -> None:
    """None, or a reason that is not known here, means done."""
    closings = [event(day, "closed", state_reason=reason) for day, reason in ((2, "duplicate"), (4, None), (6, "new"))]
    events = [closings[0], event(3, "reopened"), closings[1], event(5, "reopened"), closings[2]]
    assert read(*events)[0] == [(1, TODO), (2, DROPPED), (3, TODO), (4, DONE), (5, TODO), (6, DONE)]


def test_a_server_that_gives_no_reasons_leaves_earlier_closings_unknown() -> None:
    """The present state says how the last one was meant."""
    events = [event(2, "closed"), event(3, "reopened"), event(4, "closed")]
    assert read(*events, of=ref(DROPPED)) == ([(3, TODO), (4, DROPPED)], False)
    assert read(events[0], of=ref(DROPPED)) == ([(1, TODO), (2, DROPPED)], True)


def test_a_label_starts_work_while_the_issue_is_open() -> None:
    """Taken away, it is todo again; on a closed issue it counts from the reopening on."""
    on, off = ({"label": {"name": "In Progress"}} for _ in range(2))
    events = [
        event(2, "labeled", **on),
        event(3, "unlabeled", **off),
        event(4, "labeled", label={"name": "other"}),
        event(5, "closed", state_reason="completed"),
        event(6, "labeled", **on),
        event(7, "reopened"),
    ]
    expected = [(1, TODO), (2, DOING), (3, TODO), (5, DONE), (7, DOING)]
    assert read(*events, of=ref(DOING), label="in progress") == (expected, True)
    assert read(*events, of=ref(TODO))[0] == [(1, TODO), (5, DONE), (7, TODO)]


def test_events_that_decide_nothing_or_can_not_be_read_are_left_out() -> None:
    """Also without a time."""
    odd = [event(2, "commented"), {"event": "closed"}, {"created_at": at(3).isoformat()}, event(2, "labeled", label=7)]
    assert read(*odd, of=ref(TODO), label="x") == ([(1, TODO)], True)


def test_an_issue_whose_creation_is_unknown_has_no_history() -> None:
    """Nothing says how it began."""
    unknown = HistoryRef(identity="1#2", key="k#2", kind=Kind.ISSUE, state=DONE, created_at=None)
    assert states(unknown, [], label=None) == ((), False)
