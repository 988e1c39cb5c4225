"""The things by which people sort issues on GitHub: users, labels, milestones and issue types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from simulator.github.repository import Repository


@dataclass(frozen=True)
class User:
    """An account; `kind` is GitHub's `User` or `Organization`."""

    id: int
    node_id: str
    login: str
    kind: str = "User"


@dataclass(frozen=True)
class IssueType:
    """A type of the organisation's issues, such as Bug."""

    id: int
    node_id: str
    name: str
    created: datetime


@dataclass(eq=False, kw_only=True)
class Label:
    """A label of one repository; its id outlives a new name."""

    repository: Repository
    id: int
    node_id: str
    name: str
    color: str = "ededed"
    description: str | None = None

    def rename(self, name: str) -> None:
        """Give it another name; issues that carry it are not reported, nor does their `updated_at` move."""
        repository = self.repository
        with repository.hub.changing():
            former, self.name = self.name, name
            repository.tell("label", "edited", {"label": self, "changes": {"name": {"from": former}}})

    def delete(self) -> None:
        """Remove it from the repository and from its issues.

        Each issue reports `unlabeled`, without saying which label it was (https://github.com/octokit/webhooks/issues/639).
        """
        repository = self.repository
        with repository.hub.changing() as now:
            repository.labels.remove(self)
            repository.tell("label", "deleted", {"label": self})
            for number in [issue.number for issue in repository.issues.each() if self in issue.labels]:
                issue = repository.issues[number]
                issue.labels.remove(self)
                issue.touch(now)
                issue.tell("unlabeled")


@dataclass(eq=False, kw_only=True)
class Milestone:
    """A milestone of one repository."""

    repository: Repository
    id: int
    node_id: str
    number: int
    title: str
    creator: User
    created: datetime
    updated: datetime
    description: str | None = None
    due: datetime | None = None
    closed: datetime | None = None

    @property
    def open_issues(self) -> int:
        """How many of its issues and pull requests are open."""
        return len(self.repository.issues.in_milestone(self, closed=False))

    @property
    def closed_issues(self) -> int:
        """How many of its issues and pull requests are closed."""
        return len(self.repository.issues.in_milestone(self, closed=True))

    def edit(self, *, title: str | None = None, due: datetime | None = None) -> None:
        """Change its title or its due date."""
        with self.repository.hub.changing() as now:
            changes: dict[str, object] = {}
            if title is not None:
                changes["title"] = {"from": self.title}
                self.title = title
            if due is not None:
                changes["due_on"] = {"from": self.due}
                self.due = due
            self._tell("edited", now, {"changes": changes})

    def close(self) -> None:
        """Close it; its issues stay as they are."""
        with self.repository.hub.changing() as now:
            self.closed = now
            self._tell("closed", now)

    def reopen(self) -> None:
        """Open it again."""
        with self.repository.hub.changing() as now:
            self.closed = None
            self._tell("opened", now)

    def delete(self) -> None:
        """Remove it; its issues have no milestone then, and only the milestone's own message says so."""
        with self.repository.hub.changing() as now:
            self._tell("deleted", now)
            issues = self.repository.issues
            for number in [*issues.in_milestone(self, closed=False), *issues.in_milestone(self, closed=True)]:
                issues[number].milestone = None
                issues.file_again(issues[number])
            self.repository.milestones.remove(self)

    def _tell(self, action: str, now: datetime, more: Mapping[str, object] | None = None) -> None:
        self.updated = now
        self.repository.tell("milestone", action, {"milestone": self, **(more or {})})
