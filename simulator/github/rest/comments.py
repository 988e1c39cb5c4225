"""Calls about comments and labels (https://docs.github.com/en/rest/issues/comments)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from werkzeug.wrappers import Request, Response

from simulator.github.json.common import label_json
from simulator.github.json.issues import comment_json, issue_api_url
from simulator.github.model.comment import Comment
from simulator.github.model.issue import Issue
from simulator.github.model.repository import Repository
from simulator.github.rest.request.pagination import paginate
from simulator.github.rest.request.permissions import Right, caller
from simulator.github.rest.request.problems import done, problem
from simulator.github.rest.request.repository_routes import READ_WORK, WRITE_WORK, Views, issue_route, repository_route
from simulator.github.state import GitHubState
from simulator.rest_server import json_response

_LONGEST = 65_536


def views(hub: GitHubState) -> Views:
    """Return the calls about comments and labels; after a transfer, comments answer 404 at the old URL."""

    def at_comment(
        method: str, view: Callable[[Request, Comment], Response], *, needs: tuple[Right, ...] = WRITE_WORK
    ) -> Views:
        def found(request: Request, repo: Repository, comment_id: int) -> Response:
            comments = (each for issue in repo.issues.loaded() for each in issue.comments)
            comment = next((each for each in comments if each.id == comment_id), None)
            return problem(404) if comment is None else view(request, comment)

        return repository_route(hub, method, "/issues/comments/<int:comment_id>", found, needs=needs)

    return {
        **issue_route(hub, "GET", "/comments", _listed, follows=False),
        **issue_route(hub, "POST", "/comments", _create, needs=WRITE_WORK, follows=False),
        **at_comment("GET", lambda _request, comment: json_response(comment_json(comment)), needs=READ_WORK),
        **at_comment("PATCH", _edit),
        **at_comment("DELETE", _delete),
        **issue_route(hub, "GET", "/labels", _labels),
        **issue_route(hub, "POST", "/labels", _label, needs=WRITE_WORK),
    }


def _listed(request: Request, issue: Issue) -> Response:
    shown, headers = paginate(issue.comments, f"{issue_api_url(issue)}/comments", request)
    return json_response([comment_json(each) for each in shown], headers=headers)


def _create(request: Request, issue: Issue) -> Response:
    text = _text(request)
    if text is None:
        return problem(422)
    if issue.locked:
        return problem(403, "Unable to create comment because issue is locked.")
    comment = issue.comment(text, app=caller(request).app)
    body = comment_json(comment)
    return json_response(body, status=201, headers={"Location": body["url"]})


def _edit(request: Request, comment: Comment) -> Response:
    text = _text(request)
    if text is None:
        return problem(422)
    comment.edit(text)
    return json_response(comment_json(comment))


def _delete(_request: Request, comment: Comment) -> Response:
    comment.delete()
    return done()


def _labels(request: Request, issue: Issue) -> Response:
    shown, headers = paginate(issue.labels, f"{issue_api_url(issue)}/labels", request)
    return json_response([label_json(each) for each in shown], headers=headers)


def _label(request: Request, issue: Issue) -> Response:
    payload: Any = request.get_json(force=True)
    requested = payload.get("labels", []) if isinstance(payload, dict) else payload
    names: list[Any] = [each.get("name") if isinstance(each, dict) else each for each in requested]
    if not all(isinstance(name, str) and name for name in names):
        return problem(422)
    issue.label(*names)
    return json_response([label_json(each) for each in issue.labels])


def _text(request: Request) -> str | None:
    """Return the text of a comment, or None when it is empty or too long."""
    text = request.get_json(force=True).get("body")
    return text if isinstance(text, str) and len(text.strip()) > 0 and len(text) <= _LONGEST else None
