"""Searches for issues and pull requests (https://docs.github.com/en/rest/search/search#search-issues-and-pull-requests)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from werkzeug.wrappers import Request, Response

from simulator.github.rest.callers import caller
from simulator.github.rest.paging import page_number, page_of, per_page
from simulator.github.rest.places import Views
from simulator.github.rest.problems import problem
from simulator.github.rest.versions import dated
from simulator.github.searching import BadSearch, read_search
from simulator.github.work import issue_body
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.hub import GitHub

_MOST_RESULTS = 1000
_SORTS = (None, "created", "updated")
_NO_KIND = "Query must include 'is:issue' or 'is:pull-request'"


def views(hub: GitHub) -> Views:
    """Give the call that searches."""

    def search(request: Request) -> Response:
        with hub.reading():
            return _search(hub, request)

    return {("GET", "/search/issues"): search}


def _search(hub: GitHub, request: Request) -> Response:
    who, sort = caller(request), request.args.get("sort")
    if sort not in _SORTS:
        return problem(422, f"This simulator does not sort by {sort}")
    if (page_number(request) - 1) * per_page(request) >= _MOST_RESULTS:
        return problem(422, f"Only the first {_MOST_RESULTS} search results are available")
    try:
        query = read_search(request.args.get("q", ""))
        if who.app is not None and not query.names_a_kind:
            return problem(422, _NO_KIND)
        found = list(query.find(query.places(place for place in hub.repositories if who.sees(place))))
    except BadSearch as error:
        return problem(422, str(error))
    found.sort(
        key=lambda issue: (issue.updated if sort == "updated" else issue.created, issue.id),
        reverse=request.args.get("order", "desc") == "desc",
    )
    shown, headers = page_of(found[:_MOST_RESULTS], f"{hub.api_url}/search/issues", request)
    answer = {
        "total_count": len(found),
        "incomplete_results": hub.search_is_incomplete,
        "search_type": "lexical",
        "items": [{**dated(request, issue_body(issue)), "score": 1.0} for issue in shown],
    }
    return json_answer(answer, headers=headers)
