"""Calls about comments: documents (ADF) in version 3, wiki markup in version 2.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-comments/
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from werkzeug.exceptions import BadRequest, UnsupportedMediaType
from werkzeug.wrappers import Request, Response

from simulator.jira.json import Json, comment_json, document
from simulator.jira.model.issue import Comment, Issue
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

LONGEST = 32_767
"""Characters of a comment."""

_BLOCKS = frozenset({"paragraph", "bulletList", "orderedList", "listItem", "blockquote", "panel", "heading"})


class _Wrong(Exception):
    """The request is not a valid comment."""


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls."""
    calls: dict[tuple[str, str], View] = {}
    for version in (2,) if site.data_center else (2, 3):
        path = f"/rest/api/{version}/issue/<id_or_key>/comment"
        calls["GET", path] = _reading(site, version)
        calls["POST", path] = _writing(site, version, "ADD_COMMENTS", _made)
        calls["PUT", f"{path}/<id_>"] = _writing(site, version, "EDIT_OWN_COMMENTS", _changed)
        calls["DELETE", f"{path}/<id_>"] = _removing(site)
    return calls


def _reading(site: JiraSite, version: int) -> View:
    def answer(request: Request, id_or_key: str) -> Response:
        with site.reading():
            issue = site.find_visible(id_or_key)
            if issue is None:
                return problem(404, "Issue does not exist or you do not have permission to see it.")
            if request.args.get("orderBy", "created") not in ("created", "-created", "+created"):
                return problem(400, "The orderBy is not known.")
            ordered = list(reversed(issue.comments)) if request.args.get("orderBy") == "-created" else issue.comments
            start, most = int(request.args.get("startAt", 0)), min(int(request.args.get("maxResults", 100)), 100)
            shown = [_body(one, version) for one in ordered[start : start + most]]
            content = {"startAt": start, "maxResults": most, "total": len(issue.comments), "comments": shown}
            return json_response(content)

    return answer


def _writing(site: JiraSite, version: int, permission: str, act: Callable[..., Response]) -> View:
    """Write a comment on a visible issue, if credentials and account may."""

    def answer(request: Request, id_or_key: str, id_: str = "") -> Response:
        if site.remote_links.read_only:
            return json_response({"code": 401, "message": "Unauthorized; scope does not match"}, status=401)
        with site.reading():
            issue = site.find_visible(id_or_key)
        if issue is None:
            return problem(404, "Issue does not exist or you do not have permission to see it.")
        if permission in site.denied:
            return problem(400, "You do not have the permission to comment on this issue.")
        try:
            text, whole = _read(request, version)
        except _Wrong as error:
            return problem(400, str(error))
        with site.changing(), site.acting_as(site.bot.name):
            return act(issue, version, id_, text, whole)

    return answer


def _removing(site: JiraSite) -> View:
    """Delete a comment of our own."""

    def answer(_request: Request, id_or_key: str, id_: str) -> Response:
        with site.reading():
            issue = site.find_visible(id_or_key)
            found = next((one for one in issue.comments if one.id == id_), None) if issue else None
        if found is None:
            return problem(404, f"Can not find a comment for the id: {id_}.")
        if "DELETE_OWN_COMMENTS" in site.denied or found.author is not site.bot:
            return problem(403, "You do not have permission to delete this comment.")
        with site.changing(), site.acting_as(site.bot.name):
            found.delete()
        return Response(status=204)

    return answer


def _made(issue: Issue, version: int, _id: str, text: str, whole: Json | None) -> Response:
    return json_response(_body(issue.comment(text, document=whole), version), status=201)


def _changed(issue: Issue, version: int, id_: str, text: str, whole: Json | None) -> Response:
    found = next((one for one in issue.comments if one.id == id_), None)
    if found is None:
        return problem(404, f"Can not find a comment for the id: {id_}.")
    if found.author is not issue.project.site.bot:
        return problem(400, "You do not have permission to edit this comment.")
    found.edit(text, document=whole)
    return json_response(_body(found, version))


def _read(request: Request, version: int) -> tuple[str, Json | None]:
    """Return the text of a comment as wiki markup and, in version 3, as the sent document."""
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
    """Return a node as wiki markup, which webhooks carry. Raise `_Wrong` for an invalid node."""
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
    content = node.get("content")
    if not isinstance(content, list):
        raise _Wrong("INVALID_INPUT: a node holds a list of nodes.")
    yield from content


def _body(comment: Comment, version: int) -> Json:
    body = comment_json(comment)
    if version == 2:
        return body
    address = str(body["self"]).replace("/rest/api/2/", "/rest/api/3/")
    return {**body, "self": address, "body": comment.document or document(comment.body)}
