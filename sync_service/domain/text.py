"""Text helpers: other people's texts made safe for one line, numbers and amounts as people write them, times."""

import re
import unicodedata
from datetime import UTC, datetime

NO_DATA = "no data"
NARROW_SPACE = "\u202f"

# Bidirectional overrides and isolates change the direction of the text around them: a title with one could disguise the
# rest of the mail.
_DIRECTION_MARKS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Return other people's text as one safe line: no control characters, no bidirectional overrides."""
    whole = text.encode("utf-8", "replace").decode()  # half a surrogate pair can't be encoded
    kept = (
        " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char
        for char in whole
        if char not in _DIRECTION_MARKS
    )
    return re.sub(r"\s+", " ", "".join(kept)).strip()


def folded(text: str) -> str:
    """Return a text for comparison: without case, and composed (NFC), since keyboards write one letter in two ways.

    https://www.unicode.org/reports/tr15/
    """
    if text.isascii():
        return text.casefold()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def clipped(text: str, most: int) -> str:
    """Shorten a text to `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def number(value: float) -> str:
    """Return a number for people: at most two decimals, four below one, thousands apart: `1 234.5`, `0.0125`."""
    rounded = round(value, 2 if abs(value) >= 1 else 4) + 0.0  # no minus before a zero
    digits = f"{rounded:,.4f}".rstrip("0").rstrip(".")
    return digits.replace(",", NARROW_SPACE).replace("-", "\u2212")


def percent(fraction: float | None) -> str:
    """Return a fraction as whole percents: `37 %`. Less than the whole never reads 100 %."""
    if fraction is None:
        return NO_DATA
    return f"{number(_short_of(100, 100 * fraction, step=1))}{NARROW_SPACE}%"


def amount(value: float | None, unit: str = "") -> str:
    """Return a value with its unit: `37.5 %`, `12 bugs`, `no data`. Less than 100 % never reads 100 %."""
    if value is None:
        return NO_DATA
    if unit == "%":
        value = _short_of(100, value, step=0.01)
    return f"{number(value)}{NARROW_SPACE}{unit}" if unit else number(value)


def _short_of(whole: float, value: float, *, step: float) -> float:
    """Round a value to a multiple of `step`; a value below `whole` stays below it."""
    rounded = round(value / step) * step
    return whole - step if value < whole <= rounded else rounded


def listed(names: list[str]) -> str:
    """Join names as in a sentence: "KR-1, KR-2 and KR-3"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def sentence(words: str) -> str:
    """Return the words as a sentence: first letter capital, full stop at the end."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def instant(at: datetime) -> str:
    """Format a time in UTC as `2026-10-01T12:00:00.000Z` (ISO 8601)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
