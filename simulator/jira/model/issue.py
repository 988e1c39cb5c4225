"""An issue on the simulated Jira, and what people do to it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from simulator.jira.model.changelog import History, Item, Reference, changelog_item, named
from simulator.jira.model.host import Host
from simulator.jira.model.issue_fields import WithCustomFields
from simulator.jira.model.site_defaults import IssueType, Named, Status, User
from simulator.jira.model.sprints_and_versions import SPRINT_ID, Sprint, Version

BY_WORKFLOW = "(as the workflow sets it)"
"""The default resolution of a transition: Done in the category done, none elsewhere."""


class IssueHost(Host, Protocol):
    """The site, as issues and projects see it."""

    def remove_issue(self, issue: Issue) -> None:
        """Remove a deleted issue."""

    def children_of(self, issue: Issue) -> list[Issue]:
        """Return the issues whose parent an issue is, oldest first."""

    def emit_issue(self, issue: Issue, event: str, *, type_name: str | None, items: list[Item] | None) -> None:
        """Send a webhook about an issue, with its changelog if it has one."""

    @property
    def tells_epics_by_links(self) -> bool:
        """Whether Data Center sends only the webhook of a link when an issue gets another epic."""

    def emit_epic_link(self, event: str, epic: Issue, issue: Issue) -> None:
        """Send the webhook of a link to an epic."""

    def emit_comment(self, comment: Comment, event: str) -> None:
        """Send the webhooks of a comment."""


@dataclass(eq=False, kw_only=True)
class IssueProject:
    """A project, as its issues see it; issue keys are its own key and a number."""

    site: IssueHost
    id: str
    key: str
    name: str
    visible: bool = True
    former_keys: list[str] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def next_key(self) -> str:
        """Return the key for one more issue."""
        return f"{self.key}-{next(self._numbers)}"


@dataclass(eq=False, kw_only=True)
class Comment:
    """A comment on an issue; `editor` changed it last; `document` is set if it was sent as a document."""

    id: str
    issue: Issue
    author: User
    body: str
    created: datetime
    updated: datetime
    editor: User
    document: dict[str, Any] | None = None

    def edit(self, body: str, *, document: dict[str, Any] | None = None) -> None:
        """Change the text."""
        site = self.issue.project.site
        with site.changing() as now:
            self.body, self.document, self.updated, self.editor = body, document, now, site.actor
            self.issue.updated = now
            site.emit_comment(self, "comment_updated")

    def delete(self) -> None:
        """Delete it."""
        site = self.issue.project.site
        with site.changing() as now:
            self.issue.updated = now
            self.issue.comments.remove(self)
            site.emit_comment(self, "comment_deleted")


@dataclass(eq=False, kw_only=True)
class Issue(WithCustomFields):
    """An issue; `id` never changes, `key` changes when it moves to another project."""

    project: IssueProject
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
    archived: datetime | None = None
    labels: list[str] = field(default_factory=list)
    components: list[Named] = field(default_factory=list)
    fix_versions: list[Version] = field(default_factory=list)
    sprints: list[Sprint] = field(default_factory=list)
    assignee: User | None = None
    parent: Issue | None = None
    former_keys: list[str] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    histories: list[History] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Give an issue that is made in another status than To Do the change to it."""
        first = self.project.site.status("To Do")
        if self.status != first:
            changes = (
                ("resolution", (None, None), named(self.resolution)),
                ("status", named(first), named(self.status)),
            )
            items = [changelog_item(name, was=was, now=now) for name, was, now in changes if was != now]
            self._record(self.status_changed, items)

    @property
    def site(self) -> Host:
        """Its site."""
        return self.project.site

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.project.site.url}/browse/{self.key}"

    def edit(self, *, summary: str) -> None:
        """Change the summary."""
        with self.project.site.changing() as now:
            item = changelog_item("summary", was=(None, self.summary), now=(None, summary))
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
            item = changelog_item("assignee", was=site.reference(former), now=site.reference(self.assignee))
            if not site.data_center:
                item |= {"tmpFromAccountId": item["from"], "tmpToAccountId": item["to"]}
            self._update(now, [item], type_name="issue_assigned")

    def plan_into(self, sprint: Sprint) -> None:
        """Put it into one more sprint."""
        with self.project.site.changing() as now:
            was = ", ".join(each.id for each in self.sprints), ", ".join(each.name for each in self.sprints)
            self.sprints.append(sprint)
            ids, names = ", ".join(each.id for each in self.sprints), ", ".join(each.name for each in self.sprints)
            item = changelog_item("Sprint", was=was, now=(ids, names))
            self._update(now, [{**item, "fieldtype": "custom", "fieldId": SPRINT_ID}])

    def fix_in(self, version: Version) -> None:
        """Say that it is to be fixed in one more version."""
        with self.project.site.changing() as now:
            self.fix_versions.append(version)
            item = changelog_item("fixVersions", was=(None, None), now=(version.id, version.name))
            self._update(now, [{**item, "field": "Fix Version"}])

    def set_parent(self, parent: Issue | None) -> None:
        """Put it under an epic or another parent, or under none."""
        site = self.project.site
        with site.changing() as now:
            former, self.parent = self.parent, parent
            if site.data_center and site.tells_epics_by_links and self.type.level >= 0:
                for event, epic in (("issuelink_deleted", former), ("issuelink_created", parent)):
                    if epic is not None:
                        site.emit_epic_link(event, epic, self)
                return
            item = changelog_item("IssueParentAssociation", was=_reference(former), now=_reference(parent))
            del item["fieldId"]
            if site.data_center and self.type.level < 0:
                item["field"] = "Parent"
            elif site.data_center:
                item |= {"field": "Epic Link", "fieldtype": "custom"}
            self._update(now, [item])

    def move(self, project: IssueProject) -> None:
        """Move it to another project: the id stays, the key is new and the old one still finds it."""
        with project.site.changing() as now:
            former, former_key = self.project, self.key
            self.former_keys.append(former_key)
            self.project, self.key = project, project.next_key()
            project_item = changelog_item("project", was=(former.id, former.name), now=(project.id, project.name))
            key_item = changelog_item("Key", was=(None, former_key), now=(None, self.key))
            del key_item["fieldId"]
            self._update(now, [project_item, key_item], type_name="issue_moved")

    def comment(self, body: str, *, document: dict[str, Any] | None = None) -> Comment:
        """Comment on it. Cloud sends the comment with part of the issue; Data Center also sends the updated issue."""
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
            site.emit_comment(comment, "comment_created")
        return comment

    def delete(self) -> None:
        """Delete it; later requests for it get 404."""
        site = self.project.site
        with site.changing():
            site.remove_issue(self)
            self.emit("jira:issue_deleted")

    def emit(self, event: str, *, type_name: str | None = None, items: list[Item] | None = None) -> None:
        """Send one webhook about the present issue."""
        self.project.site.emit_issue(self, event, type_name=type_name, items=items)

    def _relabel(self, labels: list[str]) -> None:
        with self.project.site.changing() as now:
            if labels == self.labels:
                return
            item = changelog_item("labels", was=("", " ".join(self.labels)), now=("", " ".join(labels)))
            self.labels = labels
            self._update(now, [item])

    def _go(self, status: Status, resolution: Named | None) -> None:
        site = self.project.site
        with site.changing() as now:
            items, type_name = [], site.transition_type_name(self.status, status)
            if resolution != self.resolution:
                items.append(changelog_item("resolution", was=named(self.resolution), now=named(resolution)))
                self.resolution, self.resolved = resolution, None if resolution is None else now
            if status != self.status:
                items.append(changelog_item("status", was=named(self.status), now=named(status)))
                self.status, self.status_changed = status, now
            if items:
                self._update(now, items, type_name=type_name)

    def _record(self, now: datetime, items: list[Item]) -> None:
        number = 1000 * int(self.id) + len(self.histories)
        entry = History(id=str(number), author=self.project.site.actor, created=now, items=tuple(items))
        self.histories.append(entry)

    def _update(self, now: datetime, items: list[Item], *, type_name: str = "issue_updated") -> None:
        self.updated = now
        self._record(now, items)
        self.emit("jira:issue_updated", type_name=type_name, items=items)


def _reference(issue: Issue | None) -> Reference:
    return (None, None) if issue is None else (issue.id, issue.key)
