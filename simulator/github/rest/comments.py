"""Comments and labels put on issues by calls (https://docs.github.com/en/rest/issues/comments)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from simulator.github.bodies import label
from simulator.github.rest.callers import Right, caller
from simulator.github.rest.paging import page_of
from simulator.github.rest.places import READ_WORK, WRITE_WORK, Views, at_issue, at_repository
from simulator.github.rest.problems import done, problem
from simulator.github.work import comment_body, issue_api
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.comment import Comment
    from simulator.github.hub import GitHub
    from simulator.github.issue import Issue
    from simulator.github.repository import Repository

_LONGEST = 65_536


def views(hub: GitHub) -> Views:
    """Give the calls about comments and labels; after a transfer comments are 404 at the old address."""

    def at_comment(
        method: str, view: Callable[[Request, Comment], Response], *, needs: tuple[Right, ...] = WRITE_WORK
    ) -> Views:
        def found(request: Request, place: Repository, comment_id: int) -> Response:
            comments = (each for issue in place.issues.kept() for each in issue.comments)
            comment = next((each for each in comments if each.id == comment_id), None)
            return problem(404) if comment is None else view(request, comment)

        return at_repository(hub, method, "/issues/comments/<int:comment_id>", found, needs=needs)

    return {
        **at_issue(hub, "GET", "/comments", _listed, follows=False),
        **at_issue(hub, "POST", "/comments", _create, needs=WRITE_WORK, follows=False),
        **at_comment("GET", lambda _request, comment: json_answer(comment_body(comment)), needs=READ_WORK),
        **at_comment("PATCH", _edit),
        **at_comment("DELETE", _delete),
        **at_issue(hub, "GET", "/labels", _labels),
        **at_issue(hub, "POST", "/labels", _label, needs=WRITE_WORK),
    }


def _listed(request: Request, issue: Issue) -> Response:
    shown, headers = page_of(issue.comments, f"{issue_api(issue)}/comments", request)
    return json_answer([comment_body(each) for each in shown], headers=headers)


def _create(request: Request, issue: Issue) -> Response:
    text = _text(request)
    if text is None:
        return problem(422)
    if issue.locked:
        return problem(403, "Unable to create comment because issue is locked.")
    comment = issue.comment(text, app=caller(request).app)
    body = comment_body(comment)
    return json_answer(body, status=201, headers={"Location": body["url"]})


def _edit(request: Request, comment: Comment) -> Response:
    text = _text(request)
    if text is None:
        return problem(422)
    comment.edit(text)
    return json_answer(comment_body(comment))


def _delete(_request: Request, comment: Comment) -> Response:
    comment.delete()
    return done()


def _labels(request: Request, issue: Issue) -> Response:
    shown, headers = page_of(issue.labels, f"{issue_api(issue)}/labels", request)
    return json_answer([label(each) for each in shown], headers=headers)


def _label(request: Request, issue: Issue) -> Response:
    asked: Any = request.get_json(force=True)
    wanted = asked.get("labels", []) if isinstance(asked, dict) else asked
    names: list[Any] = [each.get("name") if isinstance(each, dict) else each for each in wanted]
    if not all(isinstance(name, str) and name for name in names):
        return problem(422)
    issue.label(*names)
    return json_answer([label(each) for each in issue.labels])


def _text(request: Request) -> str | None:
    """Give what a comment is to say, or None where it says nothing or too much."""
    text = request.get_json(force=True).get("body")
    return text if isinstance(text, str) and len(text.strip()) > 0 and len(text) <= _LONGEST else None
