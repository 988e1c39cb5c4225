"""An issue on the simulated GitHub, and what people do to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.github import family
from simulator.github.comment import Comment
from simulator.github.fields import FieldValue, IssueField, told_field, told_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from simulator.github.app import App
    from simulator.github.planning import IssueType, Label, Milestone, User
    from simulator.github.repository import Repository

REASONS = ("completed", "not_planned", "duplicate")
"""Why an issue may be closed (https://docs.github.com/en/rest/issues/issues#update-an-issue)."""


@dataclass(eq=False, kw_only=True)
class Issue:
    """An issue of one repository. Labels, milestone and type are the repository's own objects."""

    repository: Repository
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

    @property
    def ids(self) -> tuple[int, ...]:
        """All ids under which it can be found."""
        return (self.id,)

    @property
    def state(self) -> str:
        """GitHub's word: `open` or `closed`."""
        return "open" if self.closed is None else "closed"

    @property
    def url(self) -> str:
        """Where people find it."""
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
        """Close it as `completed`, `not_planned` or `duplicate`; raises `ValueError` for another reason."""
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
        """Put labels on it, creating those that the repository lacks; one message for each."""
        for name in names:
            with self.repository.hub.changing() as now:
                label = self.repository.label(name)
                if label not in self.labels:
                    self.labels.append(label)
                    self._change("labeled", now, {"label": label})

    def unlabel(self, *names: str) -> None:
        """Take labels off it; raises `ValueError` for one that it does not carry."""
        for name in names:
            with self.repository.hub.changing() as now:
                label = self.repository.label(name)
                self.labels.remove(label)
                self._change("unlabeled", now, {"label": label})

    def set_milestone(self, milestone: Milestone) -> None:
        """Put it into a milestone; one that it was in before is left first, with its own message."""
        with self.repository.hub.changing() as now:
            if self.milestone is not None:
                self.clear_milestone()
            self.milestone = milestone
            self._change("milestoned", now, {"milestone": milestone})

    def clear_milestone(self) -> None:
        """Take it out of its milestone; raises `ValueError` if it is in none."""
        with self.repository.hub.changing() as now:
            if self.milestone is None:
                raise ValueError(f"{self.url} has no milestone")
            milestone, self.milestone = self.milestone, None
            self._change("demilestoned", now, {"milestone": milestone})

    def assign(self, *logins: str) -> None:
        """Assign people; one message for each."""
        for login in logins:
            with self.repository.hub.changing() as now:
                user = self.repository.hub.user(login)
                if user not in self.assignees:
                    self.assignees.append(user)
                    self._change("assigned", now, {"assignee": user})

    def unassign(self, *logins: str) -> None:
        """Take people off it; raises `ValueError` for one who is not assigned."""
        for login in logins:
            with self.repository.hub.changing() as now:
                user = self.repository.hub.user(login)
                self.assignees.remove(user)
                self._change("unassigned", now, {"assignee": user})

    def comment(self, body: str, *, app: App | None = None) -> Comment:
        """Say something on it, as whoever acts; `app` is the app that does it for them."""
        hub = self.repository.hub
        with hub.changing() as now:
            id_, node_id = hub.new_id("IC")
            comment = Comment(
                issue=self, id=id_, node_id=node_id, author=hub.actor, body=body, created=now, updated=now, app=app
            )
            self.comments.append(comment)
            self.touch(now)
            comment.tell_of_creation()
        return comment

    def lock(self) -> None:
        """Let nobody comment on it who may not write to the repository.

        https://docs.github.com/en/communities/moderating-comments-and-conversations/locking-conversations
        """
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
        """Give a field of the organisation a value; raises `ValueError` for one that it cannot have."""
        with self.repository.hub.changing() as now:
            issue_field = self.repository.hub.issue_field(name)
            issue_field.check(value)
            former = self.fields.get(issue_field)
            self.fields[issue_field] = value
            more = {"issue_field": told_field(issue_field), "issue_field_value": told_value(issue_field, value)}
            changes = {} if former is None else {"issue_field_value": {"from": told_value(issue_field, former)}}
            self._change("field_added", now, {**more, **({"changes": changes} if changes else {})})

    def clear_field(self, name: str) -> None:
        """Take the value of a field away; raises `KeyError` if it has none."""
        with self.repository.hub.changing() as now:
            issue_field = self.repository.hub.issue_field(name)
            former = told_value(issue_field, self.fields.pop(issue_field))
            self._change("field_removed", now, {"issue_field": told_field(issue_field), "issue_field_value": former})

    def add_sub_issue(self, child: Issue, *, replace: bool = False, child_first: bool = False) -> None:
        """Make another issue a sub-issue of this one, also of another repository of the same owner.

        Both repositories are told, the parent's first unless `child_first`. Raises `ValueError` where GitHub would not.
        """
        with self.repository.hub.changing():
            family.join(self, child, replace=replace, child_first=child_first)

    def remove_sub_issue(self, child: Issue, *, child_first: bool = False) -> None:
        """Let a sub-issue stand alone again; raises `ValueError` if it is none of this one."""
        with self.repository.hub.changing():
            family.part(self, child, child_first=child_first)

    def delete(self) -> None:
        """Delete it; whoever asks for it gets 410 from then on."""
        with self.repository.hub.changing():
            family.leave(self)
            del self.repository.issues[self.number]
            self.repository.gone[self.number] = None
            self.tell("deleted")

    def transfer(self, target: Repository, *, opened_first: bool = False) -> Issue:
        """Move it to another repository and give the new issue: id, node id and number change.

        The source sends `transferred`, the target `opened`, in either order; the old address answers 301. Labels stay
        where the target has one of that name, the milestone where it has one of that title and due date
        (https://docs.github.com/en/issues/tracking-your-work-with-issues/transferring-an-issue-to-another-repository).
        """
        source = self.repository
        with source.hub.changing():
            moved = target.adopt(self)
            del source.issues[self.number]
            source.gone[self.number] = moved
            family.replace_member(self, moved)
            moved.comments, self.comments = self.comments, []
            for comment in moved.comments:
                comment.issue = moved
            opened = {"changes": {"old_issue": self, "old_repository": source}}
            transferred = {"changes": {"new_issue": moved, "new_repository": target}}
            if opened_first:
                moved.tell("opened", opened)
            self.tell("transferred", transferred)
            if not opened_first:
                moved.tell("opened", opened)
        return moved

    def touch(self, now: datetime) -> None:
        """Note the time of a change, and where the issue stands in lists since."""
        self.updated = now
        self.repository.issues.file_again(self)

    def tell(self, action: str, more: Mapping[str, object] | None = None) -> None:
        """Send the `issues` message for an action."""
        self.repository.tell("issues", action, {"issue": self, **(more or {})})

    def _change(self, action: str, now: datetime, more: Mapping[str, object] | None = None) -> None:
        self.touch(now)
        self.tell(action, more)

    def _must_be(self, state: str) -> None:
        if self.state != state:
            raise ValueError(f"{self.url} is {self.state}, not {state}")
