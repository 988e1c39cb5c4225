"""What Jira Cloud answers to an expired API token: on many addresses the same as to a stranger, with 200 or 404."""

from __future__ import annotations

from typing import Any

from werkzeug.wrappers import Request, Response

from simulator.jira.query.fields import field_descriptions
from simulator.jira.rest.jql import words_of_jql
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import json_response

_EMPTY: dict[str, dict[str, Any]] = {
    "search/jql": {"issues": [], "isLast": True},
    "issue/bulkfetch": {"issues": [], "issueErrors": []},
    "search/approximate-count": {"count": 0},
    "project/search": {"values": [], "isLast": True},
}


def answer_to_stranger(site: JiraSite, request: Request) -> Response:
    """Return the answer to a caller whose token has expired; a header says so where the site names its callers."""
    response = _answer(site, request, request.path.partition("/rest/api/")[2].partition("/")[2])
    if site.names_callers:
        response.headers["X-Seraph-LoginReason"] = "AUTHENTICATED_FAILED"
    return response


def _answer(site: JiraSite, request: Request, path: str) -> Response:
    if path == "field":
        return json_response([field for field in field_descriptions(site) if not field["custom"]])
    if path == "jql/autocompletedata":
        return json_response(words_of_jql([field for field in field_descriptions(site) if not field["custom"]]))
    if path in _EMPTY:
        return json_response(_EMPTY[path])
    if path == "jql/match":
        queries = request.get_json(silent=True) or {}
        return json_response({"matches": [{"matchedIssues": [], "errors": []} for _ in queries.get("jqls", ())]})
    if path == "myself" or request.method != "GET":
        return problem(401)
    return problem(404)
