"""JSON Web Token (JWT) that authenticates a GitHub App: short-lived, signed with the app's private key.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.github.api.site import error_text
from connectors.responses import Response
from sync_service.domain.trackers.connector import AppKey, Refused

_BACKDATED = timedelta(seconds=60)
"""GitHub rejects a JWT issued in the future, and its clock may be behind ours."""

_LIFETIME = timedelta(minutes=9)
"""Ten minutes are allowed, but that fails when GitHub's clock is behind ours by a second."""

_CLOCK_ERRORS = ("'iat'", "'exp'")
"""GitHub's error for a wrong time contains one of these: https://github.com/probot/probot/issues/967."""


def private_key(app: AppKey) -> RSAPrivateKey:
    """Load an app's private key. Raise `Refused` with what to do when it can't be read."""
    # A settings file can't have line breaks in a value, so some people write them as \n.
    pem = app.private_key if "\n" in app.private_key else app.private_key.replace("\\n", "\n")
    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError):  # a key with a password raises TypeError
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Refused(
            "the GitHub App's private key can't be read: give the whole .pem file that GitHub made, as private_key: "
            "file:PATH, without a password on it",
            about_credentials=True,
        )
    return key


def app_jwt(app: AppKey, key: RSAPrivateKey, *, at: datetime) -> str:
    """Return a signed JWT. `at` is the time of GitHub's clock."""
    claims = {"iat": int((at - _BACKDATED).timestamp()), "exp": int((at + _LIFETIME).timestamp()), "iss": app.id}
    return jwt.encode(claims, key, algorithm="RS256")


def clock_skew(reply: Response, *, now: datetime) -> timedelta | None:
    """Return how far GitHub's clock is ahead of ours when it rejected a JWT for its times (clock skew); else None."""
    theirs = reply.date()
    if reply.status != 401 or theirs is None or not any(word in error_text(reply) for word in _CLOCK_ERRORS):
        return None
    return theirs - now
