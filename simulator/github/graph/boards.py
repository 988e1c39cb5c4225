"""How projects and the items on their boards look by GraphQL.

Whoever may not read an organisation's projects gets an error in the place of each list of them.
https://docs.github.com/en/graphql/reference/objects#projectv2item
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from simulator.github.graph.answering import Asked, Info, Object, refusal

if TYPE_CHECKING:
    from simulator.github.issue import Issue
    from simulator.github.projects import Project, ProjectItem


def projects_of(asked: Asked) -> Callable[..., Object]:
    """Give the field that lists the organisation's projects."""

    def found(_arguments: Mapping[str, Any]) -> Sequence[Project]:
        _allow(asked)
        return asked.hub.projects

    return asked.connection("projectsV2", _project, found)


def items_of(asked: Asked, issue: Issue) -> Callable[..., Object]:
    """Give the field that lists the boards which an issue is on."""

    def found(arguments: Mapping[str, Any]) -> Sequence[ProjectItem]:
        _allow(asked)
        there = [item for project in asked.hub.projects for item in project.items if item.issue is issue]
        return [item for item in there if arguments["includeArchived"] or item.archived is None]

    return asked.connection("projectItems", _item, found)


def _allow(asked: Asked) -> None:
    if not asked.caller.may(("organization_projects", "read")):
        raise refusal("FORBIDDEN", asked.caller.refusal)


def _project(project: Project) -> Object:
    return {"__typename": "ProjectV2", "id": project.node_id, "number": project.number, "title": project.title}


def _item(item: ProjectItem) -> Object:
    def value(_info: Info, *, name: str) -> Object | None:
        return _value(item.project.field_node_id(name), item.values.get(name))

    return {
        "__typename": "ProjectV2Item",
        "id": item.node_id,
        "isArchived": item.archived is not None,
        "project": _project(item.project),
        "fieldValueByName": value,
    }


def _value(field: str, value: Any) -> Object | None:
    if value is None:
        return None
    node = {"id": field.replace("PVTF", "PVTFV")}
    if isinstance(value, int | float):
        return {"__typename": "ProjectV2ItemFieldNumberValue", "number": value, **node}
    if isinstance(value, str):
        return {"__typename": "ProjectV2ItemFieldTextValue", "text": value, **node}
    return {"__typename": "ProjectV2ItemFieldSingleSelectValue", "name": value["name"], **node}
