"""Webhook signature of an OAuth app's dynamic webhooks: a bearer JWT, signed with the app's client secret.

The JWT does not cover the body, and its claims are not documented, so it is accepted for as short a time as possible.
https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

import math
import time
from collections.abc import Mapping
from typing import Any

import jwt

LEEWAY_SECONDS = 120
"""Allowed difference between Jira's clock and ours."""

LONGEST_SECONDS = 86_400
"""Longest life of a token, as it says itself or since it was issued: Jira retries a delivery for an hour and a half."""

LEAST_SECRET = 32
"""Shortest secret, in bytes, that may verify a token. https://www.rfc-editor.org/rfc/rfc7518#section-3.2"""

_LONGEST_TOKEN = 8000
_BEARER = "bearer "


def verify_jwt(authorization: str | None, secret: str) -> bool:
    """Return whether an `Authorization` header has a JWT that is valid now and signed by HS256 with the secret.

    A token with neither `exp` nor `iat` could be reused for ever, and one that lives longer than a day for too long:
    both are refused.
    """
    header = authorization or ""
    token = header[len(_BEARER) :].strip()
    if header[: len(_BEARER)].lower() != _BEARER or not token.isascii() or len(token) > _LONGEST_TOKEN:
        return False
    return len(secret.strip().encode(errors="surrogatepass")) >= LEAST_SECRET and _is_signed(token, secret)


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
    except (jwt.PyJWTError, OverflowError, ValueError):  # PyJWT raises the last two for times like Infinity
        return False
    return _is_short_lived(claims)


def _is_short_lived(claims: Mapping[str, Any]) -> bool:
    """Return whether a token lives for a day at most, from `iat` or from now; without `exp`, whether it is younger."""
    now = time.time()
    issued, expires = _seconds(claims, "iat", default=now), _seconds(claims, "exp", default=now)
    return ("exp" in claims or "iat" in claims) and -LEEWAY_SECONDS <= expires - issued <= LONGEST_SECONDS


def _seconds(claims: Mapping[str, Any], name: str, *, default: float) -> float:
    """Return the time in a claim; NaN, which is in no range, when it is not a time."""
    found = claims.get(name, default)
    is_time = isinstance(found, int | float) and not isinstance(found, bool) and abs(found) < 1e12
    return float(found) if is_time else math.nan
