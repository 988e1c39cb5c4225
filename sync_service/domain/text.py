"""Text helpers: other people's texts made safe for one line, numbers and amounts as people write them."""

import re
import unicodedata

NO_DATA = "no data"

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


def clipped(text: str, most: int) -> str:
    """Shorten a text to `most` characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def number(value: float) -> str:
    """Return a number with at most two decimals, four below one, and no needless zeros."""
    written = f"{value:,.{2 if abs(value) >= 1 else 4}f}".rstrip("0").rstrip(".")
    return "0" if written == "-0" else written


def percent(value: float) -> str:
    """Return percents with at most one decimal; less than a hundred is never rounded up to a hundred."""
    rounded = round(value, 1)
    if rounded >= 100 > value:
        rounded = 99.9
    return f"{number(rounded)} %"


def amount(value: float | None, unit: str) -> str:
    """Return a value with its unit."""
    if value is None:
        return NO_DATA
    if unit == "%":
        return percent(value)
    return f"{number(value)} {unit}".rstrip()


def listed(names: list[str]) -> str:
    """Join names as in a sentence: "KR-1, KR-2 and KR-3"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def sentence(words: str) -> str:
    """Return the words as a sentence: first letter capital, full stop at the end."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")
