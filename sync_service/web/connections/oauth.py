"""OAuth 2.0 authorisation: a page that leads to the tracker's consent screen, and the callback that stores the tokens.

The `state` parameter works once, within one hour, and only in the session that started the flow.
"""

import secrets
from dataclasses import dataclass, field

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.trackers.capabilities import SupportsOAuth
from sync_service.domain.trackers.connector import ConnectorError, Unavailable
from sync_service.runtime.wiring import Services
from sync_service.store.engine.database import writing
from sync_service.store.jobs import oauth_tokens
from sync_service.store.people import audit, oauth_states
from sync_service.store.people.oauth_states import AppRequest
from sync_service.store.trackers.connections import Configured
from sync_service.web.connections.bounded_calls import CallTimedOut, TooManyCalls, call_with_timeout
from sync_service.web.connections.shared import configured, connector_of, connector_with, find
from sync_service.web.request.audit_log import actor
from sync_service.web.request.context import public_url, services, wake
from sync_service.web.request.guards import SESSION, Guard, guarded

blueprint = Blueprint("connections_consents", __name__, url_prefix="/connections")

_OAUTH = "consent"
"""The kind of OAuth states, to keep them apart from those of app registrations."""


def back_url(kind: str) -> str:
    """Return the callback URL, which must be registered in the OAuth app."""
    return public_url("connections_consents.consented", kind=kind)


@blueprint.post("/<slug>/consent")
@guarded(Guard.ADMIN)
def ask(slug: str) -> ResponseReturnValue:
    """Show what a consent allows, and the link to the tracker."""
    one, connection = find(slug), configured(slug)
    connector = connector_with(one.kind, SupportsOAuth)  # type: ignore[type-abstract]  # used with isinstance only
    if connection.view.client is None:
        abort(409, f"{slug} has no OAuth app to consent to.")
    state, back = secrets.token_urlsafe(32), back_url(one.kind)
    with writing(services().engine) as tx:
        wanted = AppRequest(_OAUTH, {"slug": slug})
        oauth_states.begin(tx, wanted, state=state, session=session[SESSION], now=services().now())
    address = connector.authorization_url(connection.view, redirect=back, state=state)
    return render_template(
        "connection_consent.html",
        one=one,
        title=connector_of(one.kind).title,
        address=address,
        back=back,
        writes=connection.view.writes_back,
    )


@blueprint.get("/<kind>/consented")
@guarded(Guard.ADMIN)
def consented(kind: str) -> ResponseReturnValue:
    """Handle the callback: exchange the code for tokens and store them encrypted."""
    state, code = request.args.get("state", ""), request.args.get("code", "")
    exchange = _TokenExchange(services(), state, session[SESSION], actor())
    app_request = exchange.begin() if state else None
    if app_request is None:
        return _failed("", "This link does not belong to a consent that you started here, or is used up.", 400)
    slug = str(app_request.connection_fields["slug"])
    if not code:
        flash("Consent was not given. Nothing has changed.", "warning")
        return redirect(url_for("connections.show", slug=slug))
    connection = configured(slug)
    connector = connector_with(connection.kind, SupportsOAuth)  # type: ignore[type-abstract]  # used with isinstance only
    back = back_url(kind)
    try:
        call_with_timeout(lambda: exchange.finish(connector, connection, app_request, code=code, back=back))
    except TooManyCalls as error:
        exchange.restore_state(app_request)
        return _failed(slug, f"{error}. Reload this page in a moment.", 503)
    except CallTimedOut as error:
        detail = f"{error}. Check the connection first: the consent may appear there."
        return _failed(slug, f"{detail} If not, reload this page.", 503)
    except Unavailable as error:
        return _failed(slug, f"{error}. Reload this page in a moment.", 503)
    except ConnectorError as error:
        return _failed(slug, f"{error}.", 422)
    services().connections.clear_cache()
    wake("poll", "scheduled_task")
    flash("The consent is stored, encrypted. It is renewed automatically.", "success")
    if find(slug).scopes:
        return redirect(url_for("connections.show", slug=slug))
    return redirect(url_for("connections_scopes.choose", slug=slug))


def _failed(slug: str, detail: str, status: int) -> ResponseReturnValue:
    """Show that there is no consent, with a link to the connection's page, or to all if the connection is unknown."""
    page = url_for("connections.show", slug=slug, _anchor="consent") if slug else url_for("connections.index")
    label = slug or "Connections"
    return (
        render_template(
            "connection_failed.html", title="The consent is not stored yet", detail=detail, link=page, label=label
        ),
        status,
    )


@dataclass(frozen=True, slots=True)
class _TokenExchange:
    """Exchanges a code for OAuth tokens, in its own thread: once it is used, they are stored even if nobody waits."""

    services: Services
    state: str = field(repr=False)
    session: str = field(repr=False)
    by: str

    def begin(self) -> AppRequest | None:
        """Return the request that belongs to the state, and use the state up; None when it is not valid."""
        now = self.services.now()
        with writing(self.services.engine) as tx:
            return oauth_states.consume(tx, state=self.state, session=self.session, kind=_OAUTH, now=now)

    def restore_state(self, app_request: AppRequest) -> None:
        """Make the state valid again, because the code was not used."""
        with writing(self.services.engine) as tx:
            oauth_states.begin(tx, app_request, state=self.state, session=self.session, now=self.services.now())

    def finish(
        self, connector: SupportsOAuth, connection: Configured, app_request: AppRequest, *, code: str, back: str
    ) -> None:
        """Exchange the code for tokens and store them. Raise any `ConnectorError`."""
        try:
            tokens = connector.exchange_code(connection.view, code=code, redirect=back)
        except Unavailable:
            self.restore_state(app_request)
            raise
        now = self.services.now()
        with writing(self.services.engine) as tx:
            oauth_tokens.store_granted(tx, self.services.sealer, connection.id, tokens, by=self.by, now=now)
            audit.note(tx, actor=self.by, what=f"consented to calls of the connection {connection.slug}", at=now)
