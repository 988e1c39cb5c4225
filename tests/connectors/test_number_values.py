"""Numbers in values of any type."""

from typing import Any

import pytest

from connectors.number_values import Unreadable, number_value


def nested(depth: int, inner: Any) -> Any:
    """Return a value inside lists of one."""
    for _ in range(depth):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("value", "expected"),
    [(8, 8.0), ("8", 8.0), ("2,5", 2.5), ({"value": "5"}, 5.0), ([{"value": "5"}], 5.0), ([], None), ("", None)],
)
def test_a_number_is_read_whatever_holds_it(value: Any, expected: float | None) -> None:
    """A number, a text, an option, a list with one of them."""
    assert number_value(value) == expected


@pytest.mark.parametrize("value", [nested(5000, 8), nested(3, {"value": nested(3, 8)}), {"value": [{"value": [8]}]}])
def test_a_list_in_a_list_is_no_number(value: Any) -> None:
    """A delivery may be nested as deeply as JSON is read, which is deeper than Python calls itself."""
    assert isinstance(number_value(value), Unreadable)
