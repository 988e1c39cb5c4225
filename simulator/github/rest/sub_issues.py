"""Calls about sub-issues, issue fields and issue types.

https://docs.github.com/en/rest/issues/sub-issues
"""

from __future__ import annotations

from functools import partial

from werkzeug.wrappers import Request, Response

from simulator.github.json.common import issue_type_json
from simulator.github.json.fields import field_json, value_json
from simulator.github.json.issues import issue_api_url, issue_details_json, issue_json
from simulator.github.model.accounts import User
from simulator.github.model.issue import Issue
from simulator.github.rest.request.pagination import paginate
from simulator.github.rest.request.permissions import Right, caller
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.repository_routes import Views, issue_route, organization_route
from simulator.github.rest.request.versions import for_api_version
from simulator.github.state import GitHubState
from simulator.rest_server import json_response

_READ: tuple[Right, ...] = (("issues", "read"),)
_WRITE: tuple[Right, ...] = (("issues", "write"),)
_TYPES: tuple[Right, ...] = (("issue_types", "read"),)
_FIELDS: tuple[Right, ...] = (("issue_fields", "read"),)


def views(hub: GitHubState) -> Views:
    """Return the calls about sub-issues, issue fields and issue types."""

    def types(_request: Request, _owner: User) -> Response:
        return json_response([issue_type_json(kind) for kind in hub.issue_types])

    def fields(_request: Request, _owner: User) -> Response:
        return json_response([field_json(field) for field in hub.issue_fields])

    return {
        **issue_route(hub, "GET", "/parent", _parent, needs=_READ),
        **issue_route(hub, "GET", "/sub_issues", _sub_issues, needs=_READ, follows=False),
        **issue_route(hub, "POST", "/sub_issues", partial(_add, hub), needs=_WRITE, follows=False),
        **issue_route(hub, "DELETE", "/sub_issue", partial(_remove, hub), needs=_WRITE, follows=False),
        **issue_route(hub, "GET", "/issue-field-values", _values, needs=_READ),
        **organization_route(hub, "GET", "/issue-types", types, needs=_TYPES),
        **organization_route(hub, "GET", "/issue-fields", fields, needs=_FIELDS),
    }


def _parent(request: Request, issue: Issue) -> Response:
    if issue.parent is None or not caller(request).can_see(issue.parent.repository):
        return problem(404)
    return json_response(for_api_version(request, issue_json(issue.parent)))


def _sub_issues(request: Request, issue: Issue) -> Response:
    visible = [each for each in issue.sub_issues if caller(request).can_see(each.repository)]
    shown, headers = paginate(visible, f"{issue_api_url(issue)}/sub_issues", request)
    return json_response([for_api_version(request, issue_json(each)) for each in shown], headers=headers)


def _add(hub: GitHubState, request: Request, issue: Issue) -> Response:
    payload = request.get_json(force=True)
    child = _child(hub, request)
    if child is None:
        return problem(404)
    try:
        issue.add_sub_issue(child, replace=payload.get("replace_parent", False))
    except ValueError as error:
        return problem(422, str(error))
    return json_response(for_api_version(request, issue_details_json(issue)), status=201)


def _remove(hub: GitHubState, request: Request, issue: Issue) -> Response:
    child = _child(hub, request)
    if child is None:
        return problem(404)
    try:
        issue.remove_sub_issue(child)
    except ValueError as error:
        return problem(400, str(error))
    return json_response(for_api_version(request, issue_details_json(issue)))


def _values(request: Request, issue: Issue) -> Response:
    written = [value_json(field, value) for field, value in issue.fields.items()]
    shown, headers = paginate(written, f"{issue_api_url(issue)}/issue-field-values", request)
    return json_response(shown, headers=headers)


def _child(hub: GitHubState, request: Request) -> Issue | None:
    """Return the issue that a call names by its id, if the caller can see it."""
    found = hub.find_issue(request.get_json(force=True).get("sub_issue_id", 0))
    return found if found is not None and caller(request).can_see(found.repository) else None
