"""What the simulated Jira tells of itself to whoever examines a connection: permissions, resolutions.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions/#api-rest-api-3-mypermissions-get
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-resolutions/#api-rest-api-3-resolution-get
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.jira.vocabulary import RESOLUTIONS
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.jira.bodies import Body
    from simulator.jira.site import Jira

_PERMISSIONS = {
    "BROWSE_PROJECTS": ("10", "Browse Projects", "PROJECT"),
    "ADD_COMMENTS": ("15", "Add Comments", "PROJECT"),
    "EDIT_OWN_COMMENTS": ("37", "Edit Own Comments", "PROJECT"),
    "LINK_ISSUES": ("21", "Link Issues", "PROJECT"),
    "ADMINISTER": ("0", "Administer Jira", "GLOBAL"),
}


def views(site: Jira) -> Mapping[tuple[str, str], View]:
    """Give the calls that are answered."""
    calls: dict[tuple[str, str], View] = {}
    for version in (2,) if site.data_center else (2, 3):
        calls["GET", f"/rest/api/{version}/mypermissions"] = lambda request: _permissions(site, request)
        calls["GET", f"/rest/api/{version}/resolution"] = lambda _request, at=version: _resolutions(site, at)
    return calls


def _permissions(site: Jira, request: Request) -> Response:
    """Tell whether the caller has permissions; Cloud has to be asked for each, Data Center tells all it knows."""
    asked = request.args.get("permissions", "")
    wanted = list(_PERMISSIONS) if site.data_center else [name for name in asked.split(",") if name]
    if not wanted or not set(wanted) <= set(_PERMISSIONS):
        return _problem(400, "The 'permissions' query parameter is required, with keys of permissions.")
    key = request.args.get("projectKey")
    with site.reading():
        if key is not None and site.find_project(key) is None:
            return _problem(404, f"No project could be found with key '{key}'.")
    return json_answer({"permissions": {name: _permission(site, name) for name in wanted}})


def _permission(site: Jira, key: str) -> Body:
    id_, name, kind = _PERMISSIONS[key]
    has = site.is_admin if key == "ADMINISTER" else key not in site.denied
    return {"id": id_, "key": key, "name": name, "type": kind, "description": name, "havePermission": has}


def _resolutions(site: Jira, version: int) -> Response:
    base = f"{site.url}/rest/api/{version}/resolution"
    return json_answer(
        [{"self": f"{base}/{one.id}", "id": one.id, "name": one.name, "description": one.name} for one in RESOLUTIONS]
    )


def _problem(status: int, message: str) -> Response:
    return json_answer({"errorMessages": [message], "errors": {}}, status=status)
