"""What the simulated Jira answers to REST calls.

Cloud: https://developer.atlassian.com/cloud/jira/platform/rest/v3/, with an e-mail address and a token by basic
authentication. Data Center has version 2 alone, with a personal access token as bearer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request, Response

from simulator.jira import admin_views, comment_views, hook_views, jql_views, remote_links, search_views, site_views
from simulator.jira.bodies import EPIC_LINK_ID, Body, issue_body, moment, project_body, user_body
from simulator.jira.plans import SPRINT_ID, SPRINT_TYPE
from simulator.pages import no_page, page
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.jira.issue import Issue
    from simulator.jira.site import Jira

_MESSAGES = {
    401: "Client must be authenticated to access this resource.",
    404: "Issue does not exist or you do not have permission to see it.",
    429: "Rate limit exceeded.",
    500: "Internal server error",
}
_MOST_AT_ONCE = 100
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


def problem(status: int, message: str = "") -> Response:
    """Answer an error as Jira words it."""
    text = message or _MESSAGES.get(status, "Error")
    return json_answer({"errorMessages": [text], "errors": {}}, status=status)


def admit(site: Jira, request: Request) -> Response | None:
    """Refuse who has not the right credentials."""
    given = request.authorization
    if given is None:
        return problem(401)
    if site.data_center:
        right = given.type == "bearer" and given.token == site.token
    else:
        right = given.type == "basic" and (given.username, given.password) == (site.email, site.token)
    return None if right else problem(401)


def views(site: Jira) -> Mapping[tuple[str, str], View]:
    """Give the calls that are answered."""
    calls: dict[tuple[str, str], View] = {}
    for version in (2,) if site.data_center else (2, 3):
        base = f"/rest/api/{version}"
        calls["GET", f"{base}/issue/<id_or_key>"] = _issue_view(site, version)
        calls["GET", f"{base}/field"] = lambda _request: json_answer(fields_of(site))
        calls["GET", f"{base}/myself"] = lambda _request: json_answer(_myself(site))
        calls["GET", f"{base}/serverInfo"] = lambda _request: json_answer(_server(site))
        calls["GET", f"{base}/project/<id_or_key>"] = _project_view(site)
    if site.data_center:
        calls["GET", "/rest/api/2/project"] = lambda _request: json_answer(_projects(site))
    else:
        calls["GET", "/rest/api/3/project/search"] = lambda request: _project_page(site, request)
        calls["POST", "/rest/api/3/issue/bulkfetch"] = _bulk_view(site)
    views = (search_views, jql_views, hook_views, admin_views, site_views, remote_links, comment_views)
    calls |= {way: view for part in views for way, view in part.views(site).items()}
    return calls


def pages(site: Jira) -> Mapping[str, View]:
    """Give the pages for people: one for each issue."""

    def shown(_request: Request, key: str) -> Response:
        with site.reading():
            found = site.find(key)
            if found is None:
                return no_page()
            lines = {
                "Type": found.type.name,
                "Status": found.status.name,
                "Resolution": found.resolution.name if found.resolution else "",
                "Labels": ", ".join(found.labels),
                "Assignee": found.assignee.display_name if found.assignee else "",
            }
            return page(f"{found.summary} · {found.key}", lines)

    return {"/browse/<key>": shown}


def _project_view(site: Jira) -> View:
    def view(_request: Request, id_or_key: str) -> Response:
        with site.reading():
            found = site.find_project(id_or_key)
            if found is None:
                return problem(404, f"No project could be found with key '{id_or_key}'.")
            return json_answer({**project_body(found), "style": "classic", "isPrivate": False, "properties": {}})

    return view


def _server(site: Jira) -> Body:
    kind, version = "Server" if site.data_center else "Cloud", site.version
    return {
        "baseUrl": site.url,
        "version": version,
        "versionNumbers": [int(part) for part in version.partition("-")[0].split(".")],
        "deploymentType": kind,
        "buildNumber": 100_285,
        "buildDate": "2026-11-02T00:00:00.000+0000",
        "serverTime": moment(site.clock()),
        "scmInfo": "simulated",
        "serverTitle": "Jira",
    }


def _issue_view(site: Jira, version: int) -> View:
    def view(request: Request, id_or_key: str) -> Response:
        with site.reading():
            found = site.find_visible(id_or_key)
            if found is None:
                return problem(404)
            body = chosen(found, version=version, wanted=request.args.get("fields", "*all").split(","))
            if "names" in request.args.get("expand", "").split(","):
                body["names"] = names_of(site, body)
            return json_answer(body)

    return view


def _bulk_view(site: Jira) -> View:
    def view(request: Request) -> Response:
        try:
            asked = request.get_json()
        except BadRequest:
            return problem(400, "Invalid request payload.")
        names = asked.get("issueIdsOrKeys") if isinstance(asked, dict) else None
        if not isinstance(names, list) or not 0 < len(names) <= _MOST_AT_ONCE:
            return problem(400, f"issueIdsOrKeys takes 1 to {_MOST_AT_ONCE} ids or keys.")
        wanted = asked.get("fields") or ["*navigable"]
        with site.reading():
            found = {issue.id: issue for name in names if (issue := site.find_visible(str(name))) is not None}
            failing = [found.pop(id_) for id_ in site.failing_ids & found.keys()]
            bodies = [chosen(found[id_], version=3, wanted=wanted) for id_ in sorted(found, key=int)]
            if "names" in (asked.get("expand") or ()):
                bodies = [{**body, "names": names_of(site, body)} for body in bodies]
            errors = [
                {"id": issue.id, "errorMessage": "The issue could not be loaded. Try again."} for issue in failing
            ]
        return json_answer({"issues": bodies, "issueErrors": errors})

    return view


def chosen(issue: Issue, *, version: int, wanted: list[str]) -> Body:
    """Write an issue with the fields that a caller wants; `-name` leaves one out."""
    body = {"expand": "renderedFields,names,schema", **issue_body(issue, version=version)}
    dropped = {name.removeprefix("-") for name in wanted if name.startswith("-")}
    kept = {name for name in wanted if not name.startswith("-")}
    everything = not kept or kept & {"*all", "*navigable"}
    fields = {
        name: value for name, value in body["fields"].items() if name not in dropped and (everything or name in kept)
    }
    return {**body, "fields": fields}


def names_of(site: Jira, body: Body) -> dict[str, str]:
    """Give the names of an answer's fields, as `expand=names` asks for."""
    known = {field["id"]: field["name"] for field in fields_of(site)}
    return {id_: known.get(id_, id_.capitalize()) for id_ in body["fields"]}


