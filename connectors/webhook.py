"""Webhook signature (HMAC), delivery id, JSON body and event rules: what all connectors share of webhooks."""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import orjson

from connectors.json_fields import Json
from sync_service.domain.trackers.connector import Connection, Rejected
from sync_service.domain.trackers.observations import Observation

MAX_ID_LENGTH = 200
"""Longest delivery id that we store, in characters."""


@dataclass(frozen=True, slots=True)
class EventRule:
    """How one webhook event is handled: `parse` parses it; without `parse` it is ignored, `description` is the reason.

    `description` is shown to people.
    """

    description: str
    parse: Callable[[Json, Connection], tuple[Observation, ...]] | None = None


EventRules = Mapping[str, EventRule]
"""Event rules by the event's name. A name that ends in `*` is the default for events that are not listed."""


def verify_hmac(body: bytes, *, signature: str | None, secrets: Sequence[str]) -> bool:
    """Verify a webhook signature: `sha256=` and the hex HMAC-SHA256 of `body`, with any one of `secrets`.

    Return False for any other method, and for a blank secret, because anybody can compute its HMAC. Every secret is
    tried even after a match, so that the duration reveals nothing.
    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    https://developer.atlassian.com/cloud/jira/platform/webhooks/
    """
    claimed = (signature or "").encode(errors="replace")
    matched = False
    for secret in secrets:
        key = secret.encode(errors="surrogatepass")
        expected = b"sha256=" + hmac.digest(key, body, "sha256").hex().encode()
        matched |= hmac.compare_digest(expected, claimed) and bool(secret.strip())
    return matched


def delivery_id(body: bytes, *, given: str | None) -> str:
    """Return the delivery id: the tracker's own, or a hash of the body when that is absent or can't be stored.

    An id can't be stored when it has over 200 characters or anything but visible ASCII. A repeated delivery has the
    same body, so duplicates are recognised in both cases.
    """
    if given and len(given) <= MAX_ID_LENGTH and given.isascii() and given.isprintable() and " " not in given:
        return given
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


class NotJson(Rejected):
    """A body that is not JSON."""


MOST_VALUES = 500_000
"""Most commas and opening brackets of a JSON body, in texts too: each value behind one takes up to 300 bytes."""

LARGEST_TEXT = 32 * 1024 * 1024
"""Most bytes of the decoded text. The widest character decides how many bytes each of them takes (PEP 393)."""

LARGEST_FAST = 1024 * 1024
"""Most bytes of a body that orjson decodes: it takes several times as many bytes of memory for itself."""

_FOUR_BYTES = re.compile(rb"[\xf0-\xff]|\\u[dD][89abAB]")
_TWO_BYTES = re.compile(rb"[\xc4-\xff]|\\u")


def _refuse_costly(body: bytes) -> None:
    """Raise `Rejected` for a body that would take much more memory than it has bytes."""
    if sum(body.count(sign) for sign in (b",", b"[", b"{")) > MOST_VALUES:
        raise Rejected(f"the body has more than {MOST_VALUES:,} values")
    if len(body) * 4 > LARGEST_TEXT and len(body) * _width(body) > LARGEST_TEXT:
        raise Rejected("the body is too large for its characters")


def _width(body: bytes) -> int:
    """Return the bytes that a character takes in the decoded text, or in one that is decoded from its escapes."""
    if _FOUR_BYTES.search(body):
        return 4
    return 2 if _TWO_BYTES.search(body) else 1


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def decode_object(body: bytes) -> dict[str, Any]:
    """Decode a body that must be one JSON object in UTF-8; otherwise raise `Rejected` with the reason."""
    found = _decoded(body)
    if not isinstance(found, dict):
        raise Rejected(f"the body is a JSON {type(found).__name__}, not an object")
    return found


def decode_objects(body: bytes) -> list[dict[str, Any]]:
    """Decode a body that must be a JSON list of objects in UTF-8; otherwise raise `Rejected` with the reason."""
    found = _decoded(body)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Rejected("the body is not a JSON list of objects")
    return found


def _decoded(body: bytes) -> Any:
    _refuse_costly(body)
    if len(body) > LARGEST_FAST:
        return _decoded_slowly(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return _decoded_slowly(body)


def _decoded_slowly(body: bytes) -> Any:
    """Decode large bodies, and what orjson refuses: half a surrogate pair, deeper nesting. The errors are in words."""
    try:
        return _decoder.decode(body.decode())
    except RecursionError:
        raise Rejected("the body is nested too deeply to be read") from None
    except UnicodeDecodeError:
        raise NotJson("the body is not UTF-8") from None
    except ValueError as error:
        raise NotJson(f"the body is not JSON: {str(error)[:200]}") from None
