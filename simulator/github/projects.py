"""Projects, whose boards hold issues and give them fields: told to the organisation's own hooks alone.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#projects_v2_item
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from simulator.github.bodies import Body, moment, user
from simulator.github.pull_request import PullRequest

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.github.hub import GitHub
    from simulator.github.issue import Issue
    from simulator.github.planning import User

ProjectFieldType = Literal["single_select", "number", "text", "date"]


@dataclass(eq=False, kw_only=True)
class Project:
    """A project of the hub's organisation."""

    hub: GitHub
    id: int
    node_id: str
    number: int
    title: str
    items: list[ProjectItem] = field(default_factory=list)
    _fields: dict[str, str] = field(default_factory=dict)

    def add(self, issue: Issue) -> ProjectItem:
        """Put an issue or a pull request on the board."""
        with self.hub.changing() as now:
            id_, node_id = self.hub.new_id("PVTI")
            item = ProjectItem(
                project=self, id=id_, node_id=node_id, issue=issue, creator=self.hub.actor, created=now, updated=now
            )
            self.items.append(item)
            item.tell("created")
        return item

    def field_node_id(self, name: str) -> str:
        """Give the node id of a field of the board, which comes into being when it is first spoken of."""
        return self._fields.setdefault(name, self.hub.new_id("PVTF")[1])


@dataclass(eq=False, kw_only=True)
class ProjectItem:
    """An issue on a board, with the values of the board's fields."""

    project: Project
    id: int
    node_id: str
    issue: Issue
    creator: User
    created: datetime
    updated: datetime
    archived: datetime | None = None
    values: dict[str, Any] = field(default_factory=dict)

    def set(self, name: str, value: str | float | None, *, type: ProjectFieldType = "single_select") -> None:  # noqa: A002  GitHub's word
        """Give a field of the board a value, or none."""
        with self.project.hub.changing() as now:
            former = self.values.get(name)
            self.values[name] = _value(self.project, name, value, type)
            self.updated = now
            change = {
                "field_node_id": self.project.field_node_id(name),
                "field_type": type,
                "field_name": name,
                "project_number": self.project.number,
                "from": former,
                "to": self.values[name],
            }
            self.tell("edited", {"field_value": change})

    def archive(self) -> None:
        """Put it away, off the board."""
        with self.project.hub.changing() as now:
            self.archived = self.updated = now
            self.tell("archived", {"archived_at": {"from": None, "to": moment(now)}})

    def restore(self) -> None:
        """Put it back on the board."""
        with self.project.hub.changing() as now:
            former, self.archived, self.updated = self.archived, None, now
            self.tell("restored", {"archived_at": {"from": moment(former), "to": None}})

    def delete(self) -> None:
        """Take it off the board for good; the issue stays as it is."""
        with self.project.hub.changing():
            self.project.items.remove(self)
            self.tell("deleted")

    def tell(self, action: str, changes: Body | None = None) -> None:
        """Send the message for an action to the organisation's hooks."""
        hub = self.project.hub
        message = {
            "action": action,
            "projects_v2_item": _body(self),
            **({} if changes is None else {"changes": changes}),
        }
        hub.tell_organization("projects_v2_item", message, owner=hub.owner)


def _value(project: Project, name: str, value: str | float | None, kind: ProjectFieldType) -> Any:
    if value is None or kind != "single_select":
        return value
    option_id = project.hub.sha(f"{project.field_node_id(name)} {value}")[:8]
    return {"id": option_id, "name": value, "color": "GRAY", "description": ""}


def _body(item: ProjectItem) -> Body:
    return {
        "id": item.id,
        "node_id": item.node_id,
        "project_node_id": item.project.node_id,
        "content_node_id": item.issue.node_id,
        "content_type": "PullRequest" if isinstance(item.issue, PullRequest) else "Issue",
        "creator": user(item.creator, item.project.hub.site),
        "created_at": moment(item.created),
        "updated_at": moment(item.updated),
        "archived_at": moment(item.archived),
    }