def _projects(site: Jira) -> list[Body]:
    """Write all projects, in the order of their keys."""
    with site.reading():
        placed = sorted(site.projects, key=lambda project: project.key)
        return [project_body(project) for project in placed]


def _project_page(site: Jira, request: Request) -> Response:
    """Answer a page of projects.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get
    """
    start = max(request.args.get("startAt", 0, type=int), 0)
    size = min(max(request.args.get("maxResults", 50, type=int), 1), _MOST_AT_ONCE)
    found = _projects(site)
    shown = found[start : start + size]
    last = start + size >= len(found)
    return json_answer(
        {"maxResults": size, "startAt": start, "total": len(found), "isLast": last, "values": shown},
    )


def _myself(site: Jira) -> Body:
    body = user_body(site, site.bot)
    return {**body, "emailAddress": site.email, "locale": "en_GB"}


def fields_of(site: Jira) -> list[Body]:
    """Describe every field, as `/field` tells."""
    system = [_field(id_, name, {"type": kind, "system": id_}) for id_, (name, kind) in _SYSTEM_FIELDS.items()]
    points = {"type": "number", "custom": f"{_CUSTOM_TYPES}:float", "customId": _number(site.points_field_id)}
    sprint = {"type": "array", "items": "json", "custom": SPRINT_TYPE, "customId": _number(SPRINT_ID)}
    custom = [_field(site.points_field_id, site.points_field, points), _field(SPRINT_ID, "Sprint", sprint)]
    if site.data_center:
        epic_link = {"type": "any", "custom": _EPIC_LINK_TYPE, "customId": _number(EPIC_LINK_ID)}
        custom.append(_field(EPIC_LINK_ID, "Epic Link", epic_link))
    return system + custom


def _field(id_: str, name: str, schema: dict[str, Any]) -> Body:
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
