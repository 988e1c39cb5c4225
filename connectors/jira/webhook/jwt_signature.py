"""Webhook signature of an OAuth app's dynamic webhooks: a bearer JWT, signed with the app's client secret.

The JWT does not cover the body, and its claims are not documented, so it is accepted for as short a time as possible.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

LEEWAY_SECONDS = 120
"""Allowed difference between Jira's clock and ours."""

LONGEST_SECONDS = 86_400
"""Maximum age of a token without `exp`: Jira retries a delivery for an hour and a half."""

LEAST_SECRET = 32
"""Shortest secret, in bytes, that may verify a token. https://www.rfc-editor.org/rfc/rfc7518#section-3.2"""

_LONGEST_TOKEN = 8000
_BEARER = "bearer "


def verify_jwt(authorization: str | None, secrets: Sequence[str]) -> bool:
    """Return whether an `Authorization` header has a JWT that is valid now and signed by HS256 with one of the secrets.

    A token with neither `exp` nor `iat` could be reused for ever, and is refused.
    """
    header = authorization or ""
    token = header[len(_BEARER) :].strip()
    if header[: len(_BEARER)].lower() != _BEARER or not token.isascii() or len(token) > _LONGEST_TOKEN:
        return False
    usable = [secret for secret in secrets if len(secret.strip().encode(errors="surrogatepass")) >= LEAST_SECRET]
    return any(_is_signed(token, secret) for secret in usable)


def _is_signed(token: str, secret: str) -> bool:
    try:
        claims = jwt.decode(
            token,
            secret.encode(errors="surrogatepass"),
            algorithms=["HS256"],
            # Jira may set an audience or an issuer; their values are not documented.
            options={"verify_aud": False, "verify_iss": False},
            leeway=LEEWAY_SECONDS,
        )
    except jwt.PyJWTError:
        return False
    return "exp" in claims or _is_young(claims)


def _is_young(claims: Mapping[str, Any]) -> bool:
    issued_at = claims.get("iat")
    return isinstance(issued_at, int | float) and time.time() - issued_at < LONGEST_SECONDS
