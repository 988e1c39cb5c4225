"""Whether a request may come in at all, and whose it is: personal tokens, apps' assertions, installations' tokens.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import jwt
from jwt.types import Options
from werkzeug.wrappers import Request, Response

from simulator.github.rest.callers import Caller, remember
from simulator.github.rest.problems import problem
from simulator.github.rest.versions import HEADER, VERSIONS

if TYPE_CHECKING:
    from datetime import datetime

    from simulator.github.app import App
    from simulator.github.hub import GitHub

_LONGEST_ASSERTION = 600
_SIGNATURE_ALONE: Options = {  # the claims are judged by the simulator's clock and in GitHub's words
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "verify_iss": False,
    "verify_aud": False,
}
_UNREADABLE = "A JSON web token could not be decoded"
_BAD_ISSUED = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
_BAD_EXPIRY = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time "
    "at which the assertion expires"
)
_FAR_EXPIRY = "'Expiration time' claim ('exp') is too far in the future"
SUSPENDED = "This installation has been suspended"


def admit(hub: GitHub, request: Request) -> Response | None:
    """Refuse who has no name, no right token, or asks for an unknown version of the API; remember who it is."""
    if not request.headers.get("User-Agent"):
        return problem(403, "Request forbidden by administrative rules. Please make sure your request has a User-Agent")
    known = VERSIONS[:1] if hub.ghes else VERSIONS
    if request.headers.get(HEADER, known[0]) not in known:
        return problem(400, f"API version is not one of {', '.join(known)}")
    if request.path.startswith(f"{hub.api_path}/app-manifests/"):
        return None  # the code in the path is the credential
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if not scheme:
        return problem(401, "Requires authentication")
    if scheme.lower() not in ("bearer", "token"):
        return problem(401)
    with hub.reading():
        for_apps = f"{request.path}/".startswith(f"{hub.api_path}/app/")
        found = _app(hub, token) if for_apps else _token(hub, token)
    if isinstance(found, Response):
        return found
    remember(request, found)
    return None


def show_expiration(hub: GitHub, request: Request, response: Response) -> None:
    """Tell with each answer when the personal token that asked for it expires.

    https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation
    """
    _, _, text = request.headers.get("Authorization", "").partition(" ")
    token = hub.tokens.get(text)
    if token is not None and token.expires is not None:
        response.headers["github-authentication-token-expiration"] = f"{token.expires:%Y-%m-%d %H:%M:%S} UTC"


def _token(hub: GitHub, text: str) -> Caller | Response:
    if text == hub.token:
        return Caller(allowance=f"user ID {hub.actor.id}", user=hub.actor)
    now = hub.clock()
    if text in hub.tokens:
        token = hub.tokens[text]
        if token.expires is not None and token.expires <= now:
            return problem(401)
        allowance = f"user ID {token.user.id}"
        return Caller(
            allowance=allowance, user=token.user, permissions=token.permissions, repositories=token.repositories
        )
    return _installation_token(hub, text, now)


def _installation_token(hub: GitHub, text: str, now: datetime) -> Caller | Response:
    token = hub.installation_tokens.get(text)
    if token is None or token.expires <= now or token.installation.deleted:
        return problem(401)
    if token.refusals:
        token.refusals -= 1
        return problem(401)
    installation = token.installation
    if installation.suspended is not None:
        return problem(403, SUSPENDED)
    covered = frozenset(place.id for place in installation.repositories)
    return Caller(
        allowance=f"installation ID {installation.id}",
        user=installation.app.bot,
        permissions=token.permissions,
        repositories=covered if token.repositories is None else covered & token.repositories,
        app=installation.app,
        installation=installation,
        refusal="Resource not accessible by integration",
    )


def _app(hub: GitHub, assertion: str) -> Caller | Response:
    try:
        issuer = str(jwt.decode(assertion, options={"verify_signature": False}).get("iss", ""))
    except jwt.InvalidTokenError:
        return problem(401, _UNREADABLE)
    app = next((each for each in hub.apps if issuer in (each.client_id, str(each.id))), None)
    if app is None:
        return problem(404, "Integration not found")
    return _wrong_assertion(app, assertion) or Caller(
        allowance=f"app ID {app.id}", user=app.bot, permissions={}, repositories=frozenset(), app=app
    )


def _wrong_assertion(app: App, assertion: str) -> Response | None:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            assertion, app.key.public_key(), algorithms=["RS256"], options=_SIGNATURE_ALONE
        )
    except jwt.InvalidTokenError:
        return problem(401, _UNREADABLE)
    now, issued, expires = app.hub.clock().timestamp(), claims.get("iat"), claims.get("exp")
    if not isinstance(issued, int) or issued > now:
        return problem(401, _BAD_ISSUED)
    if not isinstance(expires, int | float) or expires <= now:
        return problem(401, _BAD_EXPIRY)
    if expires > now + _LONGEST_ASSERTION:
        return problem(401, _FAR_EXPIRY)
    return None
