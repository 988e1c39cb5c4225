"""App registration (GitHub App manifest flow): a form that leads to the tracker, and the redirect back with a code.

The code is exchanged for the app's private key and webhook secret. The `state` parameter works once, within one hour,
and only in the session that started the flow.
"""

import secrets
from dataclasses import dataclass, field

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from sync_service.config_file.edit.edit_connection import ConnectionEditor, ConnectionFields, secret_reference
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.domain.trackers.capabilities import AppRegistration, CreatesWebhooks, RegisteredApp, RegistersApps
from sync_service.domain.trackers.connector import Connection, ConnectorError, Unavailable, WrongField
from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import writing
from sync_service.store.people import oauth_states
from sync_service.store.people.oauth_states import AppRequest
from sync_service.web.connections.bounded_calls import CallTimedOut, TooManyCalls, call_with_timeout
from sync_service.web.connections.new import Draft, check, read_draft, show
from sync_service.web.connections.shared import connector_of, connector_with, editing, hook_url, new_secret
from sync_service.web.request.context import public_url, services, wake
from sync_service.web.request.guards import SESSION, Guard, guarded
from sync_service.web.request.security_headers import csp_with_form_target

log = structlog.get_logger(__name__)

blueprint = Blueprint("connections_apps", __name__, url_prefix="/connections")


@blueprint.post("/new/<kind>/app")
@guarded(Guard.ADMIN)
def ask(kind: str) -> ResponseReturnValue:
    """Show the permissions that the new app requests, and the button that leads to the tracker."""
    connector = connector_with(kind, RegistersApps)  # type: ignore[type-abstract]  # used with isinstance only
    drafted = read_draft(kind, connector_of(kind))
    check(drafted)
    state = secrets.token_urlsafe(32)
    try:
        form = connector.app_form(site=drafted.site, wanted=_wanted(drafted), state=state)
    except WrongField as error:
        drafted.errors[error.field] = f"it must be {error}"
    if drafted.errors:
        return show(drafted, "app", 422)
    with writing(services().engine) as tx:
        oauth_states.begin(
            tx,
            AppRequest(kind, drafted.written()),
            state=state,
            session=session[SESSION],
            now=services().now(),
        )
    response = make_response(
        render_template("connection_app.html", draft=drafted, form=form, connector=connector_of(kind))
    )
    response.headers["Content-Security-Policy"] = csp_with_form_target(form.action)
    return response


def _wanted(drafted: Draft) -> AppRegistration:
    return AppRegistration(
        name=drafted.name,
        organization=drafted.organization,
        home_url=services().settings.base_url,
        hook_url=hook_url(drafted.slug),
        back_url=public_url("connections_apps.created", kind=drafted.kind),
        installed_url=public_url("connections_scopes.choose", slug=drafted.slug),
        writes_back=drafted.write_back,
    )


@blueprint.get("/<kind>/created")
@guarded(Guard.ADMIN)
def created(kind: str) -> ResponseReturnValue:
    """Exchange the code of the redirect for the app's credentials, and store them encrypted as a new connection."""
    connector = connector_with(kind, RegistersApps)  # type: ignore[type-abstract]  # used with isinstance only
    state, code = request.args.get("state", ""), request.args.get("code", "")
    exchange = _AppExchange(connector, editing(), services(), state, session[SESSION])
    app_request = exchange.begin(kind) if state and code else None
    if app_request is None:
        return _failed(kind, "This link does not belong to a registration that you started here, or is used up.", 400)
    try:
        slug = call_with_timeout(lambda: exchange.finish(app_request, code))
    except TooManyCalls as error:
        exchange.restore_state(app_request)
        return _failed(kind, f"{error}. Reload this page in a moment: the registration stays valid for an hour.", 503)
    except CallTimedOut as error:
        detail = f"{error}. Check the Connections page first: the app may appear there. If not, reload this page."
        return _failed(kind, detail, 503, again=False)
    except Unavailable as error:
        return _failed(kind, f"{error}. Reload this page in a moment: the registration stays valid for an hour.", 503)
    except ConnectorError as error:
        return _failed(kind, f"{error}.", 422)
    services().connections.clear_cache()
    wake("poll")
    flash("The app is registered and its key is stored encrypted. Now install it.", "success")
    return redirect(url_for("connections_scopes.choose", slug=slug))


def _failed(kind: str, detail: str, status: int, *, again: bool = True) -> ResponseReturnValue:
    """Show that the app is not connected, with a link to start again, or else to the connections."""
    link = url_for("connections_new.begin", kind=kind, method="app") if again else url_for("connections.index")
    label = "Start again" if again else "Connections"
    return (
        render_template(
            "connection_failed.html", title="The app is not connected yet", detail=detail, link=link, label=label
        ),
        status,
    )


@dataclass(frozen=True, slots=True)
class _AppExchange:
    """Exchanges a code for an app, in its own thread: once the code is used, the app is stored even if nobody waits."""

    connector: RegistersApps
    editing: ConnectionEditor
    services: Services
    state: str = field(repr=False)
    session: str = field(repr=False)

    def begin(self, kind: str) -> AppRequest | None:
        """Return the request that belongs to the state, and use the state up; None when it is not valid."""
        with writing(self.services.engine) as tx:
            return oauth_states.consume(tx, state=self.state, session=self.session, kind=kind, now=self.services.now())

    def restore_state(self, app_request: AppRequest) -> None:
        """Make the state valid again, because the code was not used."""
        with writing(self.services.engine) as tx:
            oauth_states.begin(tx, app_request, state=self.state, session=self.session, now=self.services.now())

    def finish(self, app_request: AppRequest, code: str) -> str:
        """Exchange the code and create the connection; return its slug. Raise any `ConnectorError`."""
        try:
            made = self.connector.exchange_app_code(site=app_request.connection_fields["site"], code=code)
        except Unavailable:
            self.restore_state(app_request)
            raise
        secret_ = made.secret or new_secret()
        slug = self._store(app_request.connection_fields, made, secret_)
        if slug != app_request.connection_fields["slug"] or made.secret is None:
            self._set_webhook(app_request.connection_fields["site"], made, slug, secret_)
        return slug

    def _store(self, wanted: ConnectionFields, made: RegisteredApp, webhook_secret: str) -> str:
        """Create the connection and return its slug.

        If the requested one is no longer valid, create it with a new slug and minimal settings: the code can't be used
        again, so the app's key must not be lost.
        """
        given = {
            "app": {"id": made.app.id, "private_key": secret_reference("KEY")},
            "webhook_secrets": [secret_reference("MADE")],
        }
        secrets_ = {"KEY": made.app.private_key, "MADE": webhook_secret}
        try:
            self.editing.create({**wanted, **given}, secrets_)
        except InvalidFiles:
            slug = f"{wanted['slug'][:90]}-{secrets.token_hex(3)}"
            minimal = {"slug": slug, "kind": wanted["kind"], "site": wanted["site"], "earlier": "ignore"}
            self.editing.create({**minimal, **given}, secrets_)
            return slug
        return str(wanted["slug"])

    def _set_webhook(self, site: str, made: RegisteredApp, slug: str, webhook_secret: str) -> None:
        """Set the address and secret of the app's webhook. If that fails, the connection's page offers it again."""
        if not isinstance(self.connector, CreatesWebhooks):
            return
        url = self.services.connections.hook_url(slug)
        try:
            self.connector.create_webhooks(
                Connection(slug=slug, site=site, app=made.app), scopes=[], hook_url=url, secret=webhook_secret
            )
        except ConnectorError as error:
            log.warning("the webhook of a new app can't be set", connection=slug, error=str(error))
