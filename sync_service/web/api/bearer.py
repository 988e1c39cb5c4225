"""Who calls the API: the bearer of a token, whose role must reach as far as the route's guard.

https://www.rfc-editor.org/rfc/rfc6750
"""

from typing import NoReturn

from flask import Flask, abort, current_app, g, request

from sync_service.store.access import token_role
from sync_service.store.database import reading
from sync_service.store.sealing import fingerprint
from sync_service.web.api.problems import PREFIX, problem
from sync_service.web.guards import RANK, Guard, Who, guard_of
from sync_service.web.house import house


def install(app: Flask) -> None:
    """Let no request of the API past its route's guard."""
    app.before_request(_check)


def fingerprint_sent() -> str:
    """Give what requests are counted by: the fingerprint of the token that came, as tokens are kept nowhere."""
    return fingerprint(_token() or "")


def _check() -> None:
    if request.endpoint is None or not request.path.startswith(PREFIX):
        return
    guard = guard_of(current_app, request.endpoint)
    if guard is Guard.OPEN:
        return
    g.who = _bearer()
    if guard is None or RANK[g.who.role] < RANK[guard]:
        abort(problem(403))


def _bearer() -> Who:
    token = _token()
    if token is None:
        _refuse("")
    with reading(house().engine) as tx:
        role = token_role(tx, token)
    if role is None:
        _refuse("This token is unknown or revoked.", error="invalid_token")
    return Who(role=Guard(role), name="an API token")


def _token() -> str | None:
    given = request.authorization
    return given.token if given is not None and given.type == "bearer" else None


def _refuse(detail: str, *, error: str = "") -> NoReturn:
    response = problem(401, detail)
    response.headers["WWW-Authenticate"] = 'Bearer realm="OKR Sync"' + (f', error="{error}"' if error else "")
    abort(response)
