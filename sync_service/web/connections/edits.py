"""Changing a connection: its credentials, webhook secrets and settings, and its removal."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.apply.editing import Overtaken, Written, secret
from sync_service.domain.connectors import Connection
from sync_service.store.connection_pages import Weight, weight_of
from sync_service.store.database import reading
from sync_service.web.connections import once
from sync_service.web.connections.new import addresses_in, introduced, wrong_address
from sync_service.web.connections.shared import configured, find, mark_of, new_secret, save, tried
from sync_service.web.guards import Guard, guarded
from sync_service.web.house import house

blueprint = Blueprint("connections_edits", __name__, url_prefix="/connections/<slug>")


CREDENTIALS = ("token", "app", "oauth")
"""The fields of a connection that are credentials, of which it has one."""


def _back(slug: str) -> ResponseReturnValue:
    return redirect(url_for("connections.show", slug=slug))


@blueprint.post("/credentials")
@guarded(Guard.ADMIN)
def credentials(slug: str) -> ResponseReturnValue:
    """Replace the credentials by a token, which is tried at once, or take them away (`act` is `remove`)."""
    if request.form.get("act") == "remove":
        return _without_credentials(slug)
    token = request.form.get("token", "").strip()
    if not token:
        flash("Paste the token first.", "warning")
        return _back(slug)
    now = configured(slug)
    tried_with = Connection(slug=slug, site=now.view.site, options=now.view.options, token=token)
    connector = house().connectors.get(now.kind)
    wrong = introduced(connector, tried_with) if connector else None
    if wrong:
        flash(f"The token was not taken: {wrong}.", "error")
        return _back(slug)

    def edit(written: Written) -> Written:
        return {**_credentialless(written), "token": secret("TOKEN")}

    tried(lambda editing: editing.change(slug, edit, {"TOKEN": token}), "The token is tried and stored, encrypted.")
    return _back(slug)


def _credentialless(written: Written) -> Written:
    return {name: value for name, value in written.items() if name not in CREDENTIALS}


def _without_credentials(slug: str) -> ResponseReturnValue:
    def edit(written: Written) -> Written:
        return {**_credentialless(written), "earlier": "ignore"}

    tried(lambda editing: editing.change(slug, edit), "The credentials are removed. Webhooks go on.")
    return _back(slug)


@blueprint.post("/secrets")
@guarded(Guard.ADMIN)
def secrets(slug: str) -> ResponseReturnValue:
    """Make a new webhook secret in front of the others (`act` is `rotate`), or keep the newest alone (`keep`)."""
    if request.form.get("act") == "keep":
        return _keep_newest(slug, request.form.get("newest", ""))
    made = new_secret()

    def edit(written: Written) -> Written:
        before = ["kept"] if written.get("webhook_secrets") else []
        return {**written, "webhook_secrets": [secret("MADE"), *before]}

    said = "There is a new webhook secret. The older ones are accepted too until you remove them."
    if tried(lambda editing: editing.change(slug, edit, {"MADE": made}), said):
        once.keep(slug, made, show=True)
    return _back(slug)


def _keep_newest(slug: str, newest: str) -> ResponseReturnValue:
    try:
        plan = save(lambda editing: editing.keep_newest_secret(slug, lambda stored: mark_of(stored) == newest))
    except Overtaken as error:
        flash(f"{str(error).capitalize()}. Look at it again.", "error")
    else:
        flash(
            "Only the newest webhook secret is accepted now." if plan.changes else "There is no older one.", "success"
        )
    return _back(slug)


@blueprint.post("/settings")
@guarded(Guard.ADMIN)
def settings(slug: str) -> ResponseReturnValue:
    """Change who answers for the connection, what becomes of what existed earlier, and its other settings."""
    one = find(slug)
    connector = house().connectors.get(one.kind)
    texts = [option.name for option in connector.options if option.form == "text"] if connector else []
    wanted = {name: request.form.get(name, "").strip() for name in ("owner", *texts)}
    wrong = [f"{name}: {said}" for name, at in addresses_in(wanted).items() if (said := wrong_address(at))]
    if wrong:
        flash(". ".join(wrong), "error")
        return _back(slug)
    wanted["earlier"] = "import" if request.form.get("earlier") == "import" else "ignore"

    def edit(written: Written) -> Written:
        changed = {**written, **wanted}
        return {name: value for name, value in changed.items() if value != "" or name not in wanted}

    tried(lambda editing: editing.change(slug, edit), "The settings are saved.")
    return _back(slug)


@blueprint.get("/remove")
@guarded(Guard.ADMIN)
def ask_to_remove(slug: str) -> ResponseReturnValue:
    """Say what a removal takes with it, and ask."""
    one = find(slug)
    with reading(house().engine) as tx:
        weight: Weight = weight_of(tx, one.id)
    return render_template("connection_remove.html", one=one, weight=weight)


@blueprint.post("/remove")
@guarded(Guard.ADMIN)
def remove(slug: str) -> ResponseReturnValue:
    """Remove a connection, once its name was typed."""
    if request.form.get("name", "").strip() != slug:
        flash("Nothing was removed: the name that was typed is another one.", "error")
        return redirect(url_for("connections_edits.ask_to_remove", slug=slug))
    save(lambda editing: editing.remove(slug))
    flash(f"{slug} is removed.", "success")
    return redirect(url_for("connections.index"))
