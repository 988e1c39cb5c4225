"""Edit a connection: credentials, webhook secrets, settings; and remove it."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.config_file.edit.edit_connection import ConnectionFields, EditConflict, secret_reference
from sync_service.domain.trackers.connector import Connection
from sync_service.store.engine.database import reading
from sync_service.store.views.connections import ConnectionPage, Weight, weight_of
from sync_service.web.connections import reveal_once
from sync_service.web.connections.new import addresses_in, credentials_error, wrong_address
from sync_service.web.connections.shared import configured, find, new_secret, save, save_and_flash, secret_fingerprint
from sync_service.web.connections.views import show_to_admins, switches_of
from sync_service.web.request.context import services
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("connections_edits", __name__, url_prefix="/connections/<slug>")


CREDENTIALS = ("token", "app", "oauth")
"""The credential fields of a connection; at most one of them is set."""


def _back(slug: str) -> ResponseReturnValue:
    return redirect(url_for("connections.show", slug=slug))


@blueprint.post("/credentials")
@guarded(Guard.ADMIN)
def credentials(slug: str) -> ResponseReturnValue:
    """Replace the credentials by a token, which is tested first, or remove them (`act` is `remove`)."""
    if request.form.get("act") == "remove":
        return _remove_credentials(slug)
    token = request.form.get("token", "").strip()
    if not token:
        flash("Paste the token first.", "warning")
        return _back(slug)
    current = configured(slug)
    probe = Connection(slug=slug, site=current.view.site, options=current.view.options, token=token)
    connector = services().connectors.get(current.kind)
    wrong = first_credentials_error(find(slug)) or (credentials_error(connector, probe) if connector else None)
    if wrong:
        flash(f"The token was not stored: {wrong}.", "error")
        return _back(slug)

    def edit(written: ConnectionFields) -> ConnectionFields:
        return {**_without_credential_fields(written), "token": secret_reference("TOKEN")}

    save_and_flash(lambda editing: editing.change(slug, edit, {"TOKEN": token}), "The token is stored, encrypted.")
    return _back(slug)


def first_credentials_error(one: ConnectionPage) -> str | None:
    """Return why the site must not be called; None where it was checked, with the credentials that are there already.

    A connection without credentials calls nobody, so its site was not resolved when it was made.
    """
    return None if one.credentials else wrong_address(one.site)


def _without_credential_fields(written: ConnectionFields) -> ConnectionFields:
    return {name: value for name, value in written.items() if name not in CREDENTIALS}


def _remove_credentials(slug: str) -> ResponseReturnValue:
    def edit(written: ConnectionFields) -> ConnectionFields:
        kept = {name: value for name, value in _without_credential_fields(written).items() if name != "write_back"}
        return {**kept, "earlier": "ignore"}

    save_and_flash(lambda editing: editing.change(slug, edit), "The credentials are removed. Webhooks still work.")
    return _back(slug)


@blueprint.post("/secrets")
@guarded(Guard.ADMIN)
def secrets(slug: str) -> ResponseReturnValue:
    """Add a new webhook secret before the others (`act` is `rotate`), or remove all but the newest (`keep`)."""
    if request.form.get("act") == "keep":
        return _keep_newest(slug, request.form.get("newest", ""))
    made = new_secret()

    def edit(written: ConnectionFields) -> ConnectionFields:
        before = ["kept"] if written.get("webhook_secrets") else []
        return {**written, "webhook_secrets": [secret_reference("MADE"), *before]}

    message = "There is a new webhook secret. Older ones are accepted until you remove them."
    if save_and_flash(lambda editing: editing.change(slug, edit, {"MADE": made}), message):
        reveal_once.store_secret(slug, made, show=True)
    return _back(slug)


def _keep_newest(slug: str, newest: str) -> ResponseReturnValue:
    try:
        plan = save(
            lambda editing: editing.keep_newest_secret(slug, lambda stored: secret_fingerprint(stored) == newest)
        )
    except EditConflict as error:
        flash(f"{str(error).capitalize()}. Check it again.", "error")
    else:
        flash(
            "Only the newest webhook secret is accepted now." if plan.changes else "There is no older secret.",
            "success",
        )
    return _back(slug)


@blueprint.post("/settings")
@guarded(Guard.ADMIN)
def settings(slug: str) -> ResponseReturnValue:
    """Change the owner, the import of existing issues, and the other settings.

    If an address among them changes, the token must be entered again: a stored token is sent only to the address for
    which it was entered.
    """
    one = find(slug)
    wanted, token = _wanted(one), request.form.get("token", "").strip()
    errors = _field_errors(one, wanted, token)

    def edit(written: ConnectionFields) -> ConnectionFields:
        addresses = _changed_addresses(written, wanted)
        if addresses and not token and any(name in written for name in CREDENTIALS):
            raise _TokenNeeded(addresses)
        changed = {**(_without_credential_fields(written) if token else written), **wanted}
        kept = {name: value for name, value in changed.items() if value != "" or name not in wanted}
        return {**kept, "token": secret_reference("TOKEN")} if token else kept

    if not errors:
        try:
            save_and_flash(lambda editing: editing.change(slug, edit, {"TOKEN": token}), "The settings are saved.")
        except _TokenNeeded as error:
            errors = dict.fromkeys(error.names, _NEW_ADDRESS)
    if errors:
        return show_to_admins(one, typed=wanted, errors=errors), 422
    return _back(slug)


class _TokenNeeded(Exception):
    """The settings `names` would send stored credentials to an address for which they were not entered."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = names


