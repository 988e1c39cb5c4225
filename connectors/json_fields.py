"""Tolerant readers of single JSON fields from trackers: a value of the wrong type counts as absent.

Text is cleaned for storage: control characters (NUL among them) and lone surrogates, which JSON can contain as
escapes, are removed, because PostgreSQL and mail headers can't hold them. Times are returned as aware UTC datetimes.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sync_service.domain.trackers.connector import Rejected

Json = Mapping[str, Any]

NAME_LENGTH = 255
"""Characters stored of a name: a label, a type, a person. Both trackers allow at most 255 themselves."""

TITLE_LENGTH = 300
"""Characters stored of a title. GitHub allows 256, Jira 255."""

URL_LENGTH = 2000

MAX_NUMBER_FIELDS = 10
"""Most numeric fields that a connection reads: the first ones in its configuration."""

_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LARGEST_ID = 2**63


def json_object(value: Any) -> Json:
    """Return `value` when it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def json_objects(value: Any) -> list[Json]:
    """Return the JSON objects in `value` when it is a list, else an empty list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def json_texts(value: Any) -> list[str]:
    """Return the texts in `value` when it is a list, else an empty list."""
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def text(value: Any, limit: int = NAME_LENGTH) -> str | None:
    """Return one clean line of at most `limit` characters; None when `value` is not text or has nothing to show."""
    if not isinstance(value, str):
        return None
    # Fast path: almost every text is printable and needs no cleaning.
    line = (value if value.isprintable() else _UNSTORABLE.sub(" ", value)).strip()
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    return line or None


def exact_text(value: Any, limit: int = NAME_LENGTH) -> str | None:
    """Return `value` unchanged when it is printable text of at most `limit` characters, else None."""
    return value if isinstance(value, str) and 0 < len(value) <= limit and value.isprintable() else None


def identifier(value: Any) -> str | None:
    """Return a tracker's numeric id as text, whether it is a JSON number or a string of digits; else None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < _LARGEST_ID else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return value
    return None


def number(value: Any) -> float | None:
    """Return a finite number; None for anything else, including NaN and infinity."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def timestamp(value: Any) -> datetime | None:
    """Parse an ISO 8601 time with an offset, or a whole number of milliseconds since 1970, as UTC; else None."""
    try:
        if isinstance(value, str):
            found = datetime.fromisoformat(value)
            return found.astimezone(UTC) if found.tzinfo else None
        if isinstance(value, int) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def web_address(value: Any) -> str:
    """Return an http or https address that people may open; empty for anything else."""
    found = exact_text(value, URL_LENGTH)
    return found if found and found.startswith(("https://", "http://")) else ""


def option_texts(value: Any, most: int) -> tuple[str, ...]:
    """Return the first `most` texts of an option that is a text or a list: stripped, without duplicates or blanks."""
    found = [one.strip() for one in ((value,) if isinstance(value, str) else value or ())]
    return tuple(dict.fromkeys(one for one in found if one))[:most]


def required(value: str | None, what: str) -> str:
    """Return `value`; raise `Rejected` when it is None. `what` names the field in the message."""
    if value is None:
        raise Rejected(f"{what} is missing or invalid")
    return value
