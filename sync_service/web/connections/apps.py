"""An app registered by one press of a button at the tracker, and one way back, on which we are handed its key.

The state that comes back is good once, within the hour, and in the session alone in which it was given.
"""

import secrets
from dataclasses import dataclass, field

import structlog
from flask import Blueprint, flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from sync_service.apply.editing import Editing, Written, secret
from sync_service.apply.mistakes import WrongFiles
from sync_service.domain.abilities import AppMade, AppWanted, MakesApps, MakesHooks
from sync_service.domain.connectors import Connection, ConnectorError, Unavailable
from sync_service.store import app_requests
from sync_service.store.app_requests import AppRequest
from sync_service.store.database import writing
from sync_service.web.connections.briefly import NoRoom, TooSlow, briefly
from sync_service.web.connections.new import Draft, check, read_draft, show
from sync_service.web.connections.shared import able, connector_of, editing, hook_url, new_secret
from sync_service.web.guards import SESSION, Guard, guarded
from sync_service.web.house import house, ring
from sync_service.web.locks import policy_with_form_to
from sync_service.wiring import House

log = structlog.get_logger(__name__)

blueprint = Blueprint("connections_apps", __name__, url_prefix="/connections")


@blueprint.post("/new/<kind>/app")
@guarded(Guard.ADMIN)
def ask(kind: str) -> ResponseReturnValue:
    """Show what the new app asks for, and the button that leads to the tracker."""
    connector = able(kind, MakesApps)  # type: ignore[type-abstract]  # asked of an object
    drafted = read_draft(kind, connector_of(kind))
    check(drafted)
    state = secrets.token_urlsafe(32)
    try:
        form = connector.app_form(site=drafted.site, wanted=_wanted(drafted), state=state)
    except ValueError as error:
        drafted.mistakes["organization" if "organisation" in str(error) else "name"] = f"it has to be {error}"
    if drafted.mistakes:
        return show(drafted, "app", 422)
    with writing(house().engine) as tx:
        app_requests.begin(
            tx,
            AppRequest(kind, drafted.written()),
            state=state,
            session=session[SESSION],
            now=house().now(),
        )
    answer = make_response(
        render_template("connection_app.html", draft=drafted, form=form, connector=connector_of(kind))
    )
    answer.headers["Content-Security-Policy"] = policy_with_form_to(form.action)
    return answer


def _wanted(drafted: Draft) -> AppWanted:
    return AppWanted(
        name=drafted.name,
        organization=drafted.organization,
        home_url=house().settings.base_url,
        hook_url=hook_url(drafted.slug),
        back_url=house().settings.base_url + url_for("connections_apps.created", kind=drafted.kind),
        installed_url=house().settings.base_url + url_for("connections_scopes.choose", slug=drafted.slug),
        writes_back=drafted.write_back,
    )


@blueprint.get("/<kind>/created")
@guarded(Guard.ADMIN)
def created(kind: str) -> ResponseReturnValue:
    """Take over the app that was registered: what its code stands for is stored, encrypted, before anybody sees it."""
    connector = able(kind, MakesApps)  # type: ignore[type-abstract]  # asked of an object
    state, code = request.args.get("state", ""), request.args.get("code", "")
    taking = _Taking(connector, editing(), house(), state, session[SESSION])
    asked = taking.begin(kind) if state and code else None
    if asked is None:
        return _failed(kind, "The answer does not belong to anything you began here, or it was used already.", 400)
    try:
        slug = briefly(lambda: taking.finish(asked, code))
    except NoRoom as error:
        taking.give_back(asked)
        return _failed(kind, f"{error}. Reload this page in a moment: nothing is lost for an hour.", 503)
    except TooSlow as error:
        said = f"{error}. Look at Connections first: it may be there in a moment. Reload this page only if it is not."
        return _failed(kind, said, 503, again=False)
    except Unavailable as error:
        return _failed(kind, f"{error}. Reload this page in a moment: nothing is lost for an hour.", 503)
    except ConnectorError as error:
        return _failed(kind, f"{error}.", 422)
    house().connections.forget()
    ring("poll")
    flash("The app is registered, and its key is stored encrypted. Now install it.", "success")
    return redirect(url_for("connections_scopes.choose", slug=slug))


def _failed(kind: str, said: str, status: int, *, again: bool = True) -> ResponseReturnValue:
    """Say that there is no app yet, and lead to where one begins again, or else to what there is."""
    link = url_for("connections_new.begin", kind=kind, way="app") if again else url_for("connections.index")
    leads = "Begin again" if again else "Connections"
    return (
        render_template(
            "connection_failed.html", title="The app is not connected yet", said=said, link=link, leads=leads
        ),
        status,
    )


@dataclass(frozen=True, slots=True)
class _Taking:
    """Takes an app over in a thread of its own: once its code is used, it is stored whether or not anybody waits."""

    connector: MakesApps
    editing: Editing
    house: House
    state: str = field(repr=False)
    session: str = field(repr=False)

    def begin(self, kind: str) -> AppRequest | None:
        """Take what was asked for under the state: once."""
        with writing(self.house.engine) as tx:
            return app_requests.take(tx, state=self.state, session=self.session, kind=kind, now=self.house.now())

    def give_back(self, asked: AppRequest) -> None:
        """Let the same answer be tried once more, since its code was not used."""
        with writing(self.house.engine) as tx:
            app_requests.begin(tx, asked, state=self.state, session=self.session, now=self.house.now())

    def finish(self, asked: AppRequest, code: str) -> str:
        """Turn the code into a connection; give its slug. Raises any `ConnectorError`."""
        try:
            made = self.connector.take_app(site=asked.wanted["site"], code=code)
        except Unavailable:
            self.give_back(asked)
            raise
        secret_ = made.secret or new_secret()
        slug = self._store(asked.wanted, made, secret_)
        if slug != asked.wanted["slug"] or made.secret is None:
            self._set_hook(asked.wanted["site"], made, slug, secret_)
        return slug

    def _store(self, wanted: Written, made: AppMade, webhook_secret: str) -> str:
        """Store the connection; where it can't be as it was wished, since that changed meanwhile, with the least."""
        given = {
            "app": {"id": made.app.id, "private_key": secret("KEY")},
            "webhook_secrets": [secret("MADE")],
        }
        secrets_ = {"KEY": made.app.private_key, "MADE": webhook_secret}
        try:
            self.editing.create({**wanted, **given}, secrets_)
        except WrongFiles:
            slug = f"{wanted['slug'][:90]}-{secrets.token_hex(3)}"
            least = {"slug": slug, "kind": wanted["kind"], "site": wanted["site"], "earlier": "ignore"}
            self.editing.create({**least, **given}, secrets_)
            return slug
        return str(wanted["slug"])

    def _set_hook(self, site: str, made: AppMade, slug: str, webhook_secret: str) -> None:
        """Tell the app's webhook where the connection really is; the page offers it again where that fails."""
        if not isinstance(self.connector, MakesHooks):
            return
        url = self.house.connections.hook_url(slug)
        try:
            self.connector.make_hooks(
                Connection(slug=slug, site=site, app=made.app), scopes=[], hook_url=url, secret=webhook_secret
            )
        except ConnectorError as error:
            log.warning("the webhook of a new app can't be set", connection=slug, error=str(error))
