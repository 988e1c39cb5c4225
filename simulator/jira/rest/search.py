"""Search calls: page tokens on Cloud, offsets and a total on Data Center.

https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/
https://docs.atlassian.com/software/jira/docs/api/REST/9.12.0/#api/2/search
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from simulator.endless_lists import EndlessList, next_token
from simulator.jira.json import Json
from simulator.jira.model.issue import Issue
from simulator.jira.query.fields import field_names
from simulator.jira.query.jql import JqlError
from simulator.jira.query.search import Search
from simulator.jira.rest.issues import chosen
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

TOKEN_LIFE = timedelta(days=7)
"""How long a page token is valid."""

MOST_WITH_FIELDS, MOST_IDS, MOST_ON_DATA_CENTER, USUAL = 100, 5000, 1000, 50
MOST_RECONCILED = 50

REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline "
    "is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)

Params = Mapping[str, Any]


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls."""
    if site.data_center:
        return {(method, "/rest/api/2/search"): _view(site, _data_center_page) for method in ("GET", "POST")}
    calls: dict[tuple[str, str], View] = {("POST", "/rest/api/3/search/approximate-count"): _view(site, _count)}
    for method in ("GET", "POST"):
        calls[method, "/rest/api/3/search/jql"] = _view(site, _cloud_page)
        calls |= {(method, f"/rest/api/{version}/search"): _removed for version in (2, 3)}
    return calls


def _removed(_request: Request) -> Response:
    return problem(410, REMOVED)


def _view(site: JiraSite, answer: Callable[[JiraSite, Params], Json]) -> View:
    def view(request: Request) -> Response:
        try:
            params = request.get_json() if request.method == "POST" else _from_address(request)
            if not isinstance(params, dict):
                return problem(400, "Invalid request payload. Refer to the REST API documentation and try again.")
            with site.reading():
                return json_response(answer(site, params))
        except HTTPException:
            return problem(400, "Invalid request payload. Refer to the REST API documentation and try again.")
        except JqlError as error:
            return problem(400, str(error))

    return view


def _from_address(request: Request) -> Params:
    lists = {name: request.args[name].split(",") for name in ("fields", "reconcileIssues") if name in request.args}
    return {**request.args.to_dict(), **lists}


def _cloud_page(site: JiraSite, params: Params) -> Json:
    jql = str(params.get("jql") or "")
    requested = [str(name) for name in params.get("fields") or ["id"]]
    reconciled = [str(id_) for id_ in params.get("reconcileIssues") or ()]
    if len(reconciled) > MOST_RECONCILED:
        raise JqlError(f"A maximum of {MOST_RECONCILED} issues can be reconciled.")
    site.index.reconcile(reconciled)
    most = MOST_IDS if set(requested) <= {"id", "key"} else MOST_WITH_FIELDS
    size = min(_whole(params.get("maxResults"), USUAL), most, site.page_limit or most)
    if site.endless:
        return _endless_page(site, site.endless, jql, requested, size)
    start = _start_of(site, jql, params.get("nextPageToken"))
    found = list(islice(Search(site, jql, bounded=True).found(), start, start + size + 1))
    bodies = [_shown(issue, version=3, requested=requested) for issue in found[:size]]
    page: Json = {"issues": bodies, "isLast": len(found) <= size}
    if "names" in str(params.get("expand") or "").split(","):
        page["names"] = _names(site, bodies)
    return page if page["isLast"] else {**page, "nextPageToken": _token(site, jql, start + size)}


def _endless_page(site: JiraSite, kind: EndlessList, jql: str, requested: list[str], size: int) -> Json:
    found = [] if kind is EndlessList.EMPTY else islice(Search(site, jql, bounded=True).found(), size)
    bodies = [_shown(issue, version=3, requested=requested) for issue in found]
    return {"issues": bodies, "isLast": False, "nextPageToken": next_token(kind)}


def _data_center_page(site: JiraSite, params: Params) -> Json:
    search = Search(
        site, str(params.get("jql") or ""), strict=params.get("validateQuery") not in (False, "false", "none")
    )
    start = 0 if site.endless else _whole(params.get("startAt"), 0)
    size = min(_whole(params.get("maxResults"), USUAL), site.page_limit or MOST_ON_DATA_CENTER)
    requested = [str(name) for name in params.get("fields") or ["*navigable"]]
    late = site.empty_pages > 0 and size > 0
    site.empty_pages -= late
    found = [] if late or site.endless is EndlessList.EMPTY else islice(search.found(), start, start + size)
    bodies = [_shown(issue, version=2, requested=requested) for issue in found]
    total = 10**6 if site.endless else search.count()
    page = {"expand": "schema,names", "startAt": start, "maxResults": size, "total": total, "issues": bodies}
    expand = params.get("expand") or ""
    if "names" in (expand if isinstance(expand, list) else expand.split(",")):
        page["names"] = _names(site, bodies)
    return page


def _count(site: JiraSite, params: Params) -> Json:
    return {"count": Search(site, str(params.get("jql") or ""), bounded=True).count()}


def _shown(issue: Issue, *, version: int, requested: list[str]) -> Json:
    if set(requested) <= {"id"}:
        return {"id": issue.id}
    body = chosen(issue, version=version, requested=requested)
    return body if body["fields"] else {name: value for name, value in body.items() if name != "fields"}


def _names(site: JiraSite, bodies: list[Json]) -> dict[str, str]:
    return field_names(site, {"fields": {name: None for body in bodies for name in body.get("fields", ())}})


def _whole(decoded: Any, usual: int) -> int:
    try:
        return max(0, int(usual if decoded is None else decoded))
    except (TypeError, ValueError):
        raise JqlError("The value of a page's size or start must be a whole number.") from None


def _token(site: JiraSite, jql: str, start: int) -> str:
    decoded = {"start": start, "of": _digest(jql), "until": (site.clock() + TOKEN_LIFE).timestamp()}
    return base64.urlsafe_b64encode(json.dumps(decoded).encode()).decode()


def _start_of(site: JiraSite, jql: str, token: Any) -> int:
    if not token:
        return 0
    try:
        decoded = json.loads(base64.urlsafe_b64decode(str(token)))
        start, of, until = int(decoded["start"]), decoded["of"], float(decoded["until"])
    except (ValueError, KeyError, TypeError):
        raise JqlError("The provided next page token is invalid.") from None
    if of != _digest(jql) or until <= site.clock().timestamp():
        raise JqlError("The provided next page token is invalid or has expired.")
    return start


def _digest(jql: str) -> str:
    return hashlib.sha256(jql.encode()).hexdigest()[:16]
