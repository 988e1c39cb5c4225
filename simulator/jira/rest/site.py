"""Calls about the site: fields, the caller, server version, permissions, resolutions.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-permissions/#api-rest-api-3-mypermissions-get
https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-resolutions/#api-rest-api-3-resolution-get
"""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.wrappers import Request, Response

from simulator.jira.json import Json, moment, status_json, user_json
from simulator.jira.model.site_defaults import RESOLUTIONS
from simulator.jira.query.fields import field_descriptions
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

_PERMISSIONS = {
    "BROWSE_PROJECTS": ("10", "Browse Projects", "PROJECT"),
    "ADD_COMMENTS": ("15", "Add Comments", "PROJECT"),
    "EDIT_OWN_COMMENTS": ("37", "Edit Own Comments", "PROJECT"),
    "LINK_ISSUES": ("21", "Link Issues", "PROJECT"),
    "ADMINISTER": ("0", "Administer Jira", "GLOBAL"),
}


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls."""
    calls: dict[tuple[str, str], View] = {}
    for version in (2,) if site.data_center else (2, 3):
        calls["GET", f"/rest/api/{version}/field"] = lambda _request: json_response(field_descriptions(site))
        calls["GET", f"/rest/api/{version}/status"] = lambda _request: _statuses(site)
        calls["GET", f"/rest/api/{version}/myself"] = lambda _request: json_response(_myself(site))
        calls["GET", f"/rest/api/{version}/serverInfo"] = lambda _request: json_response(_server(site))
        calls["GET", f"/rest/api/{version}/mypermissions"] = lambda request: _permissions(site, request)
        calls["GET", f"/rest/api/{version}/resolution"] = lambda _request, at=version: _resolutions(site, at)
    return calls


def _server(site: JiraSite) -> Json:
    kind, version = "Server" if site.data_center else "Cloud", site.version
    return {
        "baseUrl": site.url,
        "version": version,
        "versionNumbers": [int(number) for number in version.partition("-")[0].split(".")],
        "deploymentType": kind,
        "buildNumber": 100_285,
        "buildDate": "2026-11-02T00:00:00.000+0000",
        "serverTime": moment(site.clock()),
        "scmInfo": "simulated",
        "serverTitle": "Jira",
    }


def _myself(site: JiraSite) -> Json:
    body = user_json(site, site.bot)
    return {**body, "emailAddress": site.email, "locale": "en_GB"}


def _permissions(site: JiraSite, request: Request) -> Response:
    """Return whether the caller has permissions; Cloud needs the names, Data Center returns all by default."""
    params = request.args.get("permissions", "")
    requested = list(_PERMISSIONS) if site.data_center else [name for name in params.split(",") if name]
    if not requested or not set(requested) <= set(_PERMISSIONS):
        return problem(400, "The 'permissions' query parameter is required, with keys of permissions.")
    key = request.args.get("projectKey")
    with site.reading():
        if key is not None and site.find_project(key) is None:
            return problem(404, f"No project could be found with key '{key}'.")
    return json_response({"permissions": {name: _permission(site, name) for name in requested}})


def _permission(site: JiraSite, key: str) -> Json:
    id_, name, kind = _PERMISSIONS[key]
    has = site.is_admin if key == "ADMINISTER" else key not in site.denied
    return {"id": id_, "key": key, "name": name, "type": kind, "description": name, "havePermission": has}


def _statuses(site: JiraSite) -> Response:
    with site.reading():
        return json_response([status_json(site, one) for one in site.statuses])


def _resolutions(site: JiraSite, version: int) -> Response:
    base = f"{site.url}/rest/api/{version}/resolution"
    return json_response(
        [{"self": f"{base}/{one.id}", "id": one.id, "name": one.name, "description": one.name} for one in RESOLUTIONS]
    )
