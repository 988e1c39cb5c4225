"""What shows that work on an issue has started: a label, or a status of a project, that the connection names.

GitHub has no state for it. An open issue with the label is in progress. The status of a project is in no delivery of an
issue, so only the issue's history shows it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from sync_service.domain.text import folded
from sync_service.domain.trackers.capabilities import Page
from sync_service.domain.trackers.connector import Connection
from sync_service.domain.trackers.observations import Kind, Snapshot, State
from sync_service.domain.trackers.queries import MemberPage

One = TypeVar("One")
SomePage = TypeVar("SomePage", Page, MemberPage)


def started_label(connection: Connection) -> str | None:
    """Return the label that shows that work has started, folded; None where the connection names none."""
    return _named(connection, "label")


def started_status(connection: Connection) -> str | None:
    """Return the project status that shows that work has started, folded; None where the connection names none."""
    return _named(connection, "project_status")


def _named(connection: Connection, name: str) -> str | None:
    option = connection.options.get("started_by")
    written = option.get(name) if isinstance(option, Mapping) else None
    return folded(written.strip()) if isinstance(written, str) and written.strip() else None


def with_start(seen: One, connection: Connection) -> One:
    """Return a snapshot of an open issue as in progress, where it has the label; anything else unchanged."""
    label = started_label(connection)
    if label is None or not isinstance(seen, Snapshot) or seen.kind is not Kind.ISSUE or seen.state is not State.TODO:
        return seen
    is_started = any(folded(one.name) == label for one in seen.labels)
    return replace(seen, state=State.DOING) if is_started else seen


def with_starts(seen: Iterable[One], connection: Connection) -> tuple[One, ...]:
    """Return observations with the snapshots of started issues as in progress."""
    return tuple(with_start(one, connection) for one in seen)


def snapshots_with_start(found: Mapping[str, One], connection: Connection) -> dict[str, One]:
    """Return fetched issues by identity, those that have started as in progress."""
    return {identity: with_start(one, connection) for identity, one in found.items()}


def page_with_starts(page: SomePage, connection: Connection) -> SomePage:
    """Return a page of a list with the started issues as in progress."""
    return replace(page, observations=with_starts(page.observations, connection))
