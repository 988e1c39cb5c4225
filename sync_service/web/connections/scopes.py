"""Choosing what a connection watches, out of what its credentials see or by name; and what it watches no longer."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.apply.editing import Written
from sync_service.domain.abilities import Guides, Introduced, Offer, Offers
from sync_service.domain.connectors import ConnectorError
from sync_service.web.connections import once
from sync_service.web.connections.briefly import briefly
from sync_service.web.connections.hooks import make, makes
from sync_service.web.connections.shared import configured, find, scopes_in, tried, whatever_connects
from sync_service.web.guards import Guard, guarded

blueprint = Blueprint("connections_scopes", __name__, url_prefix="/connections/<slug>/scopes")

MOST_OFFERED = 500
"""Scopes on the page; any other can be typed."""


QUICK_SECONDS, QUICK_TRIES, MOST_TRIES = 3, 20, 120
"""How a page waits for an installation: often for a minute, then seldom, and half an hour in all."""


@blueprint.get("")
@guarded(Guard.ADMIN)
def choose(slug: str) -> ResponseReturnValue:
    """Show what may be watched; the tracker is asked for it once the page is there."""
    one = find(slug)
    connector = whatever_connects(one.kind)
    return render_template(
        "connection_scopes.html",
        one=one,
        connector=connector,
        guided=isinstance(connector, Guides),
        offers=isinstance(connector, Offers) and bool(one.credentials),
        makes=makes(one) if one.credentials == "token" else None,
    )


@blueprint.get("/offered")
@guarded(Guard.ADMIN)
def offered(slug: str) -> ResponseReturnValue:
    """Ask the tracker who we are and what we see, for htmx."""
    tries = request.args.get("tries", 0, type=int)
    one, connection = find(slug), configured(slug).view
    connector = whatever_connects(one.kind)
    who_we_are: Introduced | None = None
    seen: Offer | None = None
    wrong = None
    if isinstance(connector, Offers):
        try:
            who_we_are = briefly(lambda: connector.introduce(connection))
            seen = briefly(lambda: connector.offer(connection, most=MOST_OFFERED))
        except ConnectorError as error:
            wrong = str(error)
    return render_template(
        "connection_offered.html",
        one=one,
        connector=connector,
        introduced=who_we_are,
        seen=seen,
        wrong=wrong,
        tries=tries + 1,
        again_seconds=None if tries >= MOST_TRIES else QUICK_SECONDS if tries < QUICK_TRIES and not wrong else 15,
        watched={scope.name.casefold() for scope in one.scopes} | {(s.called or "").casefold() for s in one.scopes},
    )


@blueprint.post("")
@guarded(Guard.ADMIN)
def watch(slug: str) -> ResponseReturnValue:
    """Watch what was chosen or typed, and make the webhooks for it where that was wished."""
    named = scopes_in(request.form.get("typed", ""), request.form.getlist("scope"))
    if not named:
        flash("Nothing was chosen.", "warning")
        return redirect(url_for("connections_scopes.choose", slug=slug))

    def edit(written: Written) -> Written:
        before = list(written.get("scopes", ()))
        known = {one.casefold() for one in before}
        return {**written, "scopes": [*before, *(one for one in named if one.casefold() not in known)]}

    if not tried(lambda editing: editing.change(slug, edit), "What you chose is watched from now on."):
        return redirect(url_for("connections_scopes.choose", slug=slug))
    if request.form.get("hooks"):
        return make(slug, named)
    once.want(slug)
    return redirect(url_for("connections.show", slug=slug))


@blueprint.post("/remove")
@guarded(Guard.ADMIN)
def leave(slug: str) -> ResponseReturnValue:
    """Watch a scope no longer."""
    name = request.form.get("scope", "")

    def edit(written: Written) -> Written:
        return {**written, "scopes": [one for one in written.get("scopes", ()) if one != name]}

    tried(lambda editing: editing.change(slug, edit), f"{name} is no longer watched.")
    return redirect(url_for("connections.show", slug=slug))
