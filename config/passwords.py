"""The passwords in the addresses of this process's environment, so that no text that is printed has one.

Drivers put what they were given into their errors, whole, decoded, or in pieces.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, quote_plus, unquote, unquote_plus

ADDRESSES = ("DATABASE_URL", "REDIS_URL", "SMTP_URL", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
SHORTEST = 6
"""Characters of the shortest password that is cut out of any text; a shorter one is a piece of ordinary words."""

CUT = "…"
_USERS_AND_PASSWORDS = (
    re.compile(r"^(?:[^:/?#]*://)?([^:]*):(.*)@", re.DOTALL),
    re.compile(r"^[^:/?#]*:([^:]*):(.*)@", re.DOTALL),  # a scheme without the two slashes
)
_OPTION = re.compile(r"[?&][a-z_]*password=([^&#]*)", re.IGNORECASE)
_known: set[str] = set()


def add_from(environment: Mapping[str, str]) -> None:
    """Store the passwords in the addresses of an environment; proxies are written in small letters too."""
    for name in ADDRESSES:
        for spelling in (name, name.lower()):
            for user, password in _passwords(environment.get(spelling, "")):
                _known.update(form for form in _forms(user, password) if len(form) >= SHORTEST)


def cut_out(text: str) -> str:
    """Return a text without the stored passwords."""
    for form in sorted(_known, key=len, reverse=True):
        text = text.replace(form, CUT)
    return text


def _passwords(address: str) -> Iterator[tuple[str, str]]:
    """Yield user and password of an address, also of one that can't be parsed, and passwords among its options."""
    for pattern in _USERS_AND_PASSWORDS:
        if found := pattern.match(address):
            yield found[1], found[2]
    for option in _OPTION.findall(address):
        yield "", option


def _forms(user: str, written: str) -> Iterator[str]:
    """Yield the forms in which a password may be printed: escaped or not, as a literal, or as SMTP sends it."""
    for plain in {written, unquote(written), unquote_plus(written)}:
        yield from (plain, quote(plain), quote(plain, safe=""), quote_plus(plain))
        yield from (repr(plain)[1:-1], json.dumps(plain)[1:-1], ascii(plain)[1:-1])
        for sent in (plain, f"\0{unquote(user)}\0{plain}"):
            yield base64.b64encode(sent.encode(errors="replace")).decode()
