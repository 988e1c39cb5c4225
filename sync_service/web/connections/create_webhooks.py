"""Create webhooks by API, one after the other, and show the result of each; failed ones are created by hand."""

from collections.abc import Sequence
from typing import Literal

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.domain.trackers.capabilities import CreatesWebhooks, WebhookResult
from sync_service.domain.trackers.connector import ConnectorError
from sync_service.store.views.connections import ConnectionPage
from sync_service.web.connections import reveal_once
from sync_service.web.connections.bounded_calls import call_with_timeout
from sync_service.web.connections.shared import configured, connector_with, find, hook_url, installed_connector
from sync_service.web.request.guards import Guard, guarded

blueprint = Blueprint("connections_hooks", __name__, url_prefix="/connections/<slug>/webhooks")


ALL = "all scopes"
"""Shown in place of a scope's name when one webhook serves all scopes."""


def show_creation(slug: str, scopes: Sequence[str] | None = None) -> ResponseReturnValue:
    """Show a line for each of these scopes, or of all watched ones; each line requests its own webhook, one at a time.

    When one webhook serves all scopes, there is one line without a name.
    """
    one = find(slug)
    if creatable_webhooks(one) == "one":
        lines = [""] if one.scopes or one.credentials == "app" else []
    else:
        lines = _watched(one) if scopes is None else list(scopes)
    return render_template("connection_hooks.html", one=one, scopes=lines, all=ALL)


def creatable_webhooks(one: ConnectionPage) -> Literal["each", "one"] | None:
    """Return whether the credentials can create one webhook per scope (`each`), one for all (`one`), or none (None)."""
    connector = installed_connector(one.kind)
    return (
        connector.webhook_mode(one.credentials) if isinstance(connector, CreatesWebhooks) and one.credentials else None
    )


def _watched(one: ConnectionPage) -> list[str]:
    return [scope.current_name or scope.name for scope in one.scopes]


@blueprint.post("")
@guarded(Guard.ADMIN)
def make_all(slug: str) -> ResponseReturnValue:
    """Create the webhooks of all watched scopes."""
    return show_creation(slug)


@blueprint.post("/one")
@guarded(Guard.ADMIN)
def make_one(slug: str) -> ResponseReturnValue:
    """Create the webhook of one scope, or the one for all scopes, for htmx."""
    name = request.form.get("scope", "")[:300]
    one, connection = find(slug), configured(slug)
    url = hook_url(slug)
    connector = connector_with(one.kind, CreatesWebhooks)  # type: ignore[type-abstract]  # used with isinstance only
    if not connection.secrets:
        made = [
            WebhookResult(where=name or ALL, made=False, says="the connection has no webhook secret: create one first")
        ]
    else:
        try:
            made = list(
                call_with_timeout(
                    lambda: connector.create_webhooks(
                        connection.view,
                        scopes=[name] if name else _watched(one),
                        hook_url=url,
                        secret=connection.secrets[0],
                    )
                )
            )
        except ConnectorError as error:
            made = [WebhookResult(where=name or ALL, made=False, says=str(error))]
    if not all(line.made for line in made):
        reveal_once.show_later(slug)
    return render_template("connection_hook_made.html", made=made)
