"""The text of a note on an issue."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from sync_service.write_back.note_text import build_note


@pytest.mark.parametrize(
    ("columns", "texts"),
    [
        (
            {"unit": "%", "current": 99.5305, "target": 100.0, "progress": 0.995305},
            ("99.53\u202f%", "100\u202f%", "99\u202f%"),
        ),
        (
            {"unit": "bugs", "current": 5.001, "target": 5.0, "progress": 0.999971},
            ("5.01\u202fbugs", "5\u202fbugs", "99\u202f%"),
        ),
        ({"unit": "", "current": 1e6 - 1e-4, "target": 1e6, "progress": 0.999999}, ("999\u202f999.99",)),
    ],
)
def test_a_note_shows_no_target_before_it_is_reached(columns: dict[str, Any], texts: tuple[str, ...]) -> None:
    """Neither as a value nor in percents."""
    row = SimpleNamespace(
        id=1, slug="KR-1", title="Ship", objective="Paying is effortless", status="on_track", stay=None, **columns
    )
    (serves,) = build_note(cast("Any", [row]), "https://okr.example.com").key_results
    assert (serves.value, serves.target, serves.progress)[: len(texts)] == texts


def test_a_range_reads_as_one() -> None:
    """It has no target."""
    numbers = {"current": 99.7, "target": None, "stay": {"above": 99.5}, "unit": "%", "progress": 1.0}
    row = SimpleNamespace(id=1, slug="KR-1", title="Up", objective="Run", status="on_track", **numbers)
    (serves,) = build_note(cast("Any", [row]), "https://okr.example.com").key_results
    assert serves.value_of_target == "99.7\u202f%, stay above 99.5\u202f%"
