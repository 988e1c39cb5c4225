"""Comparison of texts: whole ones, parts, and patterns with stars."""

from collections.abc import Callable
from operator import attrgetter
from typing import Any


def text_test(operator: str, values: tuple[str, ...]) -> Callable[[str], bool]:
    """Return the test of one folded text."""
    if operator == "contains":
        return lambda text: values[0] in text
    if operator == "matches":
        pattern = values[0].split("*")
        return lambda text: _matches(pattern, text)
    if len(values) == 1:
        return lambda text: text == values[0]
    allowed = frozenset(values)
    return lambda text: text in allowed


def set_test(field: str, operator: str, values: tuple[str, ...], test: Callable[[str], bool]) -> Callable[[Any], bool]:
    """Return the test of a field with several texts, given as an attribute of what is tested."""
    if values == ("",):
        return lambda subject: not getattr(subject, field)
    texts_of = attrgetter(field)
    if operator in ("contains", "matches"):
        return lambda subject: any(test(text) for text in texts_of(subject))
    if len(values) == 1:
        only = values[0]
        return lambda subject: only in texts_of(subject)
    allowed = frozenset(values)
    return lambda subject: not allowed.isdisjoint(texts_of(subject))


def _matches(pattern: list[str], text: str) -> bool:
    """Match the pieces between the stars from left to right; linear in the text for each piece."""
    if len(pattern) == 1:
        return text == pattern[0]
    if not text.startswith(pattern[0]):
        return False
    position = len(pattern[0])
    for piece in pattern[1:-1]:
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return len(text) - position >= len(pattern[-1]) and text.endswith(pattern[-1])
