"""Projects: one by id or key, all on Data Center, a page of them on Cloud."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.wrappers import Request, Response

from simulator.jira.json import Json, project_json
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

_MAX_PAGE = 100


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls about projects."""
    if site.data_center:
        return {
            ("GET", "/rest/api/2/project/<id_or_key>"): _project_view(site),
            ("GET", "/rest/api/2/project"): lambda _request: json_response(_projects(site)),
        }
    return {
        ("GET", "/rest/api/2/project/<id_or_key>"): _project_view(site),
        ("GET", "/rest/api/3/project/<id_or_key>"): _project_view(site),
        ("GET", "/rest/api/3/project/search"): lambda request: _project_page(site, request),
    }


def _project_view(site: JiraSite) -> View:
    def view(_request: Request, id_or_key: str) -> Response:
        with site.reading():
            found = site.find_project(id_or_key)
            if found is None:
                return problem(404, f"No project could be found with key '{id_or_key}'.")
            return json_response({**project_json(found), "style": "classic", "isPrivate": False, "properties": {}})

    return view


def _projects(site: JiraSite) -> list[Json]:
    """Write all projects, in the order of their keys."""
    with site.reading():
        placed = sorted(site.projects, key=lambda project: project.key)
        return [project_json(project) for project in placed]


def _project_page(site: JiraSite, request: Request) -> Response:
    """Answer a page of projects.

    https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-projects/#api-rest-api-3-project-search-get
    """
    start = max(request.args.get("startAt", 0, type=int), 0)
    size = min(max(request.args.get("maxResults", 50, type=int), 1), _MAX_PAGE)
    found = _projects(site)
    shown = found[start : start + size]
    last = start + size >= len(found)
    return json_response(
        {"maxResults": size, "startAt": start, "total": len(found), "isLast": last, "values": shown},
    )
