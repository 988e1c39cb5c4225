"""Bearer token authentication of API requests. The guards compare the token's role with the route's.

https://www.rfc-editor.org/rfc/rfc6750
"""

from typing import NoReturn

from flask import abort, request

from sync_service.store.engine.database import reading
from sync_service.store.engine.encryption import hash_token
from sync_service.store.people.auth import find_api_token
from sync_service.web.api.problems import problem
from sync_service.web.request.context import services
from sync_service.web.request.guards import Caller, Guard


def caller() -> Caller:
    """Return the caller by the request's bearer token; abort with 401 when it is missing or invalid."""
    token = _token()
    if token is None:
        _refuse("")
    with reading(services().engine) as tx:
        found = find_api_token(tx, token, services().now())
    if found is None:
        _refuse("This token is unknown, revoked or expired.", error="invalid_token")
    return Caller(role=Guard(found.role), name=f"the API token {found.name}")


def fingerprint_sent() -> str:
    """Return the rate limit key: the fingerprint of the request's token, because tokens are never stored."""
    return hash_token(_token() or "")


def _token() -> str | None:
    given = request.authorization
    return given.token if given is not None and given.type == "bearer" else None


def _refuse(detail: str, *, error: str = "") -> NoReturn:
    response = problem(401, detail)
    response.headers["WWW-Authenticate"] = 'Bearer realm="OKR Sync"' + (f', error="{error}"' if error else "")
    abort(response)