_NEW_ADDRESS = (
    "stored credentials are not sent to a new address: paste the token again with this change, or remove the "
    "credentials first"
)


def _texts(one: ConnectionPage) -> list[str]:
    connector = services().connectors.get(one.kind)
    return [option.name for option in connector.options if option.form == "text"] if connector else []


def _wanted(one: ConnectionPage) -> dict[str, Any]:
    """Return the settings in the form. Empty or unticked ones are to be left out of the file."""
    form = request.form
    wanted = {name: form.get(name, "").strip() for name in ("owner", *_texts(one))}
    ticked = {name: name in form or "" for name in switches_of(one)}
    return {**wanted, **ticked, "earlier": "import" if form.get("earlier") == "import" else "ignore"}


def _field_errors(one: ConnectionPage, wanted: Mapping[str, Any], token: str) -> dict[str, str]:
    """Return the errors of the addresses, or of a new token, which is tested at these addresses."""
    texts = _texts(one)
    found = {name: wrong for name, at in addresses_in(wanted).items() if (wrong := wrong_address(at))}
    connector = services().connectors.get(one.kind)
    if found or not token or connector is None:
        return found
    if wrong := first_credentials_error(one):
        return {"token": wrong}
    kept = {name: value for name, value in one.options.items() if name not in texts}
    options = {**kept, **{name: wanted[name] for name in texts if wanted[name]}}
    refused = credentials_error(connector, Connection(slug=one.slug, site=one.site, options=options, token=token))
    return {"token": refused} if refused else {}


def _changed_addresses(written: ConnectionFields, wanted: Mapping[str, Any]) -> list[str]:
    """Return the names of settings whose address changes. Without one, calls go to the site, so removal counts too."""
    before = {name: written.get(name, "") for name in wanted}
    addresses = {**addresses_in(before), **addresses_in(wanted)}
    return [name for name in addresses if before[name] != wanted[name]]


@blueprint.get("/remove")
@guarded(Guard.ADMIN)
def ask_to_remove(slug: str) -> ResponseReturnValue:
    """Show what a removal deletes, and ask for confirmation."""
    one = find(slug)
    with reading(services().engine) as tx:
        weight: Weight = weight_of(tx, one.id)
    return render_template("connection_remove.html", one=one, weight=weight)


@blueprint.post("/remove")
@guarded(Guard.ADMIN)
def remove(slug: str) -> ResponseReturnValue:
    """Remove a connection, if its name was typed as confirmation."""
    if request.form.get("name", "").strip() != slug:
        flash("Nothing was removed: the name you typed is a different one.", "error")
        return redirect(url_for("connections_edits.ask_to_remove", slug=slug))
    save(lambda editing: editing.remove(slug))
    flash(f"{slug} is removed.", "success")
    return redirect(url_for("connections.index"))
