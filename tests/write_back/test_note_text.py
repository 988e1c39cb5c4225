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
        stay=None, id=1, slug="KR-1", title="Ship", objective="Paying is effortless", status="on_track", **columns
    )
    (serves,) = build_note(cast("Any", [row]), "https://okr.example.com").key_results
    assert (serves.value, serves.target, serves.progress)[: len(texts)] == texts
