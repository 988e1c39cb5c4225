"""Resolve projects and their items as GraphQL objects.

A caller that may not read an organisation's projects gets an error for each list of them.
https://docs.github.com/en/graphql/reference/objects#projectv2item
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from simulator.github.graphql.execute import Info, Object, QueryContext, query_error
from simulator.github.json.common import moment
from simulator.github.model.issue import Issue
from simulator.github.model.projects import Project, ProjectItem
from simulator.github.model.timeline import STATUS_CHANGED, TimelineEvent


def projects_of(context: QueryContext) -> Callable[..., Object]:
    """Return the field that lists the organisation's projects."""

    def found(_arguments: Mapping[str, Any]) -> Sequence[Project]:
        _allow(context)
        return context.hub.projects

    return context.connection("projectsV2", _project, found)


def items_of(context: QueryContext, issue: Issue) -> Callable[..., Object]:
    """Return the field that lists the boards which an issue is on."""

    def found(arguments: Mapping[str, Any]) -> Sequence[ProjectItem]:
        _allow(context)
        there = [item for project in context.hub.projects for item in project.items if item.issue is issue]
        return [item for item in there if arguments["includeArchived"] or item.archived is None]

    return context.connection("projectItems", _item, found)


def statuses_of(context: QueryContext, issue: Issue) -> Callable[..., Object]:
    """Return the field that lists the changes of an issue's status on boards."""

    def found(_arguments: Mapping[str, Any]) -> Sequence[TimelineEvent]:
        _allow(context)
        return [event for event in issue.timeline if event.name == STATUS_CHANGED]

    return context.connection("timelineItems", _status, found)


def _status(event: TimelineEvent) -> Object:
    return {
        "__typename": "ProjectV2ItemStatusChangedEvent",
        "id": f"PVTISC_{event.id}",
        "createdAt": moment(event.at),
        "previousStatus": event.former_status or "",
        "status": event.status or "",
    }


def _allow(context: QueryContext) -> None:
    if not context.caller.has_permission(("organization_projects", "read")):
        raise query_error("FORBIDDEN", context.caller.refusal)


def _project(project: Project) -> Object:
    return {"__typename": "ProjectV2", "id": project.node_id, "number": project.number, "title": project.title}


def _item(item: ProjectItem) -> Object:
    def value(_info: Info, *, name: str) -> Object | None:
        return _value(item.project.field_node_id(name), item.values.get(name), item.project.types.get(name))

    return {
        "__typename": "ProjectV2Item",
        "id": item.node_id,
        "isArchived": item.archived is not None,
        "project": _project(item.project),
        "fieldValueByName": value,
    }


def _value(field: str, value: Any, kind: str | None) -> Object | None:
    if value is None:
        return None
    node = {"id": field.replace("PVTF", "PVTFV")}
    if isinstance(value, int | float):
        return {"__typename": "ProjectV2ItemFieldNumberValue", "number": value, **node}
    if kind == "date":
        return {"__typename": "ProjectV2ItemFieldDateValue", "date": value, **node}
    if kind == "iteration":
        iteration = {"title": value["title"], "startDate": value["start_date"]}
        return {"__typename": "ProjectV2ItemFieldIterationValue", **iteration, **node}
    if isinstance(value, str):
        return {"__typename": "ProjectV2ItemFieldTextValue", "text": value, **node}
    return {"__typename": "ProjectV2ItemFieldSingleSelectValue", "name": value["name"], **node}
