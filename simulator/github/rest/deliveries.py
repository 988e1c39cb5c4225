"""The delivery log as GitHub shows it, and redelivery.

https://docs.github.com/en/rest/webhooks/repo-deliveries

A row is one attempt: its `id` is its own, its `guid` that of the event, which a redelivery keeps. How GitHub codes an
attempt that got no answer is not documented; here its `status_code` is 0, so neither filter finds it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs

from werkzeug.wrappers import Request, Response

from simulator.endless_lists import EndlessList, next_token
from simulator.github.json.common import Json, moment
from simulator.github.model.hooks import Hook
from simulator.github.rest.hooks import app_hook_route, hook_route
from simulator.github.rest.request.pagination import link, per_page
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.repository_routes import Views
from simulator.github.state import GitHubState
from simulator.rest_server import json_response
from simulator.webhook_delivery import Delivery, Fault

_FIRST_ROW = 27_500_000_000
_WINDOW, _WINDOW_OF_GHES = timedelta(days=3), timedelta(days=7)
"""How long GitHub keeps deliveries, by the simulator's clock."""

_CURSOR = "v1_"
_CODES = {"success": range(200, 400), "failure": range(400, 600)}


def views(hub: GitHubState) -> Views:
    """Return the calls about deliveries, for each of the three kinds of hooks."""

    def listed(request: Request, hook: Hook) -> Response:
        rows = _rows(hub, hook)
        return _endless_page(hub, hub.endless, request, rows) if hub.endless else _page(hub, request, rows)

    def one(_request: Request, hook: Hook, delivery_id: int) -> Response:
        found = dict(_rows(hub, hook)).get(delivery_id)
        return problem(404) if found is None else json_response(_whole(delivery_id, found))

    def again(_request: Request, hook: Hook, delivery_id: int) -> Response:
        found = dict(_rows(hub, hook)).get(delivery_id)
        if found is None:
            return problem(404)
        hub.redeliver(found)
        return json_response({}, status=202)

    calls: list[tuple[str, str, Callable[..., Response]]] = [
        ("GET", "/deliveries", listed),
        ("GET", "/deliveries/<int:delivery_id>", one),
        ("POST", "/deliveries/<int:delivery_id>/attempts", again),
    ]
    found: dict[tuple[str, str], Callable[..., Response]] = {}
    for method, suffix, view in calls:
        found |= hook_route(hub, method, suffix, view)
        found[method, f"/app/hook{suffix}"] = app_hook_route(hub, view)
    return found


def _page(hub: GitHubState, request: Request, rows: list[tuple[int, Delivery]]) -> Response:
    requested, cursor = request.args.get("status"), request.args.get("cursor", "")
    if requested not in (None, *_CODES):
        return problem(422)
    if cursor:
        if not cursor.removeprefix(_CURSOR).isdecimal():
            return problem(400, "Invalid cursor")
        rows = [row for row in rows if row[0] < int(cursor.removeprefix(_CURSOR))]
    if requested is not None:
        rows = [(id_, each) for id_, each in rows if (each.status or 0) in _CODES[requested]]
    shown = rows[: per_page(request)]
    page_url = {"next": {"cursor": f"{_CURSOR}{shown[-1][0]}"}} if len(rows) > len(shown) else {}
    headers = link(hub.api_url + request.path.removeprefix(hub.api_path), request, **page_url)
    return json_response([_row(id_, each) for id_, each in shown], headers=headers)


def _endless_page(hub: GitHubState, kind: EndlessList, request: Request, rows: list[tuple[int, Delivery]]) -> Response:
    address = hub.api_url + request.path.removeprefix(hub.api_path)
    shown = [] if kind is EndlessList.EMPTY else rows[: per_page(request)]
    headers = link(address, request, next={"cursor": next_token(kind)})
    return json_response([_row(id_, each) for id_, each in shown], headers=headers)


def _rows(hub: GitHubState, hook: Hook) -> list[tuple[int, Delivery]]:
    """Return the deliveries to a hook that are not too old, newest first, each with its id."""
    oldest = hub.clock() - (_WINDOW_OF_GHES if hub.ghes else _WINDOW)
    return [
        (_FIRST_ROW + repo, each)
        for repo, each in reversed(list(enumerate(hub.deliveries)))
        if each.request.hook_id == hook.id
        and (each.attempts or each.fault is Fault.LOST)
        and (each.request.sent is None or each.request.sent > oldest)
    ]


def _row(id_: int, delivery: Delivery) -> Json:
    event, _, action = delivery.request.name.partition(".")
    message = _message(delivery)
    return {
        "id": id_,
        "guid": delivery.request.id,
        "delivered_at": moment(delivery.request.sent or delivery.attempts[0].at),
        "redelivery": delivery.redelivery,
        "duration": 0.05,
        "status": _status(delivery),
        "status_code": delivery.status or 0,
        "event": event,
        "action": action or None,
        "installation_id": message.get("installation", {}).get("id"),
        "repository_id": message.get("repository", {}).get("id"),
        "throttled_at": None,
    }


def _whole(id_: int, delivery: Delivery) -> Json:
    answered = delivery.status is not None
    return {
        **_row(id_, delivery),
        "url": delivery.request.url,
        "request": {"headers": delivery.headers(None), "payload": _message(delivery)},
        "response": {"headers": {} if answered else None, "payload": "" if answered else None},
    }


def _status(delivery: Delivery) -> str:
    if delivery.accepted is not None:
        return "OK"
    if delivery.status is not None:
        return f"Invalid HTTP Response: {delivery.status}"
    timed_out = bool(delivery.attempts) and "Timeout" in delivery.attempts[-1].reason
    return "timed out" if timed_out else "failed to connect"


def _message(delivery: Delivery) -> dict[str, Any]:
    text = delivery.request.body.decode()
    if delivery.request.headers["Content-Type"] == "application/x-www-form-urlencoded":
        text = parse_qs(text)["payload"][0]
    try:
        message: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError:
        return {}  # a test sent an invalid payload
    return message
