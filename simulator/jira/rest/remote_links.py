"""Calls about remote links: create or replace by global id, list, delete.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links/
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from simulator.jira.json import Json
from simulator.jira.model.issue import Issue
from simulator.jira.remote_links import RemoteLink
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

LONGEST_GLOBAL_ID = 255
MOST_LINKS = 2000


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls."""
    calls: dict[tuple[str, str], View] = {}
    for version in (2,) if site.data_center else (2, 3):
        path = f"/rest/api/{version}/issue/<id_or_key>/remotelink"
        calls["GET", path] = _within(site, _listed, version)
        calls["POST", path] = _within(site, _put, version)
        calls["DELETE", path] = _within(site, _removed, version)
    return calls


def _within(site: JiraSite, view: Any, version: int) -> View:
    """Answer about a visible issue; changes need a permission, and credentials that may write."""

    def answer(request: Request, id_or_key: str) -> Response:
        changes = request.method != "GET"
        if changes and site.remote_links.read_only:
            return json_response({"code": 401, "message": "Unauthorized; scope does not match"}, status=401)
        with site.changing() if changes else site.reading():
            issue = site.find_visible(id_or_key)
            if issue is None:
                return problem(404, "Issue does not exist or you do not have permission to see it.")
            if changes and "LINK_ISSUES" in site.denied:
                return problem(403, "No Link Issue Permission for issue.")
            answered: Response = view(site, issue, request, version)
            if changes and site.remote_links.sends_webhooks and answered.status_code < 300:
                issue.updated = site.clock()
                item = {"field": "RemoteIssueLink", "fieldtype": "jira", "to": "1", "toString": "a link"}
                issue.emit("jira:issue_updated", type_name="issue_updated", items=[item])
            return answered

    return answer


def _listed(site: JiraSite, issue: Issue, request: Request, version: int) -> Response:
    global_id = request.args.get("globalId")
    if global_id is None:
        return json_response([_body(site, issue, link, version) for link in site.remote_links.of(issue)])
    found = site.remote_links.find(issue, global_id)
    if found is None:
        return problem(404, "No remote link is found with that global id.")
    return json_response(_body(site, issue, found, version))


def _put(site: JiraSite, issue: Issue, request: Request, version: int) -> Response:
    try:
        payload = request.get_json()
    except (BadRequest, UnsupportedMediaType):
        return problem(400, "Invalid request payload.")
    wrong = _wrong(payload)
    if wrong:
        return problem(400, wrong)
    if len(site.remote_links.of(issue)) >= MOST_LINKS:
        return problem(413, "The issue has too many remote links.")
    link, is_new = site.remote_links.put(issue, payload)
    return json_response({"id": link.id, "self": _address(site, issue, link, version)}, status=201 if is_new else 200)


def _removed(site: JiraSite, issue: Issue, request: Request, _version: int) -> Response:
    global_id = request.args.get("globalId")
    if not global_id:
        return problem(400, "A globalId is required.")
    found = site.remote_links.find(issue, global_id)
    if found is None:
        return problem(404, "No remote link is found with that global id.")
    site.remote_links.of(issue).remove(found)
    return Response(status=204)


def _wrong(payload: Any) -> str:
    content = payload.get("object") if isinstance(payload, dict) else None
    if not isinstance(content, dict) or not content.get("url") or not content.get("title"):
        return "'object' with 'url' and 'title' is required."
    if not str(content["url"]).startswith(("http://", "https://")):
        return "'url' is not a valid URI."
    if len(content["title"]) > LONGEST_GLOBAL_ID or len(payload.get("globalId") or "") > LONGEST_GLOBAL_ID:
        return f"'title' and 'globalId' have {LONGEST_GLOBAL_ID} characters at most."
    return ""


def _body(site: JiraSite, issue: Issue, link: RemoteLink, version: int) -> Json:
    """Write a link; what is empty is left out."""
    kept = {name: value for name, value in link.body.items() if value is not None}
    return {"id": link.id, "self": _address(site, issue, link, version), **kept}


def _address(site: JiraSite, issue: Issue, link: RemoteLink, version: int) -> str:
    return f"{site.url}/rest/api/{version}/issue/{issue.id}/remotelink/{link.id}"
