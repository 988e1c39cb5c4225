"""Labels and milestones, by which people sort the issues of a repository."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from simulator.github.model.accounts import User
from simulator.github.model.host import RepositoryIdentity


@dataclass(eq=False, kw_only=True)
class LabelledRepository(RepositoryIdentity, ABC):
    """A repository with labels and milestones; its issues are added one layer up."""

    labels: list[Label] = field(default_factory=list)
    milestones: list[Milestone] = field(default_factory=list)
    _milestone_numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def label(self, name: str) -> Label:
        """Return the label of that name; create it if it does not exist. Case does not matter, as on GitHub."""
        for label in self.labels:
            if label.name.casefold() == name.casefold():
                return label
        return self.create_label(name)

    def create_label(self, name: str, *, color: str = "ededed", description: str | None = None) -> Label:
        """Create a label."""
        with self.hub.changing():
            id_, node_id = self.hub.new_id("LA")
            label = Label(repository=self, id=id_, node_id=node_id, name=name, color=color, description=description)
            self.labels.append(label)
            self.emit("label", "created", {"label": label})
        return label

    def create_milestone(self, title: str, *, due: datetime | None = None) -> Milestone:
        """Create a milestone."""
        with self.hub.changing() as now:
            id_, node_id = self.hub.new_id("MI")
            milestone = Milestone(
                repository=self,
                id=id_,
                node_id=node_id,
                number=next(self._milestone_numbers),
                title=title,
                creator=self.hub.actor,
                created=now,
                updated=now,
                due=due,
            )
            self.milestones.append(milestone)
            self.emit("milestone", "created", {"milestone": milestone})
        return milestone

    @abstractmethod
    def unlabel_all(self, label: Label, now: datetime) -> None:
        """Take a deleted label off every issue."""

    @abstractmethod
    def clear_milestone(self, milestone: Milestone) -> None:
        """Take every issue out of a deleted milestone."""

    @abstractmethod
    def count_in_milestone(self, milestone: Milestone, *, closed: bool) -> int:
        """Count the open or the closed issues and pull requests of a milestone."""


@dataclass(eq=False, kw_only=True)
class Label:
    """A label of one repository; its id stays when its name changes."""

    repository: LabelledRepository
    id: int
    node_id: str
    name: str
    color: str = "ededed"
    description: str | None = None

    def rename(self, name: str) -> None:
        """Change the name. Issues that carry it send nothing, nor does their `updated_at` change."""
        repository = self.repository
        with repository.hub.changing():
            former, self.name = self.name, name
            repository.emit("label", "edited", {"label": self, "changes": {"name": {"from": former}}})

    def delete(self) -> None:
        """Remove it from the repository and from its issues.

        Each issue sends `unlabeled`, without the label (https://github.com/octokit/webhooks/issues/639).
        """
        repository = self.repository
        with repository.hub.changing() as now:
            repository.labels.remove(self)
            repository.emit("label", "deleted", {"label": self})
            repository.unlabel_all(self, now)


@dataclass(eq=False, kw_only=True)
class Milestone:
    """A milestone of one repository."""

    repository: LabelledRepository
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
        """The number of its open issues and pull requests."""
        return self.repository.count_in_milestone(self, closed=False)

    @property
    def closed_issues(self) -> int:
        """The number of its closed issues and pull requests."""
        return self.repository.count_in_milestone(self, closed=True)

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
            self._emit("edited", now, {"changes": changes})

    def close(self) -> None:
        """Close it; its issues stay as they are."""
        with self.repository.hub.changing() as now:
            self.closed = now
            self._emit("closed", now)

    def reopen(self) -> None:
        """Open it again."""
        with self.repository.hub.changing() as now:
            self.closed = None
            self._emit("opened", now)

    def delete(self) -> None:
        """Remove it; its issues then have no milestone, and only the milestone's own webhook says so."""
        with self.repository.hub.changing() as now:
            self._emit("deleted", now)
            self.repository.clear_milestone(self)
            self.repository.milestones.remove(self)

    def _emit(self, action: str, now: datetime, more: Mapping[str, object] | None = None) -> None:
        self.updated = now
        self.repository.emit("milestone", action, {"milestone": self, **(more or {})})
