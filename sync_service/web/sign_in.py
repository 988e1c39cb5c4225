"""Coming in and going out: a single-use link by mail instead of a password.

Asking answers the same for everybody, so it does not tell who is known here. Opening a link only shows a button, so
that a mail scanner which follows links does not use it up.
"""

from urllib.parse import urlsplit

import sqlalchemy as sa
from flask import Blueprint, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.engine import Connection

from sync_service.store.access import (
    create_sign_in_link,
    end_session,
    person_id_of,
    start_session,
    use_sign_in_link,
)
from sync_service.store.database import writing
from sync_service.store.tables import person
from sync_service.web.guards import SESSION, Guard, guarded, who
from sync_service.web.house import house, ring
from sync_service.web.limits import limiter

blueprint = Blueprint("sign_in", __name__)

NEXT = "next"
LONGEST_ADDRESS = 320


@blueprint.get("/sign-in")
@guarded(Guard.OPEN)
def ask() -> ResponseReturnValue:
    """Ask for an e-mail address."""
    back = local_path(request.args.get(NEXT))
    if who():
        return redirect(back)
    return render_template("sign_in.html", back=back)


@blueprint.post("/sign-in")
@guarded(Guard.OPEN)
@limiter.limit("10 per minute; 60 per hour")
@limiter.limit("5 per 15 minutes", key_func=lambda: f"address {_address()}")
def send() -> ResponseReturnValue:
    """Send a link to those we know, and say the same to everybody."""
    session[NEXT] = local_path(request.form.get(NEXT))
    address = _address()
    if address.count("@") != 1 or len(address) > LONGEST_ADDRESS:
        return render_template("sign_in.html", back=session[NEXT], mistake="That is not an e-mail address."), 422
    with writing(house().engine) as tx:
        person_id = person_id_of(tx, address)
        if person_id is not None:
            _write(tx, person_id)
    ring("mail")
    return render_template("sign_in_sent.html", address=address)


@blueprint.get("/sign-in/<token>")
@guarded(Guard.OPEN)
def link(token: str) -> ResponseReturnValue:
    """Show the button that signs in; the link stays good."""
    return render_template("sign_in_link.html", token=token)


@blueprint.post("/sign-in/<token>")
@guarded(Guard.OPEN)
@limiter.limit("20 per minute")
def use(token: str) -> ResponseReturnValue:
    """Use the link up and begin a session."""
    now = house().now()
    with writing(house().engine) as tx:
        person_id = use_sign_in_link(tx, token, now)
        begun = None if person_id is None else start_session(tx, person_id, now)
    if begun is None:
        return render_template("sign_in_over.html"), 410
    back = local_path(session.get(NEXT))
    session.clear()  # nothing from before counts any more, the CSRF token least
    session.permanent = True
    session[SESSION] = begun
    return redirect(back)


@blueprint.post("/sign-out")
@guarded(Guard.OPEN)
def sign_out() -> ResponseReturnValue:
    """End the session, here and in the database."""
    token = session.get(SESSION)
    session.clear()
    if isinstance(token, str):
        with writing(house().engine) as tx:
            end_session(tx, token)
    return redirect(url_for("sign_in.ask"))


def local_path(given: object) -> str:
    """Give the path on this site that was asked for, else `/`: nobody is sent elsewhere from here."""
    if not isinstance(given, str) or not given.startswith("/") or given.startswith("//") or len(given) > 2000:
        return "/"
    # Browsers read a backslash as a slash and drop control characters, which makes //elsewhere of them.
    if "\\" in given or any(ord(letter) < 32 or ord(letter) == 127 for letter in given):
        return "/"
    parts = urlsplit(given)
    return given if not parts.scheme and not parts.netloc else "/"


def _address() -> str:
    return request.form.get("email", "").strip().lower()


def _write(tx: Connection, person_id: int) -> None:
    """Write the mail with a new link, below the address that the settings name: a request may name any host."""
    now = house().now()
    known = tx.execute(sa.select(person.c.email, person.c.name).where(person.c.id == person_id)).one()
    address = house().settings.base_url.rstrip("/") + f"/sign-in/{create_sign_in_link(tx, person_id, now)}"
    house().outbox.write_sign_in(tx, email=known.email, name=known.name, link=address, now=now)
