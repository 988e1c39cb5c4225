"""Bulk issues: a function describes each, and the issue object is created only when it is read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.jira.model.issue import Issue, IssueProject


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkIssue:
    """The description of one issue of a batch; without `updated` it was last changed when it was made."""

    summary: str
    type: str = "Story"
    status: str = "To Do"
    labels: tuple[str, ...] = ()
    points: float | None = None
    updated: datetime | None = None


BulkIssueFactory = Callable[[int], BulkIssue]
"""Describes the issue of a number; must return the same for every call."""


def plain(number: int) -> BulkIssue:
    """Describe a story in To Do with a summary only."""
    return BulkIssue(summary=f"Step {number}")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Issues with consecutive numbers and ids, each created `every` after the one before."""

    project: IssueProject
    numbers: range
    first_id: int
    start: datetime
    every: timedelta
    factory: BulkIssueFactory

    def updated(self, number: int) -> datetime:
        """Return when an issue was last changed."""
        return self.factory(number).updated or self._created(number)

    def id_of(self, number: int) -> str:
        """Return the id of an issue."""
        return str(self.first_id + number - self.numbers.start)

    def number_of(self, id_or_key: str) -> int | None:
        """Return the number of the issue that has an id or key, if it is one of these."""
        project, _, digits = id_or_key.rpartition("-")
        if not (digits.isascii() and digits.isdigit()) or project not in ("", self.project.key):
            return None
        number = int(digits) if project else int(digits) - self.first_id + self.numbers.start
        return number if number in self.numbers else None

    def issue(self, number: int) -> Issue:
        """Create the object of an issue."""
        site, bulk_issue, created = self.project.site, self.factory(number), self._created(number)
        status = site.status(bulk_issue.status)
        done = status.category.key == "done"
        updated = bulk_issue.updated or created
        return Issue(
            project=self.project,
            id=self.id_of(number),
            key=f"{self.project.key}-{number}",
            summary=bulk_issue.summary,
            description=None,
            type=site.issue_type(bulk_issue.type),
            status=status,
            priority=site.priority("Medium"),
            reporter=site.actor,
            created=created,
            updated=updated,
            status_changed=updated,
            resolution=site.resolution("Done") if done else None,
            resolved=updated if done else None,
            labels=list(bulk_issue.labels),
            points=bulk_issue.points,
        )

    def _created(self, number: int) -> datetime:
        return self.start + (number - self.numbers.start) * self.every
