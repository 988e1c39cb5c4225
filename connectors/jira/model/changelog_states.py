"""The states of an issue over time, from its changelog: the categories of its statuses, and its resolutions.

The first change of a status says which status the issue had before. So the changelog and the present issue, fetched
before it, give all states since the creation.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connectors.jira.api.status_catalogue import Categories
from connectors.jira.model.snapshots import state_of
from connectors.json_fields import Json, exact_text, identifier, json_object, json_objects, text, timestamp
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import State
from sync_service.domain.trackers.state_changes import IssueHistory, StateChange, in_order

STATUS, RESOLUTION = "status", "resolution"
FIELDS = (STATUS, RESOLUTION)
"""The fields whose changes decide the state."""


@dataclass(frozen=True, slots=True)
class _Value:
    """A status or a resolution: its id and name; both None: no resolution."""

    id: str | None
    name: str | None


@dataclass(frozen=True, slots=True)
class _Change:
    """One change of the status or the resolution."""

    at: datetime
    field: str
    was: _Value
    now: _Value


@dataclass(frozen=True, slots=True, kw_only=True)
class _Present:
    """The status and the resolution at some time."""

    status: _Value
    resolution: _Value

    def after(self, one: _Change) -> "_Present":
        return replace(self, status=one.now) if one.field == STATUS else replace(self, resolution=one.now)

    def before(self, one: _Change) -> "_Present":
        return replace(self, status=one.was) if one.field == STATUS else replace(self, resolution=one.was)


@dataclass(frozen=True, slots=True)
class Changelog:
    """The histories of one issue's changelog. Not `whole`: some are missing; `ends_now`: not the newest ones.

    `problem` says why a list of it did not come to its end.
    """

    histories: Sequence[Json]
    whole: bool = True
    ends_now: bool = True
    problem: str | None = None


def read_states(
    issue: Json, changelog: Changelog, categories: Categories, connection: Connection, *, calls: int
) -> IssueHistory:
    """Return the history of an issue. It begins after the last change to a status whose category is unknown."""
    identity = identifier(issue.get("id")) or ""
    fields = json_object(issue.get("fields"))
    created_at, status = timestamp(fields.get("created")), json_object(fields.get("status"))
    if created_at is None or not changelog.ends_now:
        return IssueHistory(identity, (), whole=False, calls=calls, problem=changelog.problem)
    known = {**categories, **_own_category(status)}
    changes = _changes(changelog.histories)
    first = _first(_Present(status=_value(status), resolution=_value(json_object(fields.get("resolution")))), changes)
    found: list[StateChange] = []
    is_whole = changelog.whole
    if is_whole:
        is_whole = _add(found, created_at, first, known, connection)
    present = first
    for one in changes:
        has_gap = one.field == STATUS and one.was.id != present.status.id
        if has_gap:
            found, is_whole = [], False
        present = present.after(one)
        if not _add(found, one.at, present, known, connection):
            found, is_whole = [], False
    return IssueHistory(identity, in_order(found), whole=is_whole, calls=calls)


def _add(
    found: list[StateChange], at: datetime, present: _Present, known: Mapping[str, str], connection: Connection
) -> bool:
    """Add the state at a time; return whether it is known."""
    state = _state(present, known, connection)
    if found and found[-1].at == at:  # one change may have several items
        found.pop()
    if state is not None:
        found.append(StateChange(at, state))
    return state is not None


def _state(present: _Present, known: Mapping[str, str], connection: Connection) -> State | None:
    category = known.get(present.status.id or "")
    if category is None:
        return None
    return state_of(category, present.resolution.name, present.resolution.id, connection)


def _first(present: _Present, changes: Sequence[_Change]) -> _Present:
    """Return status and resolution before the first change of each."""
    for one in reversed(changes):
        present = present.before(one)
    return present


def _changes(histories: Iterable[Json]) -> list[_Change]:
    """Return the changes that decide the state, oldest first; those of one moment in the order of the changelog."""
    found = []
    for history in histories:
        at = timestamp(history.get("created"))
        for item in json_objects(history.get("items")):
            field = exact_text(item.get("fieldId")) or exact_text(item.get("field"))
            if at is not None and field in FIELDS:
                was = _Value(identifier(item.get("from")), text(item.get("fromString")))
                found.append(_Change(at, field, was, _Value(identifier(item.get("to")), text(item.get("toString")))))
    return sorted(found, key=lambda one: one.at)


def _value(found: Json) -> _Value:
    return _Value(identifier(found.get("id")), text(found.get("name")))


def _own_category(status: Json) -> dict[str, str]:
    """Return the category of the present status: the issue itself says it."""
    id_, category = identifier(status.get("id")), exact_text(json_object(status.get("statusCategory")).get("key"))
    return {id_: category} if id_ is not None and category is not None else {}
