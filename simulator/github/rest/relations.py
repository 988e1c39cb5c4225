"""Sub-issues, fields and types: what ties an issue to others and to its organisation.

https://docs.github.com/en/rest/issues/sub-issues
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.bodies import issue_type
from simulator.github.fields import field_body, value_body
from simulator.github.rest.callers import Right, caller
from simulator.github.rest.paging import page_of
from simulator.github.rest.places import Views, at_issue, at_organization
from simulator.github.rest.problems import problem
from simulator.github.rest.versions import dated
from simulator.github.work import issue_answer, issue_api, issue_body
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.hub import GitHub
    from simulator.github.issue import Issue
    from simulator.github.planning import User

_READ: tuple[Right, ...] = (("issues", "read"),)
_WRITE: tuple[Right, ...] = (("issues", "write"),)
_TYPES: tuple[Right, ...] = (("issue_types", "read"),)
_FIELDS: tuple[Right, ...] = (("issue_fields", "read"),)


def views(hub: GitHub) -> Views:
    """Give the calls about what issues are tied to."""

    def types(_request: Request, _owner: User) -> Response:
        return json_answer([issue_type(kind) for kind in hub.issue_types])

    def fields(_request: Request, _owner: User) -> Response:
        return json_answer([field_body(field) for field in hub.issue_fields])

    return {
        **at_issue(hub, "GET", "/parent", _parent, needs=_READ),
        **at_issue(hub, "GET", "/sub_issues", _sub_issues, needs=_READ, follows=False),
        **at_issue(hub, "POST", "/sub_issues", _add, needs=_WRITE, follows=False),
        **at_issue(hub, "DELETE", "/sub_issue", _remove, needs=_WRITE, follows=False),
        **at_issue(hub, "GET", "/issue-field-values", _values, needs=_READ),
        **at_organization(hub, "GET", "/issue-types", types, needs=_TYPES),
        **at_organization(hub, "GET", "/issue-fields", fields, needs=_FIELDS),
    }


def _parent(request: Request, issue: Issue) -> Response:
    if issue.parent is None or not caller(request).sees(issue.parent.repository):
        return problem(404)
    return json_answer(dated(request, issue_body(issue.parent)))


def _sub_issues(request: Request, issue: Issue) -> Response:
    visible = [each for each in issue.sub_issues if caller(request).sees(each.repository)]
    shown, headers = page_of(visible, f"{issue_api(issue)}/sub_issues", request)
    return json_answer([dated(request, issue_body(each)) for each in shown], headers=headers)


def _add(request: Request, issue: Issue) -> Response:
    asked = request.get_json(force=True)
    child = _child(issue.repository.hub, request)
    if child is None:
        return problem(404)
    try:
        issue.add_sub_issue(child, replace=asked.get("replace_parent", False))
    except ValueError as error:
        return problem(422, str(error))
    return json_answer(dated(request, issue_answer(issue)), status=201)


def _remove(request: Request, issue: Issue) -> Response:
    child = _child(issue.repository.hub, request)
    if child is None:
        return problem(404)
    try:
        issue.remove_sub_issue(child)
    except ValueError as error:
        return problem(400, str(error))
    return json_answer(dated(request, issue_answer(issue)))


def _values(request: Request, issue: Issue) -> Response:
    written = [value_body(field, value) for field, value in issue.fields.items()]
    shown, headers = page_of(written, f"{issue_api(issue)}/issue-field-values", request)
    return json_answer(shown, headers=headers)


def _child(hub: GitHub, request: Request) -> Issue | None:
    """Give the issue that a call names by its id, if the caller can see it."""
    found = hub.find_issue(request.get_json(force=True).get("sub_issue_id", 0))
    return found if found is not None and caller(request).sees(found.repository) else None
