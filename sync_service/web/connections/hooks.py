"""Webhooks made by calls, one after the other, each with what came of it; what fails is left to be made by hand."""

from collections.abc import Sequence

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from sync_service.domain.abilities import HookMade, MakesHooks
from sync_service.domain.connectors import ConnectorError
from sync_service.web.connections import once
from sync_service.web.connections.briefly import briefly
from sync_service.web.connections.shared import able, configured, find, hook_url
from sync_service.web.guards import Guard, guarded

blueprint = Blueprint("connections_hooks", __name__, url_prefix="/connections/<slug>/webhooks")


def make(slug: str, scopes: Sequence[str]) -> ResponseReturnValue:
    """Show the scopes; each line asks for its webhook by itself, one at a time."""
    return render_template("connection_hooks.html", one=find(slug), scopes=list(scopes))


@blueprint.post("")
@guarded(Guard.ADMIN)
def make_all(slug: str) -> ResponseReturnValue:
    """Make the webhooks of everything that is watched, or set the one of an app."""
    one = find(slug)
    return make(slug, [""] if one.credentials == "app" else [scope.called or scope.name for scope in one.scopes])


@blueprint.post("/one")
@guarded(Guard.ADMIN)
def make_one(slug: str) -> ResponseReturnValue:
    """Make the webhook of one scope, for htmx."""
    name = request.form.get("scope", "")[:300]
    one, connection = find(slug), configured(slug)
    url = hook_url(slug)
    connector = able(one.kind, MakesHooks)  # type: ignore[type-abstract]  # asked of an object
    if not connection.secrets:
        made = [HookMade(where=name, made=False, says="the connection has no webhook secret: make one first")]
    else:
        try:
            made = list(
                briefly(
                    lambda: connector.make_hooks(
                        connection.view,
                        scopes=[name] if name else [],
                        hook_url=url,
                        secret=connection.secrets[0],
                    )
                )
            )
        except ConnectorError as error:
            made = [HookMade(where=name or "the app", made=False, says=str(error))]
    if not all(line.made for line in made):
        once.want(slug)
    return render_template("connection_hook_made.html", made=made)
