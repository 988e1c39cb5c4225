"""Calls by which an OAuth app registers, lists, refreshes and removes its webhooks. Cloud alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from simulator.jira.dynamic import Caller
from simulator.jira.search_views import problem
from simulator.rest import View, json_answer

if TYPE_CHECKING:
    from simulator.jira.site import Jira

CALLER = "simulator.caller"
"""Where the gateway puts the app that calls."""

_PATH = "/rest/api/3/webhook"
_MOST_AT_ONCE = 100


def views(site: Jira) -> Mapping[tuple[str, str], View]:
    """Give the calls that are answered."""
    if site.data_center:
        return {}
    return {
        ("GET", _PATH): _view(site, _list),
        ("POST", _PATH): _view(site, _register),
        ("DELETE", _PATH): _view(site, _remove),
        ("PUT", f"{_PATH}/refresh"): _view(site, _refresh),
    }


def _view(site: Jira, answer: Callable[[Jira, Caller, Request], Response]) -> View:
    def view(request: Request) -> Response:
        caller = request.environ.get(CALLER)
        if not isinstance(caller, Caller):
            return problem("The caller is not a Connect or OAuth 2.0 app.", status=403)
        try:
            with site.changing():
                return answer(site, caller, request)
        except (HTTPException, ValueError, TypeError):
            return problem("Invalid request payload. Refer to the REST API documentation and try again.")

    return view


def _list(site: Jira, caller: Caller, request: Request) -> Response:
    start = int(request.args.get("startAt", 0))
    most = min(int(request.args.get("maxResults", _MOST_AT_ONCE)), _MOST_AT_ONCE)
    hooks = site.dynamic.of(caller)
    page = {"startAt": start, "maxResults": most, "total": len(hooks), "isLast": start + most >= len(hooks)}
    return json_answer({**page, "values": [hook.body() for hook in hooks[start : start + most]]})


def _register(site: Jira, caller: Caller, request: Request) -> Response:
    asked = _body(request)
    url, wanted = asked.get("url"), asked.get("webhooks")
    if not isinstance(url, str) or not isinstance(wanted, list) or not all(isinstance(one, dict) for one in wanted):
        raise ValueError(asked)
    return json_answer({"webhookRegistrationResult": site.dynamic.register(caller, url, wanted)})


def _refresh(site: Jira, caller: Caller, request: Request) -> Response:
    until = site.dynamic.refresh(caller, _ids(request))
    return json_answer({"expirationDate": int(until.timestamp() * 1000)})


def _remove(site: Jira, caller: Caller, request: Request) -> Response:
    site.dynamic.remove(caller, _ids(request))
    return Response(status=202)


def _ids(request: Request) -> list[int]:
    found = _body(request).get("webhookIds")
    if not isinstance(found, list) or not all(isinstance(id_, int) for id_ in found):
        raise ValueError(found)
    return found


def _body(request: Request) -> dict[str, Any]:
    found = request.get_json()
    if not isinstance(found, dict):
        raise TypeError(found)
    return found
