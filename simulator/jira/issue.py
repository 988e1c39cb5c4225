"""An issue on the simulated Jira, and what people do to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from simulator.jira.plans import SPRINT_ID

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.jira.plans import Sprint, Version
    from simulator.jira.project import Project
    from simulator.jira.vocabulary import IssueType, Named, Status, User

Item = dict[str, Any]
"""One entry of a changelog."""

BY_WORKFLOW = "(as the workflow sets it)"
"""The resolution that a transition sets by itself: Done in the category done, none elsewhere."""


@dataclass(eq=False, kw_only=True)
class Comment:
    """A comment on an issue; whoever may can change it, as `editor`. One written as a document has that besides."""

    id: str
    issue: Issue
    author: User
    body: str
    created: datetime
    updated: datetime
    editor: User
    document: dict[str, Any] | None = None

    def edit(self, body: str, *, document: dict[str, Any] | None = None) -> None:
        """Write something else there."""
        site = self.issue.project.site
        with site.changing() as now:
            self.body, self.document, self.updated, self.editor = body, document, now, site.actor
            self.issue.updated = now
            site.teller.tell_of_comment(self, "comment_updated")

    def delete(self) -> None:
        """Take it away."""
        site = self.issue.project.site
        with site.changing() as now:
            self.issue.updated = now
            self.issue.comments.remove(self)
            site.teller.tell_of_comment(self, "comment_deleted")


@dataclass(eq=False, kw_only=True)
class Issue:
    """An issue; `id` is for life, `key` changes when it moves to another project."""

    project: Project
    id: str
    key: str
    summary: str
    description: str | None
    type: IssueType
    status: Status
    priority: Named
    reporter: User
    created: datetime
    updated: datetime
    status_changed: datetime
    resolution: Named | None = None
    resolved: datetime | None = None
    labels: list[str] = field(default_factory=list)
    components: list[Named] = field(default_factory=list)
    fix_versions: list[Version] = field(default_factory=list)
    sprints: list[Sprint] = field(default_factory=list)
    assignee: User | None = None
    parent: Issue | None = None
    points: float | None = None
    former_keys: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Where people find it."""
        return f"{self.project.site.url}/browse/{self.key}"

    def edit(self, *, summary: str) -> None:
        """Change the summary."""
        with self.project.site.changing() as now:
            item = _item("summary", was=(None, self.summary), now=(None, summary))
            self.summary = summary
            self._update(now, [item])

    def transition(self, status: str, *, resolution: str | None = BY_WORKFLOW) -> None:
        """Move it to a status, by name; `resolution` is set with it, None clears it."""
        site = self.project.site
        target = site.status(status)
        if resolution == BY_WORKFLOW:
            resolution = "Done" if target.category.key == "done" else None
        self._go(target, None if resolution is None else site.resolution(resolution))

    def start(self) -> None:
        """Begin work on it: In Progress."""
        self.transition("In Progress")

    def finish(self, *, resolution: str | None = "Done") -> None:
        """Bring it to Done, with a resolution or, with None, without one."""
        self.transition("Done", resolution=resolution)

    def drop(self) -> None:
        """Bring it to Done with the resolution Won't Do."""
        self.transition("Done", resolution="Won't Do")

    def reopen(self, *, leave_resolution: bool = False) -> None:
        """Bring it back to To Do; some workflows leave the resolution behind."""
        self._go(self.project.site.status("To Do"), self.resolution if leave_resolution else None)

    def label(self, *names: str) -> None:
        """Put labels on it, in one change."""
        self._relabel(self.labels + [name for name in names if name not in self.labels])

    def unlabel(self, *names: str) -> None:
        """Take labels off it, in one change."""
        self._relabel([name for name in self.labels if name not in names])

    def assign(self, name: str | None) -> None:
        """Give it to someone, or to nobody."""
        site = self.project.site
        with site.changing() as now:
            former, self.assignee = self.assignee, None if name is None else site.user(name)
            item = _item("assignee", was=site.reference(former), now=site.reference(self.assignee))
            if not site.data_center:
                item |= {"tmpFromAccountId": item["from"], "tmpToAccountId": item["to"]}
            self._update(now, [item], type_name="issue_assigned")

    def set_points(self, points: float | None) -> None:
        """Estimate it, or take the estimate away."""
        site = self.project.site
        with site.changing() as now:
            former, self.points = self.points, points
            item = _item(site.points_field, was=(None, _number(former)), now=(None, _number(points)))
            self._update(now, [{**item, "fieldtype": "custom", "fieldId": site.points_field_id}])

    def plan_into(self, sprint: Sprint) -> None:
        """Put it into one more sprint."""
        with self.project.site.changing() as now:
            was = ", ".join(each.id for each in self.sprints), ", ".join(each.name for each in self.sprints)
            self.sprints.append(sprint)
            ids, names = ", ".join(each.id for each in self.sprints), ", ".join(each.name for each in self.sprints)
            item = _item("Sprint", was=was, now=(ids, names))
            self._update(now, [{**item, "fieldtype": "custom", "fieldId": SPRINT_ID}])

    def fix_in(self, version: Version) -> None:
        """Say that it is to be fixed in one more version."""
        with self.project.site.changing() as now:
            self.fix_versions.append(version)
            item = _item("fixVersions", was=(None, None), now=(version.id, version.name))
            self._update(now, [{**item, "field": "Fix Version"}])

    def set_parent(self, parent: Issue | None) -> None:
        """Put it under an epic or another parent, or under none."""
        site = self.project.site
        with site.changing() as now:
            former, self.parent = self.parent, parent
            item = _item("IssueParentAssociation", was=_reference(former), now=_reference(parent))
            del item["fieldId"]
            if site.data_center and self.type.level < 0:
                item["field"] = "Parent"
            elif site.data_center:
                item |= {"field": "Epic Link", "fieldtype": "custom"}
            self._update(now, [item])

    def move(self, project: Project) -> None:
        """Move it to another project: the id stays, the key is new and the old one still leads here."""
        with project.site.changing() as now:
            former, former_key = self.project, self.key
            self.former_keys.append(former_key)
            self.project, self.key = project, project.next_key()
            places = _item("project", was=(former.id, former.name), now=(project.id, project.name))
            keys = _item("Key", was=(None, former_key), now=(None, self.key))
            del keys["fieldId"]
            self._update(now, [places, keys], type_name="issue_moved")

    def comment(self, body: str, *, document: dict[str, Any] | None = None) -> Comment:
        """Comment on it. Cloud tells of the comment with part of the issue; Data Center also of the issue, updated."""
        site = self.project.site
        with site.changing() as now:
            self.updated = now
            comment = Comment(
                id=site.new_id(),
                issue=self,
                author=site.actor,
                body=body,
                created=now,
                updated=now,
                editor=site.actor,
                document=document,
            )
            self.comments.append(comment)
            site.teller.tell_of_comment(comment, "comment_created")
        return comment

    def delete(self) -> None:
        """Delete it; whoever asks for it gets 404 from then on."""
        site = self.project.site
        with site.changing():
            del site.issues[self.id]
            self.tell("jira:issue_deleted")

    def tell(self, event: str, *, type_name: str | None = None, items: list[Item] | None = None) -> None:
        """Send one message about the issue as it now is."""
        self.project.site.teller.tell_of_issue(self, event, type_name=type_name, items=items)

    def _relabel(self, labels: list[str]) -> None:
        with self.project.site.changing() as now:
            if labels == self.labels:
                return
            item = _item("labels", was=("", " ".join(self.labels)), now=("", " ".join(labels)))
            self.labels = labels
            self._update(now, [item])

    def _go(self, status: Status, resolution: Named | None) -> None:
        site = self.project.site
        with site.changing() as now:
            items, type_name = [], site.transition_type_name(self.status, status)
            if resolution != self.resolution:
                items.append(_item("resolution", was=_named(self.resolution), now=_named(resolution)))
                self.resolution, self.resolved = resolution, None if resolution is None else now
            if status != self.status:
                items.append(_item("status", was=_named(self.status), now=_named(status)))
                self.status, self.status_changed = status, now
            if items:
                self._update(now, items, type_name=type_name)

    def _update(self, now: datetime, items: list[Item], *, type_name: str = "issue_updated") -> None:
        self.updated = now
        self.tell("jira:issue_updated", type_name=type_name, items=items)


def _item(name: str, *, was: tuple[str | None, str | None], now: tuple[str | None, str | None]) -> Item:
    return {
        "field": name,
        "fieldtype": "jira",
        "fieldId": name,
        "from": was[0],
        "fromString": was[1],
        "to": now[0],
        "toString": now[1],
    }


def _named(thing: Named | Status | None) -> tuple[str | None, str | None]:
    return (None, None) if thing is None else (thing.id, thing.name)


def _reference(issue: Issue | None) -> tuple[str | None, str | None]:
    return (None, None) if issue is None else (issue.id, issue.key)


def _number(points: float | None) -> str | None:
    return None if points is None else f"{points:g}"
