"""Authenticate requests: personal tokens, JWTs of apps, tokens of installations.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import jwt
from jwt.types import Options
from werkzeug.wrappers import Request, Response

from simulator.github.model.app import App
from simulator.github.rest.request.permissions import Caller, remember_caller
from simulator.github.rest.request.problems import problem
from simulator.github.rest.request.versions import HEADER, VERSIONS
from simulator.github.state import GitHubState

_LONGEST_ASSERTION = 600
_SIGNATURE_ALONE: Options = {  # we check the claims, by the simulator's clock and with GitHub's messages
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


def admit(hub: GitHubState, request: Request) -> Response | None:
    """Refuse a request without User-Agent, valid token or known API version; remember its caller."""
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
    remember_caller(request, found)
    return None


def show_expiration(hub: GitHubState, request: Request, response: Response) -> None:
    """Add a header with the expiry of the caller's personal token.

    https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/token-expiration-and-revocation
    """
    _, _, text = request.headers.get("Authorization", "").partition(" ")
    token = hub.tokens.get(text)
    if token is not None and token.expires is not None:
        response.headers["github-authentication-token-expiration"] = f"{token.expires:%Y-%m-%d %H:%M:%S} UTC"


def _token(hub: GitHubState, text: str) -> Caller | Response:
    if text == hub.token:
        return Caller(bucket=f"user ID {hub.actor.id}", user=hub.actor)
    now = hub.clock()
    if text in hub.tokens:
        token = hub.tokens[text]
        if token.expires is not None and token.expires <= now:
            return problem(401)
        bucket = f"user ID {token.user.id}"
        return Caller(bucket=bucket, user=token.user, permissions=token.permissions, repositories=token.repositories)
    return _installation_token(hub, text, now)


def _installation_token(hub: GitHubState, text: str, now: datetime) -> Caller | Response:
    token = hub.installation_tokens.get(text)
    if token is None or token.expires <= now or token.installation.deleted:
        return problem(401)
    if token.refusals:
        token.refusals -= 1
        return problem(401)
    installation = token.installation
    if installation.suspended is not None:
        return problem(403, SUSPENDED)
    covered = frozenset(repo.id for repo in installation.repositories)
    return Caller(
        bucket=f"installation ID {installation.id}",
        user=installation.app.bot,
        permissions=token.permissions,
        repositories=covered if token.repositories is None else covered & token.repositories,
        app=installation.app,
        installation=installation,
        refusal="Resource not accessible by integration",
    )


def _app(hub: GitHubState, app_jwt: str) -> Caller | Response:
    try:
        issuer = str(jwt.decode(app_jwt, options={"verify_signature": False}).get("iss", ""))
    except jwt.InvalidTokenError:
        return problem(401, _UNREADABLE)
    app = next((each for each in hub.apps if issuer in (each.client_id, str(each.id))), None)
    if app is None:
        return problem(404, "Integration not found")
    return _wrong_assertion(app, app_jwt) or Caller(
        bucket=f"app ID {app.id}", user=app.bot, permissions={}, repositories=frozenset(), app=app
    )


def _wrong_assertion(app: App, app_jwt: str) -> Response | None:
    try:
        claims: Mapping[str, Any] = jwt.decode(
            app_jwt, app.key.public_key(), algorithms=["RS256"], options=_SIGNATURE_ALONE
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
