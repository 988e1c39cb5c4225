"""Choose the scopes that a connection watches, from the list that its credentials see or by name; stop watching one."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.config_file.edit.edit_connection import ConnectionFields
from sync_service.domain.trackers.capabilities import AvailableScopes, HasSetupGuide, Identity, ListsScopes
from sync_service.domain.trackers.connector import ConnectorError
from sync_service.web.connections import reveal_once
from sync_service.web.connections.bounded_calls import call_with_timeout
from sync_service.web.connections.create_webhooks import creatable_webhooks, show_creation
from sync_service.web.connections.shared import (
    configured,
    find,
    installed_connector,
    read_scopes,
    save_and_flash,
    scopes_in,
)
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("connections_scopes", __name__, url_prefix="/connections/<slug>/scopes")

MOST_OFFERED = 500
"""Maximum scopes in the list; others can be typed."""


QUICK_SECONDS, QUICK_TRIES, MOST_TRIES = 3, 20, 120
"""How a page waits for an app's installation: every 3 s for a minute, then every 15 s, for half an hour."""


@blueprint.get("")
@guarded(Guard.ADMIN)
def choose(slug: str) -> ResponseReturnValue:
    """Show the form; htmx loads the scopes that the tracker offers once the page is open."""
    one = find(slug)
    connector = installed_connector(one.kind)
    return render_template(
        "connection_scopes.html",
        one=one,
        connector=connector,
        guided=isinstance(connector, HasSetupGuide),
        offers=isinstance(connector, ListsScopes) and bool(one.credentials),
        makes=creatable_webhooks(one) if one.credentials == "token" else None,
    )


@blueprint.get("/offered")
@guarded(Guard.ADMIN)
def offered(slug: str) -> ResponseReturnValue:
    """Fetch our identity and the visible scopes from the tracker, for htmx."""
    tries = request.args.get("tries", 0, type=int)
    one, connection = find(slug), configured(slug).view
    connector = installed_connector(one.kind)
    identity: Identity | None = None
    visible: AvailableScopes | None = None
    wrong = None
    if isinstance(connector, ListsScopes):
        try:
            identity = call_with_timeout(lambda: connector.identify(connection))
            visible = call_with_timeout(lambda: connector.list_scopes(connection, most=MOST_OFFERED))
        except ConnectorError as error:
            wrong = str(error)
    return render_template(
        "connection_offered.html",
        one=one,
        connector=connector,
        identity=identity,
        visible=visible,
        wrong=wrong,
        tries=tries + 1,
        again_seconds=None if tries >= MOST_TRIES else QUICK_SECONDS if tries < QUICK_TRIES and not wrong else 15,
        watched={(scope.current_name or scope.name).casefold() for scope in one.scopes},
    )


@blueprint.post("")
@guarded(Guard.ADMIN)
def watch(slug: str) -> ResponseReturnValue:
    """Watch the chosen and typed scopes, and create their webhooks if requested."""
    one = find(slug)
    named = read_scopes(one, scopes_in(request.form.get("typed", ""), request.form.getlist("scope")))
    present = {scope.name: scope.current_name or scope.name for scope in one.scopes}
    if not named:
        flash("Nothing was chosen.", "warning")
        return redirect(url_for("connections_scopes.choose", slug=slug))

    def edit(written: ConnectionFields) -> ConnectionFields:
        before, chosen = list(written.get("scopes", ())), {name.casefold() for name in named}
        known = {present.get(name, name).casefold() for name in before}
        # A name that is chosen means what is called so at present, so the one that had it before gets its new name.
        kept = [present.get(name, name) if name.casefold() in chosen else name for name in before]
        return {**written, "scopes": [*kept, *(name for name in named if name.casefold() not in known)]}

    if not save_and_flash(lambda editing: editing.change(slug, edit), "Your choice is watched from now on."):
        return redirect(url_for("connections_scopes.choose", slug=slug))
    if request.form.get("hooks"):
        return show_creation(slug, named)
    reveal_once.show_later(slug)
    return redirect(url_for("connections.show", slug=slug))


@blueprint.post("/remove")
@guarded(Guard.ADMIN)
def unwatch(slug: str) -> ResponseReturnValue:
    """Stop watching a scope."""
    name = request.form.get("scope", "")

    def edit(written: ConnectionFields) -> ConnectionFields:
        return {**written, "scopes": [one for one in written.get("scopes", ()) if one != name]}

    save_and_flash(lambda editing: editing.change(slug, edit), f"{name} is no longer watched.")
    return redirect(url_for("connections.show", slug=slug))
