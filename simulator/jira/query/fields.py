"""The fields of the site, as `GET /field` describes them and as queries name them."""

from __future__ import annotations

from typing import Any

from simulator.jira.json import EPIC_LINK_ID, Json
from simulator.jira.model.host import Host
from simulator.jira.model.sprints_and_versions import SPRINT_ID, SPRINT_TYPE

_SYSTEM_FIELDS = {
    "summary": ("Summary", "string"),
    "description": ("Description", "string"),
    "issuetype": ("Issue Type", "issuetype"),
    "project": ("Project", "project"),
    "status": ("Status", "status"),
    "resolution": ("Resolution", "resolution"),
    "resolutiondate": ("Resolved", "datetime"),
    "priority": ("Priority", "priority"),
    "labels": ("Labels", "array"),
    "components": ("Components", "array"),
    "assignee": ("Assignee", "user"),
    "reporter": ("Reporter", "user"),
    "created": ("Created", "datetime"),
    "updated": ("Updated", "datetime"),
}
_CUSTOM_TYPES = "com.atlassian.jira.plugin.system.customfieldtypes"
_EPIC_LINK_TYPE = "com.pyxis.greenhopper.jira:gh-epic-link"


def field_descriptions(site: Host) -> list[Json]:
    """Describe every field."""
    system = [_field(id_, name, {"type": kind, "system": id_}) for id_, (name, kind) in _SYSTEM_FIELDS.items()]
    points = {"type": "number", "custom": f"{_CUSTOM_TYPES}:float", "customId": _number(site.points_field_id)}
    sprint = {"type": "array", "items": "json", "custom": SPRINT_TYPE, "customId": _number(SPRINT_ID)}
    custom = [_field(site.points_field_id, site.points_field, points), _field(SPRINT_ID, "Sprint", sprint)]
    custom += [_field(one.id, one.name, one.schema) for one in site.custom_fields]
    if site.data_center:
        epic_link = {"type": "any", "custom": _EPIC_LINK_TYPE, "customId": _number(EPIC_LINK_ID)}
        custom.append(_field(EPIC_LINK_ID, "Epic Link", epic_link))
    return system + custom


def field_names(site: Host, body: Json) -> dict[str, str]:
    """Return the names of the fields of an issue's JSON, as `expand=names` asks for."""
    known = {field["id"]: field["name"] for field in field_descriptions(site)}
    return {id_: known.get(id_, id_.capitalize()) for id_ in body["fields"]}


def _field(id_: str, name: str, schema: dict[str, Any]) -> Json:
    custom = "custom" in schema
    return {
        "id": id_,
        "key": id_,
        "name": name,
        "custom": custom,
        "orderable": True,
        "navigable": True,
        "searchable": True,
        "clauseNames": [f"cf[{schema['customId']}]", name] if custom else [id_],
        "schema": schema,
    }


def _number(field_id: str) -> int:
    return int(field_id.removeprefix("customfield_"))
