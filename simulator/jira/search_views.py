"""How the simulated Jira answers searches: by tokens of pages on Cloud, by offsets and with a total on Data Center.

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
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from simulator.jira.jql import JqlError
from simulator.jira.searching import Search
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.jira.bodies import Body
    from simulator.jira.issue import Issue
    from simulator.jira.site import Jira

TOKEN_LIFE = timedelta(days=7)
"""How long a page can be asked for by its token."""

MOST_WITH_FIELDS, MOST_IDS, MOST_ON_DATA_CENTER, USUAL = 100, 5000, 1000, 50
MOST_RECONCILED = 50

REMOVED = (
    "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API. A full migration guideline "
    "is available at https://developer.atlassian.com/changelog/#CHANGE-2046"
)

Asked = Mapping[str, Any]


def views(site: Jira) -> Mapping[tuple[str, str], View]:
    """Give the calls that are answered."""
    if site.data_center:
        return {(method, "/rest/api/2/search"): _view(site, _data_center_page) for method in ("GET", "POST")}
    calls: dict[tuple[str, str], View] = {("POST", "/rest/api/3/search/approximate-count"): _view(site, _count)}
    for method in ("GET", "POST"):
        calls[method, "/rest/api/3/search/jql"] = _view(site, _cloud_page)
        calls |= {(method, f"/rest/api/{version}/search"): _removed for version in (2, 3)}
    return calls


def problem(message: str, *, status: int = 400) -> Response:
    """Answer an error as Jira words it."""
    return json_answer({"errorMessages": [message], "errors": {}}, status=status)


def _removed(_request: Request) -> Response:
    return problem(REMOVED, status=410)


def _view(site: Jira, answer: Callable[[Jira, Asked], Body]) -> View:
    def view(request: Request) -> Response:
        try:
            asked = request.get_json() if request.method == "POST" else _from_address(request)
            if not isinstance(asked, dict):
                return problem("Invalid request payload. Refer to the REST API documentation and try again.")
            with site.reading():
                return json_answer(answer(site, asked))
        except HTTPException:
            return problem("Invalid request payload. Refer to the REST API documentation and try again.")
        except JqlError as error:
            return problem(str(error))

    return view


def _from_address(request: Request) -> Asked:
    lists = {name: request.args[name].split(",") for name in ("fields", "reconcileIssues") if name in request.args}
    return {**request.args.to_dict(), **lists}


def _cloud_page(site: Jira, asked: Asked) -> Body:
    jql = str(asked.get("jql") or "")
    wanted = [str(name) for name in asked.get("fields") or ["id"]]
    reconciled = [str(id_) for id_ in asked.get("reconcileIssues") or ()]
    if len(reconciled) > MOST_RECONCILED:
        raise JqlError(f"A maximum of {MOST_RECONCILED} issues can be reconciled.")
    site.index.reconcile(reconciled)
    most = MOST_IDS if set(wanted) <= {"id", "key"} else MOST_WITH_FIELDS
    size = min(_whole(asked.get("maxResults"), USUAL), most, site.page_limit or most)
    start = _start_of(site, jql, asked.get("nextPageToken"))
    found = list(islice(Search(site, jql, bounded=True).found(), start, start + size + 1))
    bodies = [_shown(issue, version=3, wanted=wanted) for issue in found[:size]]
    page: Body = {"issues": bodies, "isLast": len(found) <= size}
    if "names" in str(asked.get("expand") or "").split(","):
        page["names"] = _names(site, bodies)
    return page if page["isLast"] else {**page, "nextPageToken": _token(site, jql, start + size)}


def _data_center_page(site: Jira, asked: Asked) -> Body:
    search = Search(
        site, str(asked.get("jql") or ""), strict=asked.get("validateQuery") not in (False, "false", "none")
    )
    start = _whole(asked.get("startAt"), 0)
    size = min(_whole(asked.get("maxResults"), USUAL), site.page_limit or MOST_ON_DATA_CENTER)
    wanted = [str(name) for name in asked.get("fields") or ["*navigable"]]
    bodies = [_shown(issue, version=2, wanted=wanted) for issue in islice(search.found(), start, start + size)]
    page = {"expand": "schema,names", "startAt": start, "maxResults": size, "total": search.count(), "issues": bodies}
    expand = asked.get("expand") or ""
    if "names" in (expand if isinstance(expand, list) else expand.split(",")):
        page["names"] = _names(site, bodies)
    return page


def _count(site: Jira, asked: Asked) -> Body:
    return {"count": Search(site, str(asked.get("jql") or ""), bounded=True).count()}


def _shown(issue: Issue, *, version: int, wanted: list[str]) -> Body:
    from simulator.jira.answers import chosen  # noqa: PLC0415  answers gather what is here

    if set(wanted) <= {"id"}:
        return {"id": issue.id}
    body = chosen(issue, version=version, wanted=wanted)
    return body if body["fields"] else {name: value for name, value in body.items() if name != "fields"}


def _names(site: Jira, bodies: list[Body]) -> dict[str, str]:
    from simulator.jira.answers import names_of  # noqa: PLC0415  as above

    return names_of(site, {"fields": {name: None for body in bodies for name in body.get("fields", ())}})


def _whole(told: Any, usual: int) -> int:
    try:
        return max(0, int(usual if told is None else told))
    except (TypeError, ValueError):
        raise JqlError("The value of a page's size or start must be a whole number.") from None


def _token(site: Jira, jql: str, start: int) -> str:
    told = {"start": start, "of": _digest(jql), "until": (site.clock() + TOKEN_LIFE).timestamp()}
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()


def _start_of(site: Jira, jql: str, token: Any) -> int:
    if not token:
        return 0
    try:
        told = json.loads(base64.urlsafe_b64decode(str(token)))
        start, of, until = int(told["start"]), told["of"], float(told["until"])
    except (ValueError, KeyError, TypeError):
        raise JqlError("The provided next page token is invalid.") from None
    if of != _digest(jql) or until <= site.clock().timestamp():
        raise JqlError("The provided next page token is invalid or has expired.")
    return start


def _digest(jql: str) -> str:
    return hashlib.sha256(jql.encode()).hexdigest()[:16]
