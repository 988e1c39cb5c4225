"""Who may do what: every route states its guard, and a route without one is closed.

A page asks for a session, an address of the API for a bearer token. Roles include each other: an admin may do what a
member may, a member what a viewer may.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar, cast

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from sync_service.store import counters
from sync_service.store.access import session_person
from sync_service.store.database import reading
from sync_service.web.house import house

View = TypeVar("View", bound=Callable[..., object])


class Guard(StrEnum):
    """What a route asks of who calls it."""

    OPEN = "open"  # anybody; hooks verify signatures themselves
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


RANK = {Guard.OPEN: 0, Guard.VIEWER: 1, Guard.MEMBER: 2, Guard.ADMIN: 3}

SESSION = "token"
"""Where the signed cookie keeps the session's token."""

API = "/api/"
"""Below this, bearer tokens count and sessions do not."""

THIRD_PARTY = {"static": Guard.OPEN}
"""Routes that libraries add, by endpoint."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who is calling. `person_id` is None for an API token, whose name is in `name`."""

    role: Guard
    name: str
    person_id: int | None = None
    email: str | None = None
    timezone: str = ""  # an IANA name; empty where it is the organisation's


Recognise = Callable[[], Who | None]
"""Gives who is calling, from the request; None where that is not known."""


def guarded(guard: Guard) -> Callable[[View], View]:
    """State a view's guard."""

    def state(view: View) -> View:
        view.guard = guard  # type: ignore[attr-defined]  # functions carry attributes; the protocol of callables does not say so
        return view

    return state


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """Give the guard that a route states; None where it states none."""
    stated = getattr(app.view_functions.get(endpoint), "guard", None)
    return cast("Guard | None", stated or THIRD_PARTY.get(endpoint))


def who() -> Who | None:
    """Give who is calling, once the guard let them in; None on an open route without a session."""
    return cast("Who | None", g.get("who"))


def install(app: Flask, *, bearer: Recognise | None = None) -> None:
    """Let no request past its route's guard. `bearer` recognises who calls the API; without it nobody is let in."""
    app.before_request(partial(_check, bearer or _nobody))


def _nobody() -> Who | None:
    return None


def _check(bearer: Recognise) -> ResponseReturnValue | None:
    endpoint = request.endpoint
    if endpoint is None:  # no such route: Flask answers 404 or 405, on a page in the visitor's own frame
        if not request.path.startswith((API, "/hooks/")):
            _recognise()
        return None
    guard = guard_of(current_app, endpoint)
    if guard is None:
        abort(403)
    if request.path.startswith(API):
        _check_api(guard, bearer)
        return None
    if guard is not Guard.OPEN or request.blueprint == "sign_in":
        _recognise()
    if guard is Guard.OPEN:
        return None
    caller = who()
    if caller is None:
        return _to_sign_in()
    if RANK[caller.role] < RANK[guard]:
        abort(403)
    return None


def _check_api(guard: Guard, bearer: Recognise) -> None:
    if guard is Guard.OPEN:
        return
    caller = bearer()
    if caller is None:
        abort(401)
    if RANK[caller.role] < RANK[guard]:
        abort(403)
    g.who = caller


def _recognise() -> None:
    """Find who is calling by their session; note the change counter in the same breath, before the page is made."""
    token = session.get(SESSION)
    if not isinstance(token, str):
        return
    with reading(house().engine) as tx:
        person = session_person(tx, token, house().now())
        if person is not None:
            g.changes = counters.value(tx, counters.CHANGES)
            g.who = Who(
                role=Guard(person.role),
                name=person.name,
                person_id=person.id,
                email=person.email,
                timezone=person.timezone,
            )


def _to_sign_in() -> ResponseReturnValue:
    if request.method not in ("GET", "HEAD") or request.endpoint == "changes.counter":
        abort(401)
    back = request.full_path if request.query_string else request.path
    return redirect(url_for("sign_in.ask", next=None if back == "/" else back))
