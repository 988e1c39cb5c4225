"""Projects: boards of issues with fields of their own; only the organisation's hooks get their webhooks.

https://docs.github.com/en/webhooks/webhook-events-and-payloads#projects_v2_item
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from simulator.github.model.accounts import User
from simulator.github.model.host import Host
from simulator.github.model.issue import Issue
from simulator.github.model.timeline import STATUS_CHANGED

STATUS = "Status"
"""The field that every board has."""

ITERATION_START = "2026-11-02"
"""The first day of every iteration."""

ProjectFieldType = Literal["single_select", "number", "text", "date", "iteration"]


@dataclass(eq=False, kw_only=True)
class Project:
    """A project of the hub's organisation."""

    hub: Host
    id: int
    node_id: str
    number: int
    title: str
    items: list[ProjectItem] = field(default_factory=list)
    types: dict[str, ProjectFieldType] = field(default_factory=dict)
    _fields: dict[str, str] = field(default_factory=dict)

    def add(self, issue: Issue) -> ProjectItem:
        """Put an issue or a pull request on the board."""
        with self.hub.changing() as now:
            id_, node_id = self.hub.new_id("PVTI")
            item = ProjectItem(
                project=self, id=id_, node_id=node_id, issue=issue, creator=self.hub.actor, created=now, updated=now
            )
            self.items.append(item)
            item.emit("created")
        return item

    def field_node_id(self, name: str) -> str:
        """Return the node id of a field of the board, which is created on its first use."""
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
        """Set or clear a field of the board."""
        with self.project.hub.changing() as now:
            former = self.values.get(name)
            self.project.types[name] = type
            self.values[name] = _value(self.project, name, value, type)
            self.updated = now
            if name == STATUS and type == "single_select":
                words = {"status": _name(self.values[name]), "former_status": _name(former)}
                self.issue.record(STATUS_CHANGED, now, **words)
            change = {
                "field_node_id": self.project.field_node_id(name),
                "field_type": type,
                "field_name": name,
                "project_number": self.project.number,
                "from": former,
                "to": self.values[name],
            }
            self.emit("edited", {"field_value": change})

    def archive(self) -> None:
        """Archive it."""
        with self.project.hub.changing() as now:
            self.archived = self.updated = now
            self.emit("archived", {"archived_at": {"from": None, "to": now}})

    def restore(self) -> None:
        """Restore it from the archive."""
        with self.project.hub.changing() as now:
            former, self.archived, self.updated = self.archived, None, now
            self.emit("restored", {"archived_at": {"from": former, "to": None}})

    def delete(self) -> None:
        """Take it off the board for good; the issue stays as it is."""
        with self.project.hub.changing():
            self.project.items.remove(self)
            self.emit("deleted")

    def emit(self, action: str, changes: Mapping[str, object] | None = None) -> None:
        """Send the webhook of an action to the organisation's hooks."""
        hub = self.project.hub
        message = {
            "action": action,
            "projects_v2_item": self,
            **({} if changes is None else {"changes": changes}),
        }
        hub.emit_to_organization("projects_v2_item", message, owner=hub.owner)


def _name(value: Any) -> str:
    return "" if value is None else str(value["name"])


def _value(project: Project, name: str, value: str | float | None, kind: ProjectFieldType) -> Any:
    if value is None or kind not in ("single_select", "iteration"):
        return value
    if kind == "iteration":
        named = {"id": project.hub.sha(f"{name} {value}")[:8], "title": value}
        return {**named, "start_date": ITERATION_START, "duration": 14}
    option_id = project.hub.sha(f"{project.field_node_id(name)} {value}")[:8]
    return {"id": option_id, "name": value, "color": "GRAY", "description": ""}
