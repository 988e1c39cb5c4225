"""Format texts: other people's texts made safe for one line, numbers and amounts for people, names, times."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any

NO_DATA = "no data"
NARROW_SPACE = "\u202f"

MOST_DECIMALS = 12
"""The most decimals of a number: those of its target, up to this many."""

LONGEST_COMPARED = 200
"""Characters of a word that is compared with known ones."""

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


def number(value: float, *, apart_from: Collection[float] = ()) -> str:
    """Return a number for people: at most two decimals, four below one, thousands apart: `1 234.5`, `0.0125`.

    It is never rounded to a number of `apart_from`, such as the target, unless it is equal, and it has at least the
    decimals of that number. 89.999 apart from 90 is `89.99`.
    """
    fewest = max([_decimals(value), *map(_exact_decimals, apart_from)])
    rounded = (_rounded(value, decimals, apart_from) for decimals in range(fewest, MOST_DECIMALS + 1))
    decimals, shown = next((one for one in rounded if _is_apart(value, *one, apart_from)), (MOST_DECIMALS, value))
    digits = f"{shown + 0.0:,.{decimals}f}".rstrip("0").rstrip(".")  # no minus before a zero
    return digits.replace(",", NARROW_SPACE).replace("-", "\u2212")


def in_full(value: float) -> str:
    """Return a number with all its decimals, up to twelve: `1 000 001`, `0.123456`."""
    return number(value, apart_from=[value])


def _decimals(value: float) -> int:
    return 2 if abs(value) >= 1 else 4


def _exact_decimals(value: float) -> int:
    """Return the decimals that write a number in full, as few as `number` has and at most twelve."""
    return next((one for one in range(_decimals(value), MOST_DECIMALS) if round(value, one) == value), MOST_DECIMALS)


def _rounded(value: float, decimals: int, apart_from: Collection[float]) -> tuple[int, float]:
    """Return the decimals and the rounded value, one step away from a number that it must not be rounded to."""
    shown, step = round(value, decimals), 10.0**-decimals
    for other in apart_from:
        if value != other and shown == round(other, decimals):
            return decimals, round(shown - step if value < other else shown + step, decimals)
    return decimals, shown


def _is_apart(value: float, decimals: int, shown: float, apart_from: Collection[float]) -> bool:
    return all(value == other or shown != round(other, decimals) for other in apart_from)


def counted(count: float, one: str, many: str | None = None) -> str:
    """Return a count with its noun: `1 issue`, `3 issues`."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def _unit_of(digits: str, unit: str) -> str:
    """Return the unit as it reads after a number: `1 bug`, `2 bugs`. Only plurals of the English kind are changed."""
    if digits not in ("1", "\u22121"):
        return unit
    *_, last = unit.split()
    stem = next((last.removesuffix(end) + one for end, one in _PLURAL_ENDS if last.endswith(end)), last)
    return unit.removesuffix(last) + stem if _PLURAL.fullmatch(last) else unit


_PLURAL = re.compile(r"\w*(?:\w{3}|[A-Z])(?<![sui])(?<!bp)(?<!fp)s")
"""A word that is a plural: not `ms`, `fps`, `Mbps`, `class`, `status` or `basis`."""

_PLURAL_ENDS = (("ies", "y"), ("sses", "ss"), ("xes", "x"), ("ches", "ch"), ("shes", "sh"), ("s", ""))


def whole_percents(fraction: float) -> int:
    """Return a fraction as whole percents. Less than the whole is never 100."""
    rounded = round(100 * fraction)
    return 99 if fraction < 1 and rounded == 100 else rounded


def percent(fraction: float | None) -> str:
    """Return a fraction as whole percents: `37 %`. Less than the whole never reads 100 %."""
    return NO_DATA if fraction is None else f"{number(whole_percents(fraction))}{NARROW_SPACE}%"


def amount(value: float | None, unit: str = "", target: float | None = None) -> str:
    """Return a value with its unit: `37.5 %`, `12 bugs`, `1 bug`, `no data`.

    A value that differs is never rounded to the target or to 100 %.
    """
    if value is None:
        return NO_DATA
    whole = [100.0] if unit == "%" else []
    digits = number(value, apart_from=whole if target is None else [target, *whole])
    return f"{digits}{NARROW_SPACE}{_unit_of(digits, unit)}" if unit.strip() else digits


def range_words(stay: Mapping[str, Any], unit: str = "") -> str:
    """Return the range that a value has to stay in: `above 99.5 %`, `below 5 days`, `within 1 and 2`."""
    if "within" in stay:
        low, high = stay["within"]
        return f"within {in_full(low)} and {amount(high, unit, high)}"
    ((side, bound),) = stay.items()
    return f"{side} {amount(bound, unit, bound)}"


def goal(target: float | None, stay: Mapping[str, Any] | None, unit: str = "") -> str:
    """Return what a value has to reach, `12 bugs`, or where it has to stay, `stay above 99.5 %`."""
    return f"stay {range_words(stay, unit)}" if stay else amount(target, unit, target)


def listed(names: list[str]) -> str:
    """Join names as in a sentence: "KR-1, KR-2 and KR-3"."""
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return a suggestion ("; did you mean …?") to end a sentence with; empty when nothing is similar."""
    by_folded = {one.casefold(): one for one in reversed(list(known))}
    text = word if isinstance(word, str) else ""
    near = get_close_matches(text.casefold()[:LONGEST_COMPARED], by_folded, n=1, cutoff=0.6)
    begun = [one for one in by_folded if len(one) >= 3 and text.casefold().startswith(one)]  # wednesday: wed
    found = near or begun
    return f"; did you mean {by_folded[found[0]]}?" if found else ""


def sentence(words: str) -> str:
    """Return the words as a sentence: first letter capital, full stop at the end."""
    return words[:1].upper() + words[1:] + ("" if words.endswith((".", "!", "?")) else ".")


def instant(at: datetime) -> str:
    """Format a time in UTC as `2026-10-01T12:00:00.000Z` (ISO 8601)."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
