"""Issues: one by id or key, or up to 100 in one call on Cloud; and the page of an issue for people."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request, Response

from simulator.html_pages import not_found_page, page
from simulator.jira.json import Json, issue_json
from simulator.jira.model.issue import Issue
from simulator.jira.query.fields import field_names
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

_MAX_BULK = 100


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls that read issues."""
    versions = (2,) if site.data_center else (2, 3)
    calls: dict[tuple[str, str], View] = {
        ("GET", f"/rest/api/{version}/issue/<id_or_key>"): _issue_view(site, version) for version in versions
    }
    if not site.data_center:
        calls["POST", "/rest/api/3/issue/bulkfetch"] = _bulk_view(site)
    return calls


def pages(site: JiraSite) -> Mapping[str, View]:
    """Return the pages for people: one for each issue."""

    def shown(_request: Request, key: str) -> Response:
        with site.reading():
            found = site.find(key)
            if found is None:
                return not_found_page()
            lines = {
                "Type": found.type.name,
                "Status": found.status.name,
                "Resolution": found.resolution.name if found.resolution else "",
                "Labels": ", ".join(found.labels),
                "Assignee": found.assignee.display_name if found.assignee else "",
            }
            return page(f"{found.summary} · {found.key}", lines)

    return {"/browse/<key>": shown}


def chosen(issue: Issue, *, version: int, requested: list[str]) -> Json:
    """Write an issue with the fields that a caller wants; `-name` leaves one out."""
    body = {"expand": "renderedFields,names,schema", **issue_json(issue, version=version)}
    dropped = {name.removeprefix("-") for name in requested if name.startswith("-")}
    included = {name for name in requested if not name.startswith("-")}
    everything = not included or included & {"*all", "*navigable"}
    fields = {
        name: value
        for name, value in body["fields"].items()
        if name not in dropped and (everything or name in included)
    }
    return {**body, "fields": fields}


def _issue_view(site: JiraSite, version: int) -> View:
    def view(request: Request, id_or_key: str) -> Response:
        with site.reading():
            found = site.find_visible(id_or_key)
            if found is None:
                return problem(404)
            body = chosen(found, version=version, requested=request.args.get("fields", "*all").split(","))
            if "names" in request.args.get("expand", "").split(","):
                body["names"] = field_names(site, body)
            return json_response(body)

    return view


def _bulk_view(site: JiraSite) -> View:
    def view(request: Request) -> Response:
        try:
            payload = request.get_json()
        except BadRequest:
            return problem(400, "Invalid request payload.")
        names = payload.get("issueIdsOrKeys") if isinstance(payload, dict) else None
        if not isinstance(names, list) or not 0 < len(names) <= _MAX_BULK:
            return problem(400, f"issueIdsOrKeys takes 1 to {_MAX_BULK} ids or keys.")
        requested = payload.get("fields") or ["*navigable"]
        with site.reading():
            found = {issue.id: issue for name in names if (issue := site.find_visible(str(name))) is not None}
            failing = [found.pop(id_) for id_ in site.failing_ids & found.keys()]
            bodies = [chosen(found[id_], version=3, requested=requested) for id_ in sorted(found, key=int)]
            if "names" in (payload.get("expand") or ()):
                bodies = [{**body, "names": field_names(site, body)} for body in bodies]
            errors = [
                {"id": issue.id, "errorMessage": "The issue could not be loaded. Try again."} for issue in failing
            ]
        return json_response({"issues": bodies, "issueErrors": errors})

    return view
