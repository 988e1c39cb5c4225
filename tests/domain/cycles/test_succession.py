"""The slug and the start of a successor."""

from typing import Any

import pytest

from sync_service.domain.cycles.succession import successor_slug, successor_start
from sync_service.domain.measures.settings import parse_measure


@pytest.mark.parametrize(
    ("slug", "taken", "found"),
    [
        ("KR-1", (), "KR-1-q1"),
        ("KR-1-q4", (), "KR-1-q1"),
        ("KR-1-q4-2", (), "KR-1-q1"),
        ("KR-1", ("kr-1-Q1",), "KR-1-q1-2"),
    ],
)
def test_a_successor_has_a_free_slug_of_its_own(slug: str, taken: tuple[str, ...], found: str) -> None:
    """Named for its cycle, and not for two."""
    assert successor_slug(slug, "2027-q1", taken) == found


@pytest.mark.parametrize("names", [("q3", "q4", "q1", "q2"), ("h1", "h2", "h1", "h2"), ("t1", "t2", "t3", "t1")])
def test_a_chain_of_successors_keeps_the_first_slug_and_names_the_last_cycle(names: tuple[str, ...]) -> None:
    """It does not grow with each cycle."""
    slug = "KR-1"
    for name in names:
        slug = successor_slug(slug, f"2027-{name}", ())
    assert slug == f"KR-1-{names[-1]}"


@pytest.mark.parametrize(
    ("measure", "start"),
    [
        ({"kind": "open-count"}, 20),
        ({"kind": "done-count"}, 20),
        ({"kind": "done-count", "within": "ever"}, 40),
        ({"kind": "manual"}, 20),
        ({"kind": "lead-time"}, 40),
        ({"kind": "throughput"}, 40),
    ],
)
def test_cumulative_measures_start_with_the_settled_value(measure: dict[str, Any], start: float) -> None:
    """Others start again where they did; without a value, or in a range, nothing is taken over."""
    assert successor_start(parse_measure(measure), 40, 20) == start
    assert successor_start(parse_measure(measure), 40, None) == 40
    assert successor_start(parse_measure(measure), None, 20) is None
