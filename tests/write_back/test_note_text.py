"""The text of a note on an issue."""

from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest

from sync_service.domain.measures.status import Thresholds
from sync_service.domain.trackers.write_back import ServedKeyResult
from sync_service.store.okrs.team_settings import Settings
from sync_service.write_back.note_text import build_note

SETTINGS = Settings(zone=ZoneInfo("UTC"), thresholds=Thresholds(at_risk=12, behind=30))


def served(**columns: Any) -> ServedKeyResult:
    """Return the key result of a note about one, of a team with thresholds of its own."""
    row = SimpleNamespace(id=1, team_id=7, **columns)
    settings = SimpleNamespace(of={7: SETTINGS}.__getitem__)
    (found,) = build_note(cast("Any", [row]), "https://okr.example.com", cast("Any", settings)).key_results
    return found


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
    own = {"slug": "KR-1", "title": "Ship", "objective": "Paying is effortless"}
    serves = served(status="on_track", stay=None, **own, **columns)
    assert (serves.value, serves.target, serves.progress)[: len(texts)] == texts


def test_a_range_reads_as_one() -> None:
    """It has no target."""
    numbers = {"current": 99.7, "target": None, "stay": {"above": 99.5}, "unit": "%", "progress": 1.0}
    serves = served(slug="KR-1", title="Up", objective="Run", status="on_track", **numbers)
    assert serves.value_of_target == "99.7\u202f%, stay above 99.5\u202f%"
    assert serves.status == "on track", "no threshold decides the status of a range"


@pytest.mark.parametrize(
    ("status", "progress", "words"),
    [
        ("on_track", 0.4, "on track (at most 12 points below the expected progress)"),
        ("at_risk", 0.3, "at risk (more than 12 points below the expected progress)"),
        ("behind", 0.1, "behind (more than 30 points below the expected progress)"),
        ("completed", 1.0, "completed"),
        ("on_track", 1.0, "on track"),
        ("no_data", None, "no data"),
    ],
)
def test_a_status_is_shown_with_the_threshold_of_the_team_that_decided_it(
    status: str, progress: float | None, words: str
) -> None:
    """Without the expected progress of today: a note is not written again each day."""
    numbers = {"current": progress, "target": 1.0, "stay": None, "unit": "", "progress": progress}
    assert served(slug="KR-1", title="T", objective="O", status=status, **numbers).status == words
