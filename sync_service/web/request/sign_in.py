"""Sign-in by a single-use link in a mail (no passwords), and sign-out.

The response is the same for known and unknown addresses, so it does not reveal who has an account. Opening a link only
shows a button, because mail scanners follow links and would use it up.
"""

from urllib.parse import urlsplit

from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter

from sync_service.store.engine.database import writing
from sync_service.store.people import audit
from sync_service.store.people.auth import (
    address_of,
    end_session,
    start_session,
    use_sign_in_link,
)
from sync_service.web.limits.rate_limit_storage import client_key
from sync_service.web.request.context import services, wake
from sync_service.web.request.guards import SESSION, Guard, current_caller, guarded
from sync_service.web.request.sign_in_mail import request_link

blueprint = Blueprint("sign_in", __name__)

limiter = Limiter(key_func=client_key, storage_uri="bounded-memory://", headers_enabled=False)
"""Rate limit of sign-in requests, per client address and web process. Webhooks are never limited.

There is no limit by e-mail address: anybody could lock out its owner.
"""

NEXT = "next"
LONGEST_ADDRESS = 320


@blueprint.get("/sign-in")
@guarded(Guard.OPEN)
def ask() -> ResponseReturnValue:
    """Show the form for an e-mail address."""
    back = local_path(request.args.get(NEXT))
    if current_caller():
        return redirect(request.script_root + back)
    return render_template("sign_in.html", back=back)


@blueprint.post("/sign-in")
@guarded(Guard.OPEN)
@limiter.limit("10 per minute; 60 per hour")
def send() -> ResponseReturnValue:
    """Mail a link to a known address; the response and the work are the same for unknown ones."""
    session[NEXT] = local_path(request.form.get(NEXT))
    address = _address()
    if address.count("@") != 1 or len(address) > LONGEST_ADDRESS:
        return render_template("sign_in.html", back=session[NEXT], error="This is not an e-mail address."), 422
    with writing(services().engine) as tx:
        request_link(tx, address)
    wake("mail")
    return render_template("sign_in_sent.html", address=address)


@blueprint.get("/sign-in/<token>")
@guarded(Guard.OPEN)
def link(token: str) -> ResponseReturnValue:
    """Show the button that signs in; the link is not used up yet."""
    return render_template("sign_in_link.html", token=token)


@blueprint.post("/sign-in/<token>")
@guarded(Guard.OPEN)
@limiter.limit("20 per minute")
def use(token: str) -> ResponseReturnValue:
    """Use up the link and start a session."""
    now = services().now()
    with writing(services().engine) as tx:
        person_id = use_sign_in_link(tx, token, now)
        session_token = None if person_id is None else start_session(tx, person_id, now)
        if person_id is not None:
            audit.note(tx, actor=address_of(tx, person_id), what="signed in", at=now)
    if session_token is None:
        return render_template("sign_in_over.html"), 410
    back = local_path(session.get(NEXT))
    session.clear()  # drop everything from before sign-in, also the CSRF token
    session.permanent = True
    session[SESSION] = session_token
    return redirect(request.script_root + back)


@blueprint.post("/sign-out")
@guarded(Guard.OPEN)
def sign_out() -> ResponseReturnValue:
    """End the session, in the cookie and in the database."""
    token = session.get(SESSION)
    if isinstance(token, str):
        with writing(services().engine) as tx:
            end_session(tx, token)
    session.clear()
    return redirect(url_for("sign_in.ask"))


def local_path(given: object) -> str:
    """Return the requested path if it is on this site, else `/`. Prevents open redirects."""
    if not isinstance(given, str) or not given.startswith("/") or given.startswith("//") or len(given) > 2000:
        return "/"
    # Browsers read a backslash as a slash and drop control characters: such a path can become //other.site.
    if "\\" in given or any(ord(char) < 32 or ord(char) == 127 for char in given):
        return "/"
    url = urlsplit(given)
    return given if not url.scheme and not url.netloc else "/"


def _address() -> str:
    return request.form.get("email", "").strip().lower()
