"""The log of deliveries as GitHub shows it, and deliveries tried again.

https://docs.github.com/en/rest/webhooks/repo-deliveries

A row is one attempt: its `id` is its own, its `guid` that of the event, which a redelivery keeps. How GitHub codes an
attempt that got no answer is not documented; here its `status_code` is 0, so neither filter finds it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from werkzeug.wrappers import Request, Response

from simulator.delivery import Delivery, Mishap
from simulator.github.bodies import Body, moment
from simulator.github.rest.hooks import at_hook, of_app
from simulator.github.rest.paging import link, per_page
from simulator.github.rest.places import Views
from simulator.github.rest.problems import problem
from simulator.rest import json_answer

if TYPE_CHECKING:
    from simulator.github.hooks import Hook
    from simulator.github.hub import GitHub

_FIRST_ROW = 27_500_000_000
_WINDOW, _WINDOW_OF_GHES = timedelta(days=3), timedelta(days=7)
"""How long GitHub keeps deliveries, by the simulator's clock."""

_CURSOR = "v1_"
_CODES = {"success": range(200, 400), "failure": range(400, 600)}


def views(hub: GitHub) -> Views:
    """Give the calls about deliveries, for each of the three kinds of hooks."""

    def listed(request: Request, hook: Hook) -> Response:
        wanted, cursor = request.args.get("status"), request.args.get("cursor", "")
        if wanted not in (None, *_CODES):
            return problem(422)
        rows = _rows(hub, hook)
        if cursor:
            if not cursor.removeprefix(_CURSOR).isdecimal():
                return problem(400, "Invalid cursor")
            rows = [row for row in rows if row[0] < int(cursor.removeprefix(_CURSOR))]
        if wanted is not None:
            rows = [(id_, each) for id_, each in rows if (each.status or 0) in _CODES[wanted]]
        shown = rows[: per_page(request)]
        following = {"next": {"cursor": f"{_CURSOR}{shown[-1][0]}"}} if len(rows) > len(shown) else {}
        headers = link(hub.api_url + request.path.removeprefix(hub.api_path), request, **following)
        return json_answer([_row(id_, each) for id_, each in shown], headers=headers)

    def one(_request: Request, hook: Hook, delivery_id: int) -> Response:
        found = dict(_rows(hub, hook)).get(delivery_id)
        return problem(404) if found is None else json_answer(_whole(delivery_id, found))

    def again(_request: Request, hook: Hook, delivery_id: int) -> Response:
        found = dict(_rows(hub, hook)).get(delivery_id)
        if found is None:
            return problem(404)
        hub.redeliver(found)
        return json_answer({}, status=202)

    calls: list[tuple[str, str, Callable[..., Response]]] = [
        ("GET", "/deliveries", listed),
        ("GET", "/deliveries/<int:delivery_id>", one),
        ("POST", "/deliveries/<int:delivery_id>/attempts", again),
    ]
    found: dict[tuple[str, str], Callable[..., Response]] = {}
    for method, suffix, view in calls:
        found |= at_hook(hub, method, suffix, view)
        found[method, f"/app/hook{suffix}"] = of_app(hub, view)
    return found


def _rows(hub: GitHub, hook: Hook) -> list[tuple[int, Delivery]]:
    """Give what was tried for a hook and is not too old, newest first, each with its id."""
    oldest = hub.clock() - (_WINDOW_OF_GHES if hub.ghes else _WINDOW)
    return [
        (_FIRST_ROW + place, each)
        for place, each in reversed(list(enumerate(hub.deliveries)))
        if each.parcel.hook_id == hook.id
        and (each.attempts or each.mishap is Mishap.LOST)
        and (each.parcel.sent is None or each.parcel.sent > oldest)
    ]


def _row(id_: int, delivery: Delivery) -> Body:
    event, _, action = delivery.parcel.name.partition(".")
    message = _message(delivery)
    return {
        "id": id_,
        "guid": delivery.parcel.id,
        "delivered_at": moment(delivery.parcel.sent or delivery.attempts[0].at),
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


def _whole(id_: int, delivery: Delivery) -> Body:
    answered = delivery.status is not None
    return {
        **_row(id_, delivery),
        "url": delivery.parcel.url,
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
    text = delivery.parcel.body.decode()
    if delivery.parcel.headers["Content-Type"] == "application/x-www-form-urlencoded":
        text = parse_qs(text)["payload"][0]
    try:
        message: dict[str, Any] = json.loads(text)
    except json.JSONDecodeError:
        return {}  # a parcel that somebody broke on purpose
    return message
