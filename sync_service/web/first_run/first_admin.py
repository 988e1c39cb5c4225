"""The first admin: a link that the start prints shows a form for name and address, and nothing else is open until then.

Opening the link does not use it up; the form does. Whoever uses it is an admin and signed in.
"""

from collections.abc import Collection, Mapping

from flask import Blueprint, Flask, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from sync_service.config_file.edit.first_admin import LinkOver, store_first_admin
from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.config_file.read.errors import InvalidFiles
from sync_service.store.engine.database import reading, writing
from sync_service.store.people import first_admin
from sync_service.store.people.auth import person_id_of, start_session
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import API, SESSION, Guard, guard_of, guarded
from sync_service.web.request.sign_in import limiter

blueprint = Blueprint("first_admin", __name__, url_prefix="/first-admin")

OPEN_AT_FIRST = ("first_admin", "health")
"""The blueprints that answer while there are no people, besides static files and API calls with a token."""

ERRORS = {"name": "Enter your name, up to 500 characters.", "email": "This is not an e-mail address."}

_SOMEBODY = "okr-sync somebody"
"""The key under which an application stores that there are people, so that it need not ask again."""


def install(app: Flask) -> None:
    """Close every other route while there are no people. Install it before the guards, which would lead to sign-in."""
    app.before_request(_close_until_named)


def _close_until_named() -> ResponseReturnValue | None:
    if request.endpoint == "static" or request.blueprint in OPEN_AT_FIRST or _needs_token() or _somebody_exists():
        return None
    if request.path.startswith(API) or request.endpoint == "changes.counter":
        abort(401)
    if request.method not in ("GET", "HEAD"):
        abort(403, "There is no admin yet. Open the link that the first start printed.")
    return redirect(url_for("first_admin.wait"))


def _needs_token() -> bool:
    """Return whether it is an API call that the guards admit with a token only, or an unknown address of the API."""
    if not request.path.startswith(API):
        return False
    return request.endpoint is None or guard_of(current_app, request.endpoint) is not Guard.OPEN


def _somebody_exists() -> bool:
    known = current_app.extensions
    if not known.get(_SOMEBODY):
        with reading(services().engine) as tx:
            known[_SOMEBODY] = first_admin.anybody_exists(tx)
    return bool(known[_SOMEBODY])


@blueprint.get("")
@guarded(Guard.OPEN)
def wait() -> ResponseReturnValue:
    """Say where the link is, while there are no people."""
    if _somebody_exists():
        return redirect(url_for("sign_in.ask"))
    return render_template("first_admin_wait.html")


@blueprint.get("/<token>")
@guarded(Guard.OPEN)
@limiter.limit("20 per minute")
def ask(token: str) -> ResponseReturnValue:
    """Show the form for name and address; the link is not used up yet."""
    with reading(services().engine) as tx:
        works = first_admin.link_works(tx, token)
    return _form(token, {}) if works else _over()


@blueprint.post("/<token>")
@guarded(Guard.OPEN)
@limiter.limit("20 per minute")
def name(token: str) -> ResponseReturnValue:
    """Use up the link, store the admin and start a session."""
    typed = {field: request.form.get(field, "").strip() for field in ERRORS}
    try:
        store_first_admin(_applying(typed["email"]), token=token, **typed)
    except LinkOver:
        return _over()
    except InvalidFiles as error:
        return _form(token, typed, {one.field.rpartition(".")[2] for one in error.errors})
    wake("relink_request", "recompute")
    _sign_in(typed["email"])
    flash("You are the first admin.", "success")
    return redirect(url_for("home.show"))


def _applying(actor: str) -> ConfigApplier:
    text = "became the first admin by the link of the first start"
    return ConfigApplier.of(services(), actor=actor, audit_text=text)


def _sign_in(email: str) -> None:
    now = services().now()
    with writing(services().engine) as tx:
        person_id = person_id_of(tx, email)
        token = None if person_id is None else start_session(tx, person_id, now)
    session.clear()  # drop everything from before, also the CSRF token
    session.permanent = True
    session[SESSION] = token


def _form(token: str, typed: Mapping[str, str], wrong: Collection[str] = ()) -> ResponseReturnValue:
    errors = {field: text for field, text in ERRORS.items() if field in wrong}
    return render_template("first_admin.html", token=token, typed=typed, errors=errors), 422 if errors else 200


def _over() -> ResponseReturnValue:
    return render_template("first_admin_over.html"), 410
