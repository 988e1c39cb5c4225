"""The proof that comes with the dynamic webhooks of an OAuth app: a token that Jira signs with the app's client secret.

It says nothing of the body, and which claims it has is documented nowhere, so it is believed for no longer than it has
to be. https://developer.atlassian.com/cloud/jira/platform/webhooks/
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import jwt

LEEWAY_SECONDS = 120
"""By how much Jira's clock and ours may differ."""

LONGEST_SECONDS = 86_400
"""How old a token without an end may be: Jira tries again for an hour and a half."""

LEAST_SECRET = 32
"""Bytes of a secret that tokens are tried with. https://www.rfc-editor.org/rfc/rfc7518#section-3.2"""

_LONGEST_TOKEN = 8000
_BEARER = "bearer "


def is_borne(authorization: str | None, secrets: Sequence[str]) -> bool:
    """Tell whether an `Authorization` header bears a token that one of the secrets signed by HS256, and that holds now.

    One with neither an end nor a beginning could be used for ever, and is refused.
    """
    claimed = authorization or ""
    token = claimed[len(_BEARER) :].strip()
    if claimed[: len(_BEARER)].lower() != _BEARER or not token.isascii() or len(token) > _LONGEST_TOKEN:
        return False
    held = [secret for secret in secrets if len(secret.strip().encode(errors="surrogatepass")) >= LEAST_SECRET]
    return any(_is_signed(token, secret) for secret in held)


def _is_signed(token: str, secret: str) -> bool:
    try:
        claims = jwt.decode(
            token,
            secret.encode(errors="surrogatepass"),
            algorithms=["HS256"],
            # Jira may name an audience or an issuer; nobody says which.
            options={"verify_aud": False, "verify_iss": False},
            leeway=LEEWAY_SECONDS,
        )
    except jwt.PyJWTError:
        return False
    return "exp" in claims or _is_young(claims)


def _is_young(claims: Mapping[str, Any]) -> bool:
    made = claims.get("iat")
    return isinstance(made, int | float) and time.time() - made < LONGEST_SECONDS
