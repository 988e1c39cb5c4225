"""Who may do what: every route states its guard, and a route without one is closed.

A page asks for a session, an address of the API for a bearer token. Roles include each other: an admin may do what a
member may, a member what a viewer may.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, cast

from flask import Flask, abort, current_app, g, request
from flask.typing import ResponseReturnValue

View = TypeVar("View", bound=Callable[..., object])


class Guard(StrEnum):
    """What a route asks of who calls it."""

    OPEN = "open"  # anybody; hooks verify signatures themselves
    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


RANK = {Guard.OPEN: 0, Guard.VIEWER: 1, Guard.MEMBER: 2, Guard.ADMIN: 3}

THIRD_PARTY = {"static": Guard.OPEN}
"""Routes that libraries add, by endpoint."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who is calling. `person_id` is None for an API token, whose name is in `name`."""

    role: Guard
    name: str
    person_id: int | None = None
    email: str | None = None


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


def install(app: Flask) -> None:
    """Let no request past its route's guard."""
    app.before_request(_check)


def _check() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None  # no such route: Flask answers 404 or 405
    guard = guard_of(current_app, request.endpoint)
    if guard is Guard.OPEN:
        return None
    if guard is None:
        abort(403)
    return None
