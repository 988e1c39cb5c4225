"""Small words for mails: texts of strangers made safe for one line, and numbers as people write them."""

import re
import unicodedata

NO_DATA = "no data"

# Overrides and isolates turn the text around them: a title with one could dress up the rest of the mail.
_TURNING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """Make a stranger's text fit for one line of a header or a mail: no control characters, no turned direction."""
    whole = text.encode("utf-8", "replace").decode()  # half a surrogate pair can't be sent
    kept = (" " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char for char in whole if char not in _TURNING)
    return re.sub(r"\s+", " ", "".join(kept)).strip()


def clipped(text: str, most: int) -> str:
    """Shorten a text to `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def number(value: float) -> str:
    """Write a number with two decimals at most, four below one, and no needless zeros."""
    written = f"{value:,.{2 if abs(value) >= 1 else 4}f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def percent(value: float) -> str:
    """Write percents, one decimal at most; what is short of a hundred is never rounded up to it."""
    rounded = round(value, 1)
    if rounded >= 100 > value:
        rounded = 99.9
    return f"{number(rounded)} %"


def amount(value: float | None, unit: str) -> str:
    """Write a value in its unit."""
    if value is None:
        return NO_DATA
    if unit == "%":
        return percent(value)
    return f"{number(value)} {unit}".rstrip()


def listed(names: list[str]) -> str:
    """Join names as a sentence does: "KR-1, KR-2 and KR-3"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
