"""Calls of an OAuth app about its dynamic webhooks: register, list, refresh, remove. Cloud only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Request, Response

from simulator.jira.dynamic_webhooks import Caller
from simulator.jira.rest.problems import problem
from simulator.jira.site import JiraSite
from simulator.rest_server import View, json_response

CALLER = "simulator.caller"
"""The key of the WSGI environment in which the gateway stores the calling app."""

_PATH = "/rest/api/3/webhook"
_MOST_AT_ONCE = 100


def views(site: JiraSite) -> Mapping[tuple[str, str], View]:
    """Return the calls."""
    if site.data_center:
        return {}
    return {
        ("GET", _PATH): _view(site, _list),
        ("POST", _PATH): _view(site, _register),
        ("DELETE", _PATH): _view(site, _remove),
        ("PUT", f"{_PATH}/refresh"): _view(site, _refresh),
    }


def _view(site: JiraSite, answer: Callable[[JiraSite, Caller, Request], Response]) -> View:
    def view(request: Request) -> Response:
        caller = request.environ.get(CALLER)
        if not isinstance(caller, Caller):
            return problem(403, "The caller is not a Connect or OAuth 2.0 app.")
        try:
            with site.changing():
                return answer(site, caller, request)
        except (HTTPException, ValueError, TypeError):
            return problem(400, "Invalid request payload. Refer to the REST API documentation and try again.")

    return view


def _list(site: JiraSite, caller: Caller, request: Request) -> Response:
    start = int(request.args.get("startAt", 0))
    most = min(int(request.args.get("maxResults", _MOST_AT_ONCE)), _MOST_AT_ONCE)
    hooks = site.dynamic_webhooks.of(caller)
    page = {"startAt": start, "maxResults": most, "total": len(hooks), "isLast": start + most >= len(hooks)}
    return json_response({**page, "values": [hook.body() for hook in hooks[start : start + most]]})


def _register(site: JiraSite, caller: Caller, request: Request) -> Response:
    payload = _body(request)
    url, requested = payload.get("url"), payload.get("webhooks")
    if (
        not isinstance(url, str)
        or not isinstance(requested, list)
        or not all(isinstance(one, dict) for one in requested)
    ):
        raise ValueError(payload)
    return json_response({"webhookRegistrationResult": site.dynamic_webhooks.register(caller, url, requested)})


def _refresh(site: JiraSite, caller: Caller, request: Request) -> Response:
    until = site.dynamic_webhooks.refresh(caller, _ids(request))
    return json_response({"expirationDate": int(until.timestamp() * 1000)})


def _remove(site: JiraSite, caller: Caller, request: Request) -> Response:
    site.dynamic_webhooks.remove(caller, _ids(request))
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
