"""The list of connections, and the page of one: its health for everybody, its settings for admins."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.trackers.capabilities import HasSetupGuide, ListsChanges, ListsScopes
from sync_service.domain.trackers.connector import Option
from sync_service.domain.trackers.write_back import WritesBack
from sync_service.store.engine.database import reading, writing
from sync_service.store.engine.encryption import DecryptionError
from sync_service.store.jobs import polls
from sync_service.store.views.connections import ConnectionPage, connection_pages
from sync_service.store.views.rules import owner_choices
from sync_service.web.connections import reveal_once
from sync_service.web.connections.create_webhooks import creatable_webhooks
from sync_service.web.connections.shared import configured, find, hook_url, installed_connector, secret_fingerprint
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import Guard, guarded, may

blueprint = Blueprint("connections", __name__, url_prefix="/connections")

_WRITE_BACK = Option(
    "write_back",
    "flag",
    "needs credentials with write access; if off, nothing is written",
    label="Write on issues which key results they serve",
)


@blueprint.get("")
@guarded(Guard.VIEWER)
def index() -> ResponseReturnValue:
    """List the connections."""
    with reading(services().engine) as tx:
        found = connection_pages(tx)
    return render_template("connections.html", connections=found, titles=titles())


@blueprint.get("/<slug>")
@guarded(Guard.VIEWER)
def show(slug: str) -> ResponseReturnValue:
    """Show one connection; admins can change it there."""
    found = find(slug)
    if not may(Guard.ADMIN):
        return render_template("connection.html", one=found, titles=titles())
    return show_to_admins(found, made=None if "X-Live" in request.headers else reveal_once.pop_secret(slug))


def show_to_admins(
    found: ConnectionPage,
    *,
    made: str | None = None,
    typed: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> str:
    """Render one connection with its settings; `errors` are the errors in the `typed` settings, by field."""
    with reading(services().engine) as tx:
        owners = owner_choices(tx)
    return render_template(
        "connection.html",
        one=found,
        titles=titles(),
        owners=owners,
        made=made,
        typed=typed or {},
        errors=errors or {},
        **_setup_variables(found),
    )


def titles() -> dict[str, str]:
    """Return the display name of each kind of tracker."""
    return {kind: connector.title for kind, connector in services().connectors.items()}


def _setup_variables(found: ConnectionPage) -> dict[str, object]:
    """Return the template variables about setup: the connector's guide, its capabilities and options."""
    connector = installed_connector(found.kind)
    known = services().connectors.get(found.kind)
    return {
        "connector": connector,
        "guide": connector.manual_webhook(scopes=[one.name for one in found.scopes])
        if isinstance(connector, HasSetupGuide)
        else None,
        "hook_url": hook_url(found.slug),
        "offers": isinstance(connector, ListsScopes) and bool(found.credentials),
        "makes": creatable_webhooks(found),
        "lists": isinstance(connector, ListsChanges),
        "texts": [option for option in known.options if option.form == "text"] if known else [],
        "switches": switches_of(found).values(),
        "newest": _newest(found),
    }


def switches_of(found: ConnectionPage) -> dict[str, Option]:
    """Return the on/off options of a connection with credentials, by name; write-back first."""
    connector = services().connectors.get(found.kind)
    if connector is None or not found.credentials:
        return {}
    writes = [_WRITE_BACK] if isinstance(connector, WritesBack) else []
    return {one.name: one for one in [*writes, *connector.options] if one.form == "flag"}


def _newest(found: ConnectionPage) -> str:
    """Return the fingerprint of the newest secret when there are older ones; "" when none can be decrypted."""
    try:
        secrets = configured(found.slug).secrets if found.secrets > 1 else ()
    except DecryptionError:
        return ""
    return secret_fingerprint(secrets[0]) if secrets else ""


@blueprint.post("/<slug>/ask")
@guarded(Guard.ADMIN)
def ask(slug: str) -> ResponseReturnValue:
    """Poll every watched scope now."""
    found = find(slug)
    with writing(services().engine) as tx:
        hurried = polls.hurry(tx, found.id)
    wake("poll")
    if hurried:
        flash("Polling for changes now. This page updates automatically.", "success")
    else:
        flash("Nothing to poll: the connection needs credentials and something to watch.", "warning")
    return redirect(url_for("connections.show", slug=slug))
