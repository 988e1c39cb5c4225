"""Who calls the API: the bearer of a token. The guards compare their role with the route's.

https://www.rfc-editor.org/rfc/rfc6750
"""

from typing import NoReturn

from flask import abort, request

from sync_service.store.access import token_role
from sync_service.store.database import reading
from sync_service.store.sealing import fingerprint
from sync_service.web.api.problems import problem
from sync_service.web.guards import Guard, Who
from sync_service.web.house import house


def caller() -> Who:
    """Give who calls, by the token that came with the request; stop with 401 where there is none that is good."""
    token = _token()
    if token is None:
        _refuse("")
    with reading(house().engine) as tx:
        role = token_role(tx, token)
    if role is None:
        _refuse("This token is unknown or revoked.", error="invalid_token")
    return Who(role=Guard(role), name="an API token")


def fingerprint_sent() -> str:
    """Give what requests are counted by: the fingerprint of the token that came, as tokens are kept nowhere."""
    return fingerprint(_token() or "")


def _token() -> str | None:
    given = request.authorization
    return given.token if given is not None and given.type == "bearer" else None


def _refuse(detail: str, *, error: str = "") -> NoReturn:
    response = problem(401, detail)
    response.headers["WWW-Authenticate"] = 'Bearer realm="OKR Sync"' + (f', error="{error}"' if error else "")
    abort(response)
