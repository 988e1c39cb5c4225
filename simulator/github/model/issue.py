"""An issue on the simulated GitHub, and what people do to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulator.github.model.accounts import IssueType, User
from simulator.github.model.app import App
from simulator.github.model.comment import Comment
from simulator.github.model.fields import ChangedField, ChangedValue, FieldValue, IssueField
from simulator.github.model.labels_and_milestones import Label, LabelledRepository, Milestone
from simulator.github.model.sub_issues import check_can_add, emit_change
from simulator.github.model.timeline import RECORDED, Timeline

REASONS = ("completed", "not_planned", "duplicate")
"""Why an issue may be closed (https://docs.github.com/en/rest/issues/issues#update-an-issue)."""


@dataclass(eq=False, kw_only=True)
class IssueRepository(LabelledRepository, ABC):
    """A repository, as its issues see it."""

    @abstractmethod
    def create_issue(self, title: str) -> Issue:
        """Open an issue."""

    @abstractmethod
    def reindex(self, issue: Issue) -> None:
        """Update the place of a changed issue in lists."""

    @abstractmethod
    def remove_issue(self, issue: Issue, *, moved_to: Issue | None = None) -> None:
        """Remove an issue that was deleted, or transferred and is now another one."""

    @abstractmethod
    def accept_transfer(self, issue: Issue) -> Issue:
        """Add a transferred issue under a new id and number, with its family and comments; send nothing."""

    @abstractmethod
    def peek_issue(self, number: int) -> Issue | None:
        """Return the issue of that number to read it; a bulk issue is made for the moment only."""

    @abstractmethod
    def find_issue(self, full_name: str, number: int) -> Issue | None:
        """Return the issue that a text like `acme/payments#1`, or `#1` in this repository, names."""


@dataclass(eq=False, kw_only=True)
class Issue:
    """An issue of one repository. Labels, milestone and type are the repository's own objects."""

    repository: IssueRepository
    id: int
    node_id: str
    number: int
    title: str
    author: User
    created: datetime
    updated: datetime
    body: str | None = None
    labels: list[Label] = field(default_factory=list)
    assignees: list[User] = field(default_factory=list)
    milestone: Milestone | None = None
    type: IssueType | None = None
    state_reason: str | None = None
    closed: datetime | None = None
    closed_by: User | None = None
    parent: Issue | None = None
    sub_issues: list[Issue] = field(default_factory=list)
    fields: dict[IssueField, FieldValue] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    locked: bool = False
    timeline: Timeline = field(default_factory=Timeline)

    def __post_init__(self) -> None:
        """Give an issue that is made closed the event of its closing."""
        if self.closed is not None and not self.timeline:
            self.record("closed", self.closed, reason=self.state_reason)

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids under which it can be found."""
        return (self.id,)

    @property
    def state(self) -> str:
        """`open` or `closed`."""
        return "open" if self.closed is None else "closed"

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.repository.url}/issues/{self.number}"

    def edit(self, *, title: str | None = None, body: str | None = None) -> None:
        """Change the title, the body, or both."""
        with self.repository.hub.changing() as now:
            changes: dict[str, object] = {}
            if title is not None:
                changes["title"] = {"from": self.title}
                self.title = title
            if body is not None:
                changes["body"] = {"from": self.body or ""}
                self.body = body
            self._change("edited", now, {"changes": changes})

    def close(self, *, reason: str = "completed") -> None:
        """Close it as `completed`, `not_planned` or `duplicate`; raise `ValueError` for another reason."""
        if reason not in REASONS:
            raise ValueError(f"reason {reason!r} is none of {', '.join(REASONS)}")
        with self.repository.hub.changing() as now:
            self._must_be("open")
            self.closed, self.closed_by, self.state_reason = now, self.repository.hub.actor, reason
            self._change("closed", now)

    def reopen(self) -> None:
        """Open it again."""
        with self.repository.hub.changing() as now:
            self._must_be("closed")
            self.closed, self.closed_by, self.state_reason = None, None, "reopened"
            self._change("reopened", now)

    def label(self, *names: str) -> None:
        """Put labels on it, creating those that the repository lacks; one webhook for each."""
        for name in names:
            with self.repository.hub.changing() as now:
                label = self.repository.label(name)
                if label not in self.labels:
                    self.labels.append(label)
                    self._change("labeled", now, {"label": label})

    def unlabel(self, *names: str) -> None:
        """Take labels off it; raise `ValueError` for one that it does not carry."""
        for name in names:
            with self.repository.hub.changing() as now:
                label = self.repository.label(name)
                self.labels.remove(label)
                self._change("unlabeled", now, {"label": label})

    def set_milestone(self, milestone: Milestone) -> None:
        """Put it into a milestone; it leaves a former one first, with a webhook of its own."""
        with self.repository.hub.changing() as now:
            if self.milestone is not None:
                self.clear_milestone()
            self.milestone = milestone
            self._change("milestoned", now, {"milestone": milestone})

    def clear_milestone(self) -> None:
        """Take it out of its milestone; raise `ValueError` if it is in none."""
        with self.repository.hub.changing() as now:
            if self.milestone is None:
                raise ValueError(f"{self.url} has no milestone")
            milestone, self.milestone = self.milestone, None
            self._change("demilestoned", now, {"milestone": milestone})

    def assign(self, *logins: str) -> None:
        """Assign people; one webhook for each."""
        for login in logins:
            with self.repository.hub.changing() as now:
                user = self.repository.hub.user(login)
                if user not in self.assignees:
                    self.assignees.append(user)
                    self._change("assigned", now, {"assignee": user})

    def unassign(self, *logins: str) -> None:
        """Take people off it; raise `ValueError` for one who is not assigned."""
        for login in logins:
            with self.repository.hub.changing() as now:
                user = self.repository.hub.user(login)
                self.assignees.remove(user)
                self._change("unassigned", now, {"assignee": user})

    def comment(self, body: str, *, app: App | None = None) -> Comment:
        """Comment on it as the actor; `app` is the app that does it for them."""
        hub = self.repository.hub
        with hub.changing() as now:
            id_, node_id = hub.new_id("IC")
            comment = Comment(
                issue=self, id=id_, node_id=node_id, author=hub.actor, body=body, created=now, updated=now, app=app
            )
            self.comments.append(comment)
            self.touch(now)
            comment.emit_created()
        return comment

    def lock(self) -> None:
        """Let only those comment on it who may write to the repository."""
        with self.repository.hub.changing() as now:
            self.locked = True
            self._change("locked", now)

    def unlock(self) -> None:
        """Let everybody comment on it again."""
        with self.repository.hub.changing() as now:
            self.locked = False
            self._change("unlocked", now)

    def set_type(self, name: str | None) -> None:
        """Give it a type of the organisation, or none."""
        with self.repository.hub.changing() as now:
            former, self.type = self.type, None if name is None else self.repository.hub.issue_type(name)
            if self.type is not None:
                self._change("typed", now, {"type": self.type})
            elif former is not None:
                self._change("untyped", now, {"type": former})

    def set_field(self, name: str, value: FieldValue) -> None:
        """Set a field of the organisation; raise `ValueError` for a value that it cannot have."""
        with self.repository.hub.changing() as now:
            issue_field = self.repository.hub.issue_field(name)
            issue_field.check(value)
            former = self.fields.get(issue_field)
            self.fields[issue_field] = value
            more = {"issue_field": ChangedField(issue_field), "issue_field_value": ChangedValue(issue_field, value)}
            changes = {} if former is None else {"issue_field_value": {"from": ChangedValue(issue_field, former)}}
            self._change("field_added", now, {**more, **({"changes": changes} if changes else {})})

    def clear_field(self, name: str) -> None:
        """Take the value of a field away; raise `KeyError` if it has none."""
        with self.repository.hub.changing() as now:
            issue_field = self.repository.hub.issue_field(name)
            former = ChangedValue(issue_field, self.fields.pop(issue_field))
            self._change("field_removed", now, {"issue_field": ChangedField(issue_field), "issue_field_value": former})

    def add_sub_issue(self, child: Issue, *, replace: bool = False, child_first: bool = False) -> None:
        """Make another issue a sub-issue of this one, also of another repository of the same owner.

        Both repositories send a webhook, the parent's first unless `child_first`. Raise `ValueError` if GitHub would.
        """
        with self.repository.hub.changing():
            check_can_add(self, child, replace=replace)
            if child.parent is not None:
                child.parent.remove_sub_issue(child, child_first=child_first)
            child.parent = self
            self.sub_issues.append(child)
            emit_change(self, child, "added", child_first=child_first)

    def remove_sub_issue(self, child: Issue, *, child_first: bool = False) -> None:
        """Remove a sub-issue from this issue; raise `ValueError` if it is not one."""
        with self.repository.hub.changing():
            if child not in self.sub_issues:
                raise ValueError("The provided sub-issue is not a sub-issue of the issue")
            self.sub_issues.remove(child)
            child.parent = None
            emit_change(self, child, "removed", child_first=child_first)

    def delete(self) -> None:
        """Delete it; later requests for it get 410."""
        with self.repository.hub.changing():
            if self.parent is not None:
                self.parent.sub_issues.remove(self)
            for child in self.sub_issues:
                child.parent = None
            self.repository.remove_issue(self)
            self.emit("deleted")

    def transfer(self, target: IssueRepository, *, opened_first: bool = False) -> Issue:
        """Move it to another repository and return the new issue: id, node id and number change.

        The source sends `transferred`, the target `opened`, in either order; the old URL answers 301. Labels stay
        where the target has one of that name, the milestone where it has one of that title and due date.
        """
        with (source := self.repository).hub.changing():
            moved = target.accept_transfer(self)
            source.remove_issue(self, moved_to=moved)
            opened = {"changes": {"old_issue": self, "old_repository": source}}
            transferred = {"changes": {"new_issue": moved, "new_repository": target}}
            if opened_first:
                moved.emit("opened", opened)
            self.emit("transferred", transferred)
            if not opened_first:
                moved.emit("opened", opened)
        return moved

    def touch(self, now: datetime) -> None:
        """Record the time of a change, and update the issue's place in lists."""
        self.updated = now
        self.repository.reindex(self)

    def emit(self, action: str, more: Mapping[str, object] | None = None) -> None:
        """Send the `issues` webhook of an action."""
        self.repository.emit("issues", action, {"issue": self, **(more or {})})

    def record(self, name: str, now: datetime, **words: Any) -> None:
        """Record an event in the timeline."""
        self.timeline.add(self.id, name, now, actor=self.repository.hub.actor, **words)

    def _change(self, action: str, now: datetime, more: Mapping[str, object] | None = None) -> None:
        self.touch(now)
        if action in RECORDED:
            self.record(action, now, label=(more or {}).get("label"), reason=self.state_reason)
        self.emit(action, more)

    def _must_be(self, state: str) -> None:
        if self.state != state:
            raise ValueError(f"{self.url} is {self.state}, not {state}")
