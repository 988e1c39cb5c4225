"""What every webhook has in common: a signature over its raw bytes, an id, a JSON body, a treatment by its name."""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from connectors.fields import Json
from sync_service.domain.connectors import Connection, Rejected
from sync_service.domain.issues import Observation

ID_LENGTH = 200
"""Longest delivery id kept, in characters."""


@dataclass(frozen=True, slots=True)
class Treatment:
    """What we do with one sort of delivery. `says` is for people; without `read` it completes "ignored, because …"."""

    says: str
    read: Callable[[Json, Connection], tuple[Observation, ...]] | None = None


Treatments = Mapping[str, Treatment]
"""Treatments by the delivery's name; a name that ends in `*` stands for all that are not listed."""


def is_signed(body: bytes, *, signature: str | None, secrets: Sequence[str]) -> bool:
    """Tell whether `signature` is `sha256=` and the hex HMAC of `body` under one of `secrets`.

    Any other method fails, and so does a blank secret, whose HMAC anybody can compute. Every secret is
    tried, whichever matches, so that the time taken tells nothing.
    https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    https://developer.atlassian.com/cloud/jira/platform/webhooks/
    """
    claimed = (signature or "").encode(errors="replace")
    matched = False
    for secret in secrets:
        key = secret.encode(errors="surrogatepass")
        made = b"sha256=" + hmac.digest(key, body, "sha256").hex().encode()
        matched |= hmac.compare_digest(made, claimed) and bool(secret.strip())
    return matched


def letter_id(body: bytes, *, given: str | None) -> str:
    """Give the tracker's id of a delivery, or the hash of its body where the id is absent or unfit to keep.

    Unfit is an id over 200 characters or with anything but visible ASCII. A repeat has the same body,
    so either way repeats are told.
    """
    if given and len(given) <= ID_LENGTH and given.isascii() and given.isprintable() and " " not in given:
        return given
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


_decoder = json.JSONDecoder(parse_constant=_refuse_constant)


def json_object(body: bytes) -> dict[str, Any]:
    """Decode a body that must be one JSON object in UTF-8; raise `Rejected` with the reason where it is not."""
    found = _decoded(body)
    if not isinstance(found, dict):
        raise Rejected(f"the body is a JSON {type(found).__name__}, not an object")
    return found


def json_objects(body: bytes) -> list[dict[str, Any]]:
    """Decode a body that must be a JSON list of objects in UTF-8; raise `Rejected` with the reason where it is not."""
    found = _decoded(body)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Rejected("the body is not a JSON list of objects")
    return found


def _decoded(body: bytes) -> Any:
    try:
        return _decoder.decode(body.decode())
    except RecursionError:
        raise Rejected("the body is nested too deeply to be read") from None
    except UnicodeDecodeError:
        raise Rejected("the body is not UTF-8") from None
    except ValueError as error:
        raise Rejected(f"the body is not JSON: {str(error)[:200]}") from None
