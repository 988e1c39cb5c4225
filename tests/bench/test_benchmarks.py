"""Each benchmark runs to its end with small numbers, so that a change elsewhere can't break it unnoticed."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from bench import apply_updates, forecasts, importing, locks, measures, memory, rules, webhook_latency
from bench.__main__ import BENCHMARKS
from bench.harness import DATABASES, HarnessFactory, harness_factory
from bench.seed import Size

pytestmark = [pytest.mark.slow, pytest.mark.only_in_test_all]


@pytest.fixture(scope="module")
def factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HarnessFactory]:
    """Yield the factory of the benchmarks' databases and Valkeys."""
    with harness_factory(Path(tmp_path_factory.mktemp("bench"))) as made:
        yield made


@pytest.fixture
def small_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the numbers of the benchmarks by small ones."""
    small: dict[ModuleType, dict[str, object]] = {
        webhook_latency: {"ROUNDS": 1, "DELIVERIES": 20},
        apply_updates: {"DELIVERIES": 40, "JOBS": 10, "MEDIUM": Size(scopes=1), "LARGE": Size(scopes=2)},
        memory: {"DELIVERIES": 40, "WARM": 20, "STEP": 20, "SIZE": Size(scopes=1)},
        measures: {"LINKS": 20, "DELIVERIES": 20, "ROUNDS": 1},
        rules: {"ISSUES": 200, "ROUNDS": 1, "MATCHES": 10},
        importing: {"ISSUES": 200},
        locks: {"ISSUES": 60, "KEY_RESULTS": 3, "RULES": 5, "DELIVERIES": 20, "NOTICES": 10, "ACCOUNTS": 5},
        forecasts: {"FORECASTS": 20, "TRACKED": 1, "ROUNDS": 1},
    }
    for module, numbers in small.items():
        for name, value in numbers.items():
            monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("small_numbers")
@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_runs_to_its_end_and_finds_figures(factory: HarnessFactory, name: str, database: str) -> None:
    """Its figures mean nothing here."""
    findings = list(BENCHMARKS[name](factory, database))
    assert findings
    assert {one.database for one in findings} == {database}
