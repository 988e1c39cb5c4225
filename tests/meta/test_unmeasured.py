"""Tests may run without coverage: neither their process nor those that they start are measured meanwhile."""

import os

import coverage
import pytest

from tests.support.unmeasured import CHILDREN, unmeasured


def run_first() -> str:
    """Return how children would be measured."""
    return os.environ.get(CHILDREN, "nothing")


def run_second() -> str:
    """Return how children would be measured."""
    return os.environ.get(CHILDREN, "nothing")


def lines_of(measured: coverage.Coverage, function: object) -> set[int]:
    """Return the measured lines inside a function of this module."""
    code = function.__code__  # type: ignore[attr-defined]  # it is a function
    body = {line for _, _, line in code.co_lines() if line} - {code.co_firstlineno}
    return body & set(measured.get_data().lines(__file__) or ())


def test_only_what_runs_outside_of_the_block_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """The block ends with everything as it was."""
    monkeypatch.setenv(CHILDREN, "a configuration")
    measured = coverage.Coverage(data_file=None, config_file=False)
    measured.start()
    try:
        with unmeasured():
            inside = run_first()
        outside = run_second()
    finally:
        measured.stop()
    assert (inside, outside) == ("nothing", "a configuration")
    assert lines_of(measured, run_first) == set()
    assert lines_of(measured, run_second) != set()


def test_without_coverage_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in `make test-fast`."""
    monkeypatch.setattr(coverage.Coverage, "current", lambda: None)
    monkeypatch.setenv(CHILDREN, "a configuration")
    with unmeasured():
        assert run_first() == "a configuration"
