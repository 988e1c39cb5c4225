"""The deliveries pages: received webhooks with their outcome, and the buttons that replay them."""

import json
from collections.abc import Iterable

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.text import counted
from sync_service.store.engine import versions
from sync_service.store.engine.database import reading, writing
from sync_service.store.trackers import inbox
from sync_service.store.views import deliveries
from sync_service.store.views.deliveries import OUTCOMES, DeliveryOpened
from sync_service.store.views.rules import connection_choices
from sync_service.web.request.audit_log import record
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("deliveries", __name__, url_prefix="/deliveries")

PAGE = 50

MAX_BODY_SHOWN = 200_000
"""Maximum bytes of a body on the page."""

MAX_GROWTH = 10
"""How many times longer indented JSON may be than the body; deliveries of trackers become about twice as long."""

MAX_HISTORY_SEARCHED = 2000
"""Maximum history entries, from the delivery's arrival on, that are searched for what the delivery moved."""

LONGEST_ID = 200


@blueprint.get("")
@guarded(Guard.ADMIN)
def index() -> ResponseReturnValue:
    """List deliveries, newest first. Filters: `?outcome=`, `?connection=`, `?q=` (delivery id); `?before=` pages."""
    outcome, connection = request.args.get("outcome", ""), request.args.get("connection", "")
    asked = request.args.get("q", "").strip()[:LONGEST_ID]
    before = request.args.get("before", type=int)
    chosen = outcome if outcome in OUTCOMES else None
    with reading(services().engine) as tx:
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
    """Show one delivery as received, and the key results it moved."""
    with reading(services().engine) as tx:
        opened = deliveries.open_delivery(tx, delivery_id, most=MAX_BODY_SHOWN)
        if opened is None:
            abort(404, f"There is no delivery {delivery_id}.")
        line = opened.line
        moved = deliveries.movements(tx, line.delivery, since=line.received_at, searched=MAX_HISTORY_SEARCHED)
    return render_template(
        "delivery.html", line=line, opened=opened, moved=moved, body=pretty(opened), most=MAX_BODY_SHOWN
    )


@blueprint.post("/<int:delivery_id>/replay")
@guarded(Guard.ADMIN)
def replay(delivery_id: int) -> ResponseReturnValue:
    """Make one delivery due again."""
    with writing(services().engine) as tx:
        if not inbox.replay(tx, delivery_id):
            abort(404, f"There is no delivery {delivery_id}.")
        record(tx, f"delivery {delivery_id} replayed")
        versions.bump(tx, versions.CHANGES)
    wake("delivery")
    flash("The delivery will be applied again in a moment.", "success")
    return redirect(url_for("deliveries.show", delivery_id=delivery_id))


@blueprint.post("/replay")
@guarded(Guard.ADMIN)
def replay_buried() -> ResponseReturnValue:
    """Make all buried deliveries due again."""
    with writing(services().engine) as tx:
        count = inbox.count_buried(tx)
        if count:
            record(tx, f"{counted(count, 'buried delivery', 'buried deliveries')} replayed")
    if count:
        count = inbox.replay_buried(services().engine)
    wake("delivery")
    message = (
        f"Replaying {counted(count, 'buried delivery', 'buried deliveries')} now."
        if count
        else "No delivery is buried."
    )
    flash(message, "success")
    return redirect(url_for("deliveries.index"))


def pretty(opened: DeliveryOpened) -> str:
    """Return a body as text: JSON indented, anything else unchanged; bytes that are not UTF-8 become `U+FFFD`.

    JSON that is much longer when indented, because it is nested deeply, stays unchanged too.
    """
    text = opened.body.decode("utf-8", "replace")
    if opened.size > len(opened.body):
        return text
    try:
        pieces = json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(json.loads(text))
        indented = _joined(pieces, most=MAX_GROWTH * len(text)) or text
        return indented.encode("utf-8", "replace").decode()  # JSON may escape half a character
    except (ValueError, RecursionError):
        return text


def _joined(pieces: Iterable[str], *, most: int) -> str | None:
    """Return the pieces as one text; None as soon as they are longer than `most`."""
    taken, size = [], 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            return None
        taken.append(piece)
    return "".join(taken)
