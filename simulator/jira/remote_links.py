"""Remote links on the simulated Jira's issues: made and changed by their global id, listed, and taken away.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links/
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.jira.bodies import Body
    from simulator.jira.issue import Issue
    from simulator.jira.site import Jira

LONGEST_GLOBAL_ID = 255
MOST_LINKS = 2000
_PARTS = ("globalId", "application", "relationship", "object")


@dataclass(eq=False, kw_only=True)
class RemoteLink:
    """A link to something outside. `body` is as it was sent: what was left out is empty."""

    id: int
    global_id: str | None
    body: Body


@dataclass(eq=False)
class RemoteLinks:
    """The remote links of one site, by the ids of their issues. `readable` alone: credentials that may not write.

    Whether Jira tells of them by webhook is not documented; with `told` it tells of an updated issue.
    """

    by_issue: dict[str, list[RemoteLink]] = field(default_factory=dict)
    readable: bool = False
    told: bool = False
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(10_000))

    def of(self, issue: Issue) -> list[RemoteLink]:
        """Give an issue's links, oldest first."""
        return self.by_issue.setdefault(issue.id, [])

    def named(self, issue: Issue, global_id: str) -> RemoteLink | None:
        """Give the link of that global id."""
        return next((link for link in self.of(issue) if link.global_id == global_id), None)

    def put(self, issue: Issue, asked: Mapping[str, Any]) -> tuple[RemoteLink, bool]:
        """Make a link, or replace the one of the same global id; tell whether it is new."""
        body, global_id = {name: asked.get(name) for name in _PARTS}, asked.get("globalId")
        known = self.named(issue, global_id) if global_id else None
        if known is not None:
            known.body = body
            return known, False
        made = RemoteLink(id=next(self._ids), global_id=global_id, body=body)
        self.of(issue).append(made)
        return made, True


def views(site: Jira) -> Mapping[tuple[str, str], View]:
    """Give the calls that are answered."""
    calls: dict[tuple[str, str], View] = {}
    for version in (2,) if site.data_center else (2, 3):
        path = f"/rest/api/{version}/issue/<id_or_key>/remotelink"
        calls["GET", path] = _within(site, _listed, version)
        calls["POST", path] = _within(site, _put, version)
        calls["DELETE", path] = _within(site, _removed, version)
    return calls


def _within(site: Jira, view: Any, version: int) -> View:
    """Answer about an issue that may be seen; links are changed by who may, and credentials that may."""

    def answer(request: Request, id_or_key: str) -> Response:
        changes = request.method != "GET"
        if changes and site.remote_links.readable:
            return json_answer({"code": 401, "message": "Unauthorized; scope does not match"}, status=401)
        with site.changing() if changes else site.reading():
            issue = site.find_visible(id_or_key)
            if issue is None:
                return _problem(404, "Issue does not exist or you do not have permission to see it.")
            if changes and "LINK_ISSUES" in site.denied:
                return _problem(403, "No Link Issue Permission for issue.")
            answered: Response = view(site, issue, request, version)
            if changes and site.remote_links.told and answered.status_code < 300:
                issue.updated = site.clock()
                item = {"field": "RemoteIssueLink", "fieldtype": "jira", "to": "1", "toString": "a link"}
                issue.tell("jira:issue_updated", type_name="issue_updated", items=[item])
            return answered

    return answer


def _listed(site: Jira, issue: Issue, request: Request, version: int) -> Response:
    global_id = request.args.get("globalId")
    if global_id is None:
        return json_answer([_body(site, issue, link, version) for link in site.remote_links.of(issue)])
    found = site.remote_links.named(issue, global_id)
    if found is None:
        return _problem(404, "No remote link is found with that global id.")
    return json_answer(_body(site, issue, found, version))


def _put(site: Jira, issue: Issue, request: Request, version: int) -> Response:
    try:
        asked = request.get_json()
    except (BadRequest, UnsupportedMediaType):
        return _problem(400, "Invalid request payload.")
    wrong = _wrong(asked)
    if wrong:
        return _problem(400, wrong)
    if len(site.remote_links.of(issue)) >= MOST_LINKS:
        return _problem(413, "The issue has too many remote links.")
    link, is_new = site.remote_links.put(issue, asked)
    return json_answer({"id": link.id, "self": _address(site, issue, link, version)}, status=201 if is_new else 200)


def _removed(site: Jira, issue: Issue, request: Request, _version: int) -> Response:
    global_id = request.args.get("globalId")
    if not global_id:
        return _problem(400, "A globalId is required.")
    found = site.remote_links.named(issue, global_id)
    if found is None:
        return _problem(404, "No remote link is found with that global id.")
    site.remote_links.of(issue).remove(found)
    return Response(status=204)


def _wrong(asked: Any) -> str:
    held = asked.get("object") if isinstance(asked, dict) else None
    if not isinstance(held, dict) or not held.get("url") or not held.get("title"):
        return "'object' with 'url' and 'title' is required."
    if not str(held["url"]).startswith(("http://", "https://")):
        return "'url' is not a valid URI."
    if len(held["title"]) > LONGEST_GLOBAL_ID or len(asked.get("globalId") or "") > LONGEST_GLOBAL_ID:
        return f"'title' and 'globalId' have {LONGEST_GLOBAL_ID} characters at most."
    return ""


def _body(site: Jira, issue: Issue, link: RemoteLink, version: int) -> Body:
    """Write a link; what is empty is left out."""
    kept = {name: value for name, value in link.body.items() if value is not None}
    return {"id": link.id, "self": _address(site, issue, link, version), **kept}


def _address(site: Jira, issue: Issue, link: RemoteLink, version: int) -> str:
    return f"{site.url}/rest/api/{version}/issue/{issue.id}/remotelink/{link.id}"


def _problem(status: int, message: str) -> Response:
    return json_answer({"errorMessages": [message], "errors": {}}, status=status)
