"""Authorisation: every route declares the role it requires, and a route without a guard is closed.

Pages need a session, API routes a bearer token. Roles include each other: an admin may do what a member may, a member
what a viewer may.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TypeVar, cast

from flask import Flask, abort, current_app, g, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from sync_service.store.engine import versions
from sync_service.store.engine.database import reading
from sync_service.store.people.auth import session_person
from sync_service.web.request.context import services

View = TypeVar("View", bound=Callable[..., object])


class Guard(StrEnum):
    """The role that a route requires."""

    OPEN = "open"  # no role; webhooks verify signatures themselves
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


RANK = {Guard.OPEN: 0, Guard.VIEWER: 1, Guard.MEMBER: 2, Guard.ADMIN: 3}

SESSION = "token"
"""The key of the session's token in the signed cookie."""

API = "/api/"
"""Paths below this accept bearer tokens and no sessions."""

THIRD_PARTY = {"static": Guard.OPEN}
"""Guards of routes that libraries add, by endpoint."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a request. `person_id` is None for an API token, whose name is in `name`."""

    role: Guard
    name: str
    person_id: int | None = None
    email: str | None = None
    timezone: str = ""  # an IANA name; empty where it is the organisation's


Identify = Callable[[], Caller | None]
"""Returns the caller of the current request; None when unknown."""


def guarded(guard: Guard) -> Callable[[View], View]:
    """Declare the guard of a view."""

    def declare(view: View) -> View:
        view.guard = guard  # type: ignore[attr-defined]  # functions have attributes; `Callable` does not declare them
        return view

    return declare


def guard_of(app: Flask, endpoint: str) -> Guard | None:
    """Return the guard that a route declares; None when it declares none."""
    declared = getattr(app.view_functions.get(endpoint), "guard", None)
    return cast("Guard | None", declared or THIRD_PARTY.get(endpoint))


def current_caller() -> Caller | None:
    """Return the caller, known once the guard has run; None on an open route without a session."""
    return cast("Caller | None", g.get("who"))


def may(guard: str) -> bool:
    """Return whether the caller has this role or a higher one."""
    person = current_caller()
    return person is not None and RANK[person.role] >= RANK[Guard(guard)]


def owns(email: str | None) -> bool:
    """Return whether the caller is a member who owns what this person owns, or an admin."""
    person = current_caller()
    return person is not None and (
        may(Guard.ADMIN) or (may(Guard.MEMBER) and email is not None and email == person.email)
    )


def install(app: Flask, *, bearer: Identify | None = None) -> None:
    """Check the guard before every request. `bearer` identifies API callers; without it every API call is refused."""
    app.before_request(partial(_check, bearer or _no_caller))


def _no_caller() -> Caller | None:
    return None


def _check(bearer: Identify) -> ResponseReturnValue | None:
    endpoint = request.endpoint
    if endpoint is None:  # no such route: Flask answers 404 or 405; identify the caller so that the page has their menu
        if not request.path.startswith((API, "/hooks/")):
            _identify()
        return None
    guard = guard_of(current_app, endpoint)
    if guard is None:
        abort(403)
    if request.path.startswith(API):
        _check_api(guard, bearer)
        return None
    if guard is not Guard.OPEN or request.blueprint == "sign_in":
        _identify()
    if guard is Guard.OPEN:
        return None
    caller = current_caller()
    if caller is None:
        return _to_sign_in()
    if RANK[caller.role] < RANK[guard]:
        abort(403)
    return None


def _check_api(guard: Guard, bearer: Identify) -> None:
    if guard is Guard.OPEN:
        return
    caller = bearer()
    if caller is None:
        abort(401)
    if RANK[caller.role] < RANK[guard]:
        abort(403)
    g.who = caller


def _identify() -> None:
    """Set the caller from the session, and read the change counter now, before the page is rendered."""
    token = session.get(SESSION)
    if not isinstance(token, str):
        return
    with reading(services().engine) as tx:
        person = session_person(tx, token, services().now())
        if person is not None:
            g.changes = versions.value(tx, versions.CHANGES)
            g.who = Caller(
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
