"""The states of an issue or pull request over time, from the events of its timeline.

https://docs.github.com/en/rest/using-the-rest-api/issue-event-types
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from connectors.github.model.snapshots import DROPPED_REASONS
from connectors.json_fields import Json, exact_text, json_object, text, timestamp
from sync_service.domain.text import folded
from sync_service.domain.trackers.observations import CLOSED, Kind, State
from sync_service.domain.trackers.state_changes import HistoryRef, StateChange, in_order

READ = frozenset({"closed", "reopened", "merged", "labeled", "unlabeled"})
"""The events that decide a state."""

STARTED = "started"
"""An event of ours: the issue has the project status that shows that work has started."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of a timeline. `reason` of a closing: None when none is given; `reason_known`: GitHub says it."""

    at: datetime
    name: str
    label: str | None = None
    reason: str | None = None
    reason_known: bool = True


def read_events(rows: Iterable[Json]) -> list[Event]:
    """Return the events of a timeline that decide states."""
    found = []
    for row in rows:
        name, at = exact_text(row.get("event"), 60), timestamp(row.get("created_at"))
        if name in READ and at is not None:
            label = text(json_object(row.get("label")).get("name"))
            reason = text(row.get("state_reason"))
            found.append(Event(at, name, folded(label) if label else None, reason, "state_reason" in row))
    return found


def states(ref: HistoryRef, events: Sequence[Event], *, label: str | None) -> tuple[tuple[StateChange, ...], bool]:
    """Return the changes of an issue's state, and whether they begin with its creation.

    Where an older server does not say why an earlier closing was made, they begin after it.
    """
    if ref.created_at is None:
        return (), False
    ordered = sorted(events, key=lambda one: one.at)
    issue = _Replay(ref, label, [StateChange(ref.created_at, State.DOING if _is_pull(ref) else State.TODO)])
    last_closing = max((index for index, one in enumerate(ordered) if one.name == "closed"), default=-1)
    merged = any(one.name == "merged" for one in ordered)
    for index, one in enumerate(ordered):
        issue.apply(one, is_last_closing=index == last_closing, merged=merged)
    return in_order(issue.found), issue.is_whole


def _is_pull(ref: HistoryRef) -> bool:
    return ref.kind is Kind.PULL_REQUEST


@dataclass(slots=True)
class _Replay:
    """An issue while its events are applied, oldest first."""

    ref: HistoryRef
    label: str | None
    found: list[StateChange]
    is_whole: bool = True
    is_closed: bool = False
    is_started: bool = False

    def apply(self, one: Event, *, is_last_closing: bool, merged: bool) -> None:
        """Apply one event."""
        match one.name:
            case "closed":
                self._close(one, is_last=is_last_closing, merged=merged)
            case "reopened":
                self.is_closed = False
                self._add(one.at, self._open_state())
            case "labeled" | "unlabeled" if self.label is not None and one.label == self.label:
                self._start(one.at, is_started=one.name == "labeled")
            case "started":
                self._start(one.at, is_started=True)

    def _start(self, at: datetime, *, is_started: bool) -> None:
        self.is_started = is_started
        if not self.is_closed and not _is_pull(self.ref):
            self._add(at, self._open_state())

    def _open_state(self) -> State:
        return State.DOING if self.is_started or _is_pull(self.ref) else State.TODO

    def _close(self, one: Event, *, is_last: bool, merged: bool) -> None:
        self.is_closed = True
        if _is_pull(self.ref):
            self._add(one.at, State.DONE if merged and is_last else State.DROPPED)
        elif one.reason_known:
            self._add(one.at, State.DROPPED if one.reason in DROPPED_REASONS else State.DONE)
        elif is_last and self.ref.state in CLOSED:
            self._add(one.at, self.ref.state)
        else:
            self.found.clear()
            self.is_whole = False

    def _add(self, at: datetime, state: State) -> None:
        if self.found and self.found[-1].at == at:  # later events of one second win
            self.found.pop()
        self.found.append(StateChange(at, state))
