"""Deliveries: what trackers sent, what became of it and why, and the buttons that try again."""

import json

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.store import audit, counters, deliveries
from sync_service.store.database import reading, writing
from sync_service.store.deliveries import OUTCOMES, DeliveryOpened
from sync_service.store.rule_views import connection_choices
from sync_service.web import words
from sync_service.web.guards import Guard, guarded, who
from sync_service.web.house import house, ring

blueprint = Blueprint("deliveries", __name__, url_prefix="/deliveries")

PAGE = 50

MOST_SHOWN = 200_000
"""Bytes of a body that a page shows."""

LOOKED_THROUGH = 2000
"""History entries, from the delivery's arrival on, in which a page looks for what it moved."""

LONGEST_ID = 200


@blueprint.get("")
@guarded(Guard.ADMIN)
def index() -> ResponseReturnValue:
    """List deliveries, newest first; `?outcome=`, `?connection=`, `?q=` (a delivery id) choose, `?before=` goes on."""
    outcome, connection = request.args.get("outcome", ""), request.args.get("connection", "")
    asked = request.args.get("q", "").strip()[:LONGEST_ID]
    before = request.args.get("before", type=int)
    chosen = outcome if outcome in OUTCOMES else None
    with reading(house().engine) as tx:
        connections = connection_choices(tx)
        found = deliveries.delivery_lines(
            tx,
            outcome=chosen,
            connection=connection or None,
            delivery=asked or None,
            before=before,
            limit=PAGE + 1,
        )
        counts = deliveries.counts(tx)
    return render_template(
        "deliveries.html",
        lines=found[:PAGE],
        older=found[PAGE - 1].id if len(found) > PAGE else None,
        continued=before is not None,
        counts=counts,
        connections=connections,
        outcomes=OUTCOMES,
        outcome=chosen or "",
        connection=connection,
        asked=asked,
    )


@blueprint.get("/<int:delivery_id>")
@guarded(Guard.ADMIN)
def show(delivery_id: int) -> ResponseReturnValue:
    """Show one delivery as it was received, and what it moved."""
    with reading(house().engine) as tx:
        opened = deliveries.open_delivery(tx, delivery_id, most=MOST_SHOWN)
        if opened is None:
            abort(404, f"There is no delivery {delivery_id}.")
        line = opened.line
        moved = deliveries.movements(tx, line.delivery, since=line.received_at, looked_through=LOOKED_THROUGH)
    return render_template("delivery.html", line=line, opened=opened, moved=moved, body=pretty(opened), most=MOST_SHOWN)


@blueprint.post("/<int:delivery_id>/replay")
@guarded(Guard.ADMIN)
def replay(delivery_id: int) -> ResponseReturnValue:
    """Make one delivery due again."""
    with writing(house().engine) as tx:
        if not deliveries.replay(tx, delivery_id):
            abort(404, f"There is no delivery {delivery_id}.")
        _note(tx, f"delivery {delivery_id} replayed")
        counters.bump(tx, counters.CHANGES)
    ring("delivery")
    flash("The delivery is applied again in a moment.", "success")
    return redirect(url_for("deliveries.show", delivery_id=delivery_id))


@blueprint.post("/replay")
@guarded(Guard.ADMIN)
def replay_buried() -> ResponseReturnValue:
    """Make all buried deliveries due again."""
    with writing(house().engine) as tx:
        count = deliveries.replay_buried(tx)
        if count:
            _note(tx, f"{count} buried deliveries replayed")
            counters.bump(tx, counters.CHANGES)
    ring("delivery")
    said = (
        f"Trying {words.counted(count, 'buried delivery', 'buried deliveries')} again now."
        if count
        else "Nothing is buried."
    )
    flash(said, "success")
    return redirect(url_for("deliveries.index"))


def _note(tx: Connection, what: str) -> None:
    caller = who()
    actor = (caller.email or caller.name) if caller else ""
    audit.note(tx, actor=actor, what=what, at=house().now())


def pretty(opened: DeliveryOpened) -> str:
    """Write a body as text: JSON indented, anything else as it is; what is no text shows as replacement marks."""
    text = opened.body.decode("utf-8", "replace")
    if opened.size > len(opened.body):
        return text
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
