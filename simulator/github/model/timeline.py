"""The timeline of an issue or pull request: what happened to it, oldest first.

https://docs.github.com/en/rest/using-the-rest-api/issue-event-types
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from simulator.github.model.accounts import User
from simulator.github.model.labels_and_milestones import Label

STATUS_CHANGED = "project_v2_item_status_changed"

RECORDED = frozenset(
    {"closed", "reopened", "labeled", "unlabeled", "assigned", "unassigned", "milestoned", "demilestoned", "locked"}
)
"""The webhook actions that are events of the timeline too."""


@dataclass(frozen=True, kw_only=True)
class TimelineEvent:
    """One event. `reason` is why an issue was closed; `status` and `former_status` are those of a project."""

    id: int
    name: str
    at: datetime
    actor: User
    label: Label | None = None
    reason: str | None = None
    status: str | None = None
    former_status: str | None = None


class Timeline(list[TimelineEvent]):
    """The events of one issue, oldest first."""

    def add(self, issue_id: int, name: str, at: datetime, *, actor: User, **words: Any) -> None:
        """Add an event."""
        self.append(TimelineEvent(id=1000 * issue_id + len(self), name=name, at=at, actor=actor, **words))
