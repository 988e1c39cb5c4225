"""Comments on the simulated Jira's issues, as programs make, read and change them: documents on Cloud, else wiki.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from simulator.jira.bodies import comment_body, document
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.jira.bodies import Body
    from simulator.jira.issue import Comment, Issue
    from simulator.jira.site import Jira

LONGEST = 32_767
"""Characters of a comment."""

_BLOCKS = frozenset({"paragraph", "bulletList", "orderedList", "listItem", "blockquote", "panel", "heading"})


class _Wrong(Exception):
    """What was sent is no comment."""


def views(site: Jira) -> Mapping[tuple[str, str], View]:
    """Give the calls that are answered."""
    calls: dict[tuple[str, str], View] = {}
    for version in (2,) if site.data_center else (2, 3):
        path = f"/rest/api/{version}/issue/<id_or_key>/comment"
        calls["GET", path] = _reading(site, version)
        calls["POST", path] = _writing(site, version, "ADD_COMMENTS", _made)
        calls["PUT", f"{path}/<id_>"] = _writing(site, version, "EDIT_OWN_COMMENTS", _changed)
        calls["DELETE", f"{path}/<id_>"] = _removing(site)
    return calls


def _reading(site: Jira, version: int) -> View:
    def answer(request: Request, id_or_key: str) -> Response:
        with site.reading():
            issue = site.find_visible(id_or_key)
            if issue is None:
                return _problem(404, "Issue does not exist or you do not have permission to see it.")
            if request.args.get("orderBy", "created") not in ("created", "-created", "+created"):
                return _problem(400, "The orderBy is not known.")
            ordered = list(reversed(issue.comments)) if request.args.get("orderBy") == "-created" else issue.comments
            start, most = int(request.args.get("startAt", 0)), min(int(request.args.get("maxResults", 100)), 100)
            shown = [_body(one, version) for one in ordered[start : start + most]]
            held = {"startAt": start, "maxResults": most, "total": len(issue.comments), "comments": shown}
            return json_answer(held)

    return answer


def _writing(site: Jira, version: int, permission: str, act: Callable[..., Response]) -> View:
    """Answer about an issue that may be seen, to credentials that may write and an account that may comment."""

    def answer(request: Request, id_or_key: str, id_: str = "") -> Response:
        if site.remote_links.readable:
            return json_answer({"code": 401, "message": "Unauthorized; scope does not match"}, status=401)
        with site.reading():
            issue = site.find_visible(id_or_key)
        if issue is None:
            return _problem(404, "Issue does not exist or you do not have permission to see it.")
        if permission in site.denied:
            return _problem(400, "You do not have the permission to comment on this issue.")
        try:
            text, whole = _read(request, version)
        except _Wrong as error:
            return _problem(400, str(error))
        with site.changing(), site.acting_as(site.bot.name):
            return act(issue, version, id_, text, whole)

    return answer


def _removing(site: Jira) -> View:
    """Answer about a comment of our own."""

    def answer(_request: Request, id_or_key: str, id_: str) -> Response:
        with site.reading():
            issue = site.find_visible(id_or_key)
            found = next((one for one in issue.comments if one.id == id_), None) if issue else None
        if found is None:
            return _problem(404, f"Can not find a comment for the id: {id_}.")
        if "DELETE_OWN_COMMENTS" in site.denied or found.author is not site.bot:
            return _problem(403, "You do not have permission to delete this comment.")
        with site.changing(), site.acting_as(site.bot.name):
            found.delete()
        return Response(status=204)

    return answer


def _made(issue: Issue, version: int, _id: str, text: str, whole: Body | None) -> Response:
    return json_answer(_body(issue.comment(text, document=whole), version), status=201)


def _changed(issue: Issue, version: int, id_: str, text: str, whole: Body | None) -> Response:
    found = next((one for one in issue.comments if one.id == id_), None)
    if found is None:
        return _problem(404, f"Can not find a comment for the id: {id_}.")
    if found.author is not issue.project.site.bot:
        return _problem(400, "You do not have permission to edit this comment.")
    found.edit(text, document=whole)
    return json_answer(_body(found, version))


def _read(request: Request, version: int) -> tuple[str, Body | None]:
    """Read what is to be said, as wiki markup and, from version 3 on, the document that it came as."""
    try:
        sent = request.get_json()
    except (BadRequest, UnsupportedMediaType) as error:
        raise _Wrong("Invalid request payload.") from error
    body = sent.get("body") if isinstance(sent, dict) else None
    if version == 2:
        if not isinstance(body, str) or not body.strip():
            raise _Wrong("Comment body can not be empty!")
        text, whole = body, None
    else:
        if not isinstance(body, dict) or (body.get("type"), body.get("version")) != ("doc", 1):
            raise _Wrong("INVALID_INPUT: a comment's body is a document.")
        text, whole = "\n\n".join(_markup(node) for node in _content(body)), body
    if len(text) > LONGEST:
        raise _Wrong(f"The entered text is too long. It exceeds the allowed limit of {LONGEST} characters.")
    return text, whole


def _markup(node: Any) -> str:
    """Write a node as webhooks tell of it. Raise `_Wrong` for what is no node of a document."""
    kind = node.get("type") if isinstance(node, dict) else None
    if kind == "text":
        return _inline(node)
    if kind not in _BLOCKS:
        raise _Wrong(f"INVALID_INPUT: {kind} is no node of a document.")
    inner = [_markup(one) for one in _content(node)]
    if kind == "bulletList":
        return "\n".join(f"* {one}" for one in inner)
    return "".join(inner)


def _inline(node: Mapping[str, Any]) -> str:
    text = node.get("text")
    if not isinstance(text, str) or not text:
        raise _Wrong("INVALID_INPUT: a text has at least one character.")
    for mark in node.get("marks", ()):
        if mark.get("type") == "link":
            address = mark.get("attrs", {}).get("href", "")
            if not str(address).startswith(("http://", "https://")):
                raise _Wrong("INVALID_INPUT: a link leads to an address.")
            text = f"[{text}|{address}]"
    return text


def _content(node: Mapping[str, Any]) -> Iterator[Any]:
    held = node.get("content")
    if not isinstance(held, list):
        raise _Wrong("INVALID_INPUT: a node holds a list of nodes.")
    yield from held


def _body(comment: Comment, version: int) -> Body:
    body = comment_body(comment)
    if version == 2:
        return body
    address = str(body["self"]).replace("/rest/api/2/", "/rest/api/3/")
    return {**body, "self": address, "body": comment.document or document(comment.body)}


def _problem(status: int, message: str) -> Response:
    return json_answer({"errorMessages": [message], "errors": {}}, status=status)
