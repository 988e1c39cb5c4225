"""A person's consent at the tracker: one page that leads there, and one way back, with a code that is stored at once.

The state that comes back is good once, within the hour, and in the session alone in which it was given.
"""

import secrets
from dataclasses import dataclass, field

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from sync_service.domain.abilities import TakesConsent
from sync_service.domain.connectors import ConnectorError, Unavailable
from sync_service.store import app_requests, consents
from sync_service.store.app_requests import AppRequest
from sync_service.store.connections import Configured
from sync_service.store.database import writing
from sync_service.web.connections.briefly import NoRoom, TooSlow, briefly
from sync_service.web.connections.shared import able, configured, connector_of, find
from sync_service.web.guards import SESSION, Guard, guarded, who
from sync_service.web.house import house, ring
from sync_service.wiring import House

blueprint = Blueprint("connections_consents", __name__, url_prefix="/connections")

_WAITING = "consent"
"""What the states of consents are kept as, apart from those of apps."""


def back_url(kind: str) -> str:
    """Give the address that a tracker sends people back to: what the OAuth app has to name as its callback."""
    return house().settings.base_url + url_for("connections_consents.consented", kind=kind)


@blueprint.post("/<slug>/consent")
@guarded(Guard.ADMIN)
def ask(slug: str) -> ResponseReturnValue:
    """Show what a consent is for, and the way to the tracker."""
    one, connection = find(slug), configured(slug)
    connector = able(one.kind, TakesConsent)  # type: ignore[type-abstract]  # asked of an object
    if connection.view.client is None:
        abort(409, f"{slug} has no OAuth app to consent to.")
    state, back = secrets.token_urlsafe(32), back_url(one.kind)
    with writing(house().engine) as tx:
        wanted = AppRequest(_WAITING, {"slug": slug})
        app_requests.begin(tx, wanted, state=state, session=session[SESSION], now=house().now())
    address = connector.consent_address(connection.view, redirect=back, state=state)
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
    """Store what somebody just consented to, encrypted, before anybody sees it."""
    state, code = request.args.get("state", ""), request.args.get("code", "")
    caller = who()
    giving = _Giving(house(), state, session[SESSION], (caller.email or caller.name) if caller else "")
    asked = giving.begin() if state else None
    if asked is None:
        return _failed("", "The answer does not belong to anything you began here, or it was used already.", 400)
    slug = str(asked.wanted["slug"])
    if not code:
        flash("Nobody consented, so nothing has changed.", "warning")
        return redirect(url_for("connections.show", slug=slug))
    connection = configured(slug)
    connector = able(connection.kind, TakesConsent)  # type: ignore[type-abstract]  # asked of an object
    back = back_url(kind)
    try:
        briefly(lambda: giving.finish(connector, connection, asked, code=code, back=back))
    except NoRoom as error:
        giving.give_back(asked)
        return _failed(slug, f"{error}. Reload this page in a moment.", 503)
    except TooSlow as error:
        said = f"{error}. Look at the connection first: the consent may be there in a moment."
        return _failed(slug, f"{said} Reload this page only if it is not.", 503)
    except Unavailable as error:
        return _failed(slug, f"{error}. Reload this page in a moment.", 503)
    except ConnectorError as error:
        return _failed(slug, f"{error}.", 422)
    house().connections.forget()
    ring("poll", "errand")
    flash("The consent is stored, encrypted, and renewed by itself.", "success")
    if find(slug).scopes:
        return redirect(url_for("connections.show", slug=slug))
    return redirect(url_for("connections_scopes.choose", slug=slug))


def _failed(slug: str, said: str, status: int) -> ResponseReturnValue:
    """Say that there is no consent; it is asked for on the connection's page, if it is known which one."""
    page = url_for("connections.show", slug=slug, _anchor="consent") if slug else url_for("connections.index")
    leads = slug or "Connections"
    return (
        render_template(
            "connection_failed.html", title="The consent is not stored yet", said=said, link=page, leads=leads
        ),
        status,
    )


@dataclass(frozen=True, slots=True)
class _Giving:
    """Takes a consent in a thread of its own: once its code is used, it is stored whether or not anybody waits."""

    house: House
    state: str = field(repr=False)
    session: str = field(repr=False)
    by: str

    def begin(self) -> AppRequest | None:
        """Take what was asked for under the state: once."""
        now = self.house.now()
        with writing(self.house.engine) as tx:
            return app_requests.take(tx, state=self.state, session=self.session, kind=_WAITING, now=now)

    def give_back(self, asked: AppRequest) -> None:
        """Let the same answer be tried once more, since its code was not used."""
        with writing(self.house.engine) as tx:
            app_requests.begin(tx, asked, state=self.state, session=self.session, now=self.house.now())

    def finish(
        self, connector: TakesConsent, connection: Configured, asked: AppRequest, *, code: str, back: str
    ) -> None:
        """Turn the code into a consent and keep it. Raises any `ConnectorError`."""
        try:
            given = connector.consent(connection.view, code=code, redirect=back)
        except Unavailable:
            self.give_back(asked)
            raise
        now = self.house.now()
        with writing(self.house.engine) as tx:
            consents.give(tx, self.house.sealer, connection.id, given, by=self.by, now=now)
