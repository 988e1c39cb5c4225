"""Read single fields of JSON that others wrote: what has the wrong shape counts as absent, and no text can hurt a row.

Text loses what PostgreSQL or a mail header can't hold: control characters (NUL among them) and lone surrogates,
which JSON can spell as escapes. Times come out as aware UTC datetimes.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sync_service.domain.connectors import Rejected

Json = Mapping[str, Any]

NAME_LENGTH = 255
"""Characters kept of a name: a label, a type, a person. Both trackers allow at most 255 themselves."""

TITLE_LENGTH = 300
"""Characters kept of a title. GitHub allows 256, Jira 255."""

URL_LENGTH = 2000

MOST_NUMBERS = 10
"""Numeric fields of a connection that are kept, the first ones it names."""

_UNSTORABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]+")
_LARGEST_ID = 2**63


def table(value: Any) -> Json:
    """Give `value` where it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Json]:
    """Give the JSON objects in `value` where it is a list, else nothing."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def text(value: Any, limit: int = NAME_LENGTH) -> str | None:
    """Give one clean line of at most `limit` characters; None where `value` is no text or has nothing to show."""
    if not isinstance(value, str):
        return None
    # Almost every text is printable as it is; the rest loses only what can't be stored.
    line = (value if value.isprintable() else _UNSTORABLE.sub(" ", value)).strip()
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    return line or None


def exact(value: Any, limit: int = NAME_LENGTH) -> str | None:
    """Give `value` where it is printable text of at most `limit` characters: names that must not be altered."""
    return value if isinstance(value, str) and 0 < len(value) <= limit and value.isprintable() else None


def identifier(value: Any) -> str | None:
    """Give a tracker's numeric id as text, whether it came as a number or as digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if 0 < value < _LARGEST_ID else None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return value
    return None


def number(value: Any) -> float | None:
    """Give a finite number; None for anything else, NaN and infinity included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def moment(value: Any) -> datetime | None:
    """Give an ISO 8601 time with an offset, or a whole number of milliseconds since 1970, as UTC."""
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
    """Give an http or https address for people to open; empty where there is none to trust."""
    found = exact(value, URL_LENGTH)
    return found if found and found.startswith(("https://", "http://")) else ""


def distinct(value: Any, most: int) -> tuple[str, ...]:
    """Give the first texts of an option that is a text or a list of them, each once and without the space around."""
    found = [one.strip() for one in ((value,) if isinstance(value, str) else value or ())]
    return tuple(dict.fromkeys(one for one in found if one))[:most]


def required(value: str | None, what: str) -> str:
    """Give `value`, or raise `Rejected` that names `what` is missing."""
    if value is None:
        raise Rejected(f"{what} is missing or not what it should be")
    return value
