"""Searches for issues and pull requests (https://docs.github.com/en/rest/search/search#search-issues-and-pull-requests)."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from simulator.endless_lists import EndlessList
from simulator.github.json.issues import issue_json
from simulator.github.rest.request.pagination import link, page_number, paginate, per_page
from simulator.github.rest.request.permissions import caller
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.repository_routes import Views
from simulator.github.rest.request.versions import for_api_version
from simulator.github.search import SearchError, parse_search
from simulator.github.state import GitHubState
from simulator.rest_server import json_response

_MOST_RESULTS = 1000
_SORTS = (None, "created", "updated")
_NO_KIND = "Query must include 'is:issue' or 'is:pull-request'"


def views(hub: GitHubState) -> Views:
    """Return the call that searches."""

    def search(request: Request) -> Response:
        with hub.reading():
            return _search(hub, request)

    return {("GET", "/search/issues"): search}


def _search(hub: GitHubState, request: Request) -> Response:
    who, sort = caller(request), request.args.get("sort")
    if sort not in _SORTS:
        return problem(422, f"This simulator does not sort by {sort}")
    if (page_number(request) - 1) * per_page(request) >= _MOST_RESULTS:
        return problem(422, f"Only the first {_MOST_RESULTS} search results are available")
    try:
        query = parse_search(request.args.get("q", ""))
        if who.app is not None and not query.names_a_kind:
            return problem(422, _NO_KIND)
        found = list(query.find(query.repositories(repo for repo in hub.repositories if who.can_see(repo))))
    except SearchError as error:
        return problem(422, str(error))
    found.sort(
        key=lambda issue: (issue.updated if sort == "updated" else issue.created, issue.id),
        reverse=request.args.get("order", "desc") == "desc",
    )
    if hub.endless:
        found = list(parse_search(request.args.get("q", "").partition(" created:>=")[0]).find(hub.repositories))[:100]
        found.sort(key=lambda issue: (issue.created, issue.id))
    shown, headers = paginate(found[:_MOST_RESULTS], f"{hub.api_url}/search/issues", request)
    if hub.endless is EndlessList.EMPTY:
        shown, headers = [], link(f"{hub.api_url}/search/issues", request, next={"page": page_number(request) + 1})
    answer = {
        "total_count": len(found),
        "incomplete_results": hub.search_is_incomplete,
        "search_type": "lexical",
        "items": [{**for_api_version(request, issue_json(issue)), "score": 1.0} for issue in shown],
    }
    return json_response(answer, headers=headers)
