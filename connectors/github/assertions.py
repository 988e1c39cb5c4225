"""How an app proves to GitHub that it is itself: a short-lived assertion, signed with its private key.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""

from datetime import datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.github.site import words_of
from connectors.replies import Reply
from sync_service.domain.connectors import App, Refused

_ISSUED_BEFORE = timedelta(seconds=60)
"""GitHub refuses what was made in the future, and its clock may be behind ours."""

_LIFE = timedelta(minutes=9)
"""Ten are allowed, which fails where GitHub's clock is behind ours by a second."""

_OF_THE_CLOCK = ("'iat'", "'exp'")
"""What GitHub's words for a time that does not fit its clock hold: https://github.com/probot/probot/issues/967."""


def private_key(app: App) -> RSAPrivateKey:
    """Read an app's private key. Raises `Refused` with what to do where it can't be read."""
    # A file of settings has no lines within a value, so some write them as \n.
    written = app.private_key if "\n" in app.private_key else app.private_key.replace("\\n", "\n")
    try:
        key = load_pem_private_key(written.encode(), password=None)
    except (ValueError, TypeError):  # a password is asked for by a TypeError
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Refused(
            "the GitHub App's private key can't be read: give the whole .pem file that GitHub made, as private_key: "
            "file:PATH, without a password on it"
        )
    return key


def assertion(app: App, key: RSAPrivateKey, *, at: datetime) -> str:
    """Make an assertion; `at` is the time by GitHub's clock."""
    claims = {"iat": int((at - _ISSUED_BEFORE).timestamp()), "exp": int((at + _LIFE).timestamp()), "iss": app.id}
    return jwt.encode(claims, key, algorithm="RS256")


def skew_told(reply: Reply, *, now: datetime) -> timedelta | None:
    """Give how far GitHub's clock is ahead of ours, where it refused an assertion for its times; else None."""
    theirs = reply.date()
    if reply.status != 401 or theirs is None or not any(word in words_of(reply) for word in _OF_THE_CLOCK):
        return None
    return theirs - now
