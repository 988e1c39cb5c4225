"""Tokens of the simulated GitHub: personal tokens, and installation tokens, which last an hour."""

from __future__ import annotations

import base64
import json
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulator.github.model.accounts import User
from simulator.github.model.app import Installation

LIFETIME = timedelta(hours=1)
"""How long an installation token is good for."""

_LONG, _SHORT = 520, 40
_SIGNATURE = 256
_ALPHABET = string.ascii_letters + string.digits


@dataclass(eq=False, kw_only=True)
class PersonalToken:
    """A fine-grained personal token; None means every permission, every repository, for ever."""

    text: str
    user: User
    permissions: Mapping[str, str] | None = None
    repositories: frozenset[int] | None = None
    expires: datetime | None = None


@dataclass(eq=False, kw_only=True)
class InstallationToken:
    """A token of an installation; `repositories` (ids) None means those of the installation, whichever they are then.

    `refusals` is how many times it is still refused, as if not all of GitHub knows it yet.
    """

    text: str
    installation: Installation
    permissions: Mapping[str, str]
    repositories: frozenset[int] | None
    expires: datetime
    refusals: int = 0


def make_token_text(app_id: int, *, long: bool) -> str:
    """Make up the text of an installation token in the present form or in the former one.

    https://github.blog/changelog/2026-05-15-github-app-installation-tokens-per-request-override-header
    """
    if not long:
        return "ghs_" + "".join(secrets.choice(_ALPHABET) for _ in range(_SHORT - len("ghs_")))
    head = _encoded(json.dumps({"alg": "RS256", "typ": "JWT"}).encode())
    signature = _encoded(secrets.token_bytes(_SIGNATURE))
    start = f"ghs_{app_id}_{head}."
    claims = "".join(secrets.choice(_ALPHABET) for _ in range(_LONG - len(start) - len(signature) - 1))
    return f"{start}{claims}.{signature}"


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
