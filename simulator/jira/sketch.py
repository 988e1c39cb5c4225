"""Issues made in bulk: what each will be, said by a function and written out only when somebody looks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from simulator.jira.issue import Issue

if TYPE_CHECKING:
    from simulator.jira.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketch:
    """What an issue of a batch begins with; without `updated` it was last changed when it was made."""

    summary: str
    type: str = "Story"
    status: str = "To Do"
    labels: tuple[str, ...] = ()
    points: float | None = None
    updated: datetime | None = None


Sketching = Callable[[int], Sketch]
"""Says for a number what the issue begins with; asked more than once, it must say the same."""


def plain(number: int) -> Sketch:
    """Sketch a story in To Do with a summary and nothing else."""
    return Sketch(summary=f"Step {number}")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Issues with numbers in a row and ids in a row; each was made `every` after the one before."""

    project: Project
    numbers: range
    first_id: int
    start: datetime
    every: timedelta
    sketching: Sketching

    def updated(self, number: int) -> datetime:
        """Say when an issue was last changed."""
        return self.sketching(number).updated or self._created(number)

    def id_of(self, number: int) -> str:
        """Give the id of an issue."""
        return str(self.first_id + number - self.numbers.start)

    def number_of(self, id_or_key: str) -> int | None:
        """Give the number of the issue that has an id or key, if it is one of these."""
        project, _, told = id_or_key.rpartition("-")
        if not (told.isascii() and told.isdigit()) or project not in ("", self.project.key):
            return None
        number = int(told) if project else int(told) - self.first_id + self.numbers.start
        return number if number in self.numbers else None

    def issue(self, number: int) -> Issue:
        """Write an issue out."""
        site, sketch, created = self.project.site, self.sketching(number), self._created(number)
        status = site.status(sketch.status)
        done = status.category.key == "done"
        updated = sketch.updated or created
        return Issue(
            project=self.project,
            id=self.id_of(number),
            key=f"{self.project.key}-{number}",
            summary=sketch.summary,
            description=None,
            type=site.issue_type(sketch.type),
            status=status,
            priority=site.priority("Medium"),
            reporter=site.actor,
            created=created,
            updated=updated,
            status_changed=updated,
            resolution=site.resolution("Done") if done else None,
            resolved=updated if done else None,
            labels=list(sketch.labels),
            points=sketch.points,
        )

    def _created(self, number: int) -> datetime:
        return self.start + (number - self.numbers.start) * self.every
