"""Hints on the quality of objectives and key results, and short names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.okrs.hints import key_result_hints, objective_hints
from sync_service.domain.okrs.slugs import next_key_result, slug_of_title


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Conversion from basket to paid from 61 % to 68 %", []),
        ("Conversion goes up", ["no number"]),
        ("Launch the new checkout in 3 countries", ["reads like a task"]),
        ("Ship it soon", ["no number", "no date", "reads like a task"]),
        ("Shipping time below 2 days", []),
        ("Sooner than 3 days", []),
        ("", []),
        ("   ", []),
        ("٣ منتجات", []),
    ],
)
def test_a_key_result_gets_the_hints_that_fit(title: str, expected: list[str]) -> None:
    """A missing number, a time that nobody can check, a task in place of an outcome."""
    found = list(key_result_hints(title, counts_itself=False))
    assert len(found) == len(expected)
    for hint, words in zip(found, expected, strict=True):
        assert words in hint


def test_steps_need_no_number_in_the_title() -> None:
    """Their measure counts them."""
    assert list(key_result_hints("The contract is signed", counts_itself=True)) == []


@pytest.mark.parametrize(
    ("title", "key_results", "expected"),
    [
        ("Paying is effortless", 5, []),
        ("Paying is effortless", 6, ["6 key results"]),
        ("Double sales to 4 million", 3, ["has a number"]),
        ("Build the new checkout as soon as possible", 0, ["no date", "task"]),
    ],
)
def test_an_objective_gets_the_hints_that_fit(title: str, key_results: int, expected: list[str]) -> None:
    """A number, a vague time, a task, too many key results."""
    found = list(objective_hints(title, key_results))
    assert len(found) == len(expected)
    for hint, words in zip(found, expected, strict=True):
        assert words in hint


@pytest.mark.parametrize(
    ("title", "taken", "expected"),
    [
        ("Paying is effortless", [], "paying-is-effortless"),
        ("Paying is effortless", ["Paying-is-effortless"], "paying-is-effortless-2"),
        ("Zahlen ist mühelos für Ältere!", [], "zahlen-ist-muhelos-fur-altere"),
        ("支払い", [], "objective"),
        ("支払い", ["objective", "objective-2"], "objective-3"),
        ("a" * 100, [], "a" * 40),
        ("The platform never wakes anybody up in the night", [], "the-platform-never-wakes-anybody-up-in"),
    ],
)
def test_a_short_name_is_made_from_a_title(title: str, taken: list[str], expected: str) -> None:
    """In plain letters, at most 40, and not taken in any letter case."""
    assert slug_of_title(title, taken) == expected


@given(st.text(max_size=60), st.sets(st.sampled_from(["objective", "objective-2", "a", "a-2", "b"])))
def test_a_short_name_is_always_new(title: str, taken: set[str]) -> None:
    """Whatever the title is."""
    assert slug_of_title(title, taken) not in taken


def test_key_results_are_numbered() -> None:
    """After the highest, not into a gap: somebody may remember the old one."""
    assert next_key_result([]) == "KR-1"
    assert next_key_result(["KR-1", "kr-7", "KR-007", "other", "KR-x"]) == "KR-8"
