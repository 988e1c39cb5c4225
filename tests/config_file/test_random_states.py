"""For random files, applying them again or applying their export changes nothing."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sync_service.config_file.plan.export import as_json, as_yaml
from tests.config_file.conftest import ConfigHarness
from tests.config_file.test_export import export
from tests.support.run_scope import ALL

ZONES = st.sampled_from(["UTC", "Europe/Madrid", "Asia/Tokyo", "America/New_York"])
CADENCES = st.sampled_from(["weekly", "every 2 weeks", "every 26 weeks", "monthly", "none"])
DAYS = st.lists(st.sampled_from(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]), min_size=1, unique=True)
NUMBERS = st.integers(-1000, 1000) | st.floats(-1e6, 1e6)
TEXTS = st.text("aä日'\"#:-!{}[]~ 0.", min_size=1, max_size=9).filter(lambda text: text.strip() != "")


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return mappings that have each of the fields, or not."""
    return st.fixed_dictionaries({}, optional=fields)


CALENDARS = st.fixed_dictionaries({"days": DAYS}, optional={"country": st.sampled_from(["ES", "DE", "JP"])})
THRESHOLDS = some(at_risk=st.floats(0, 24), behind=st.floats(25, 100))
SHARED = {"timezone": ZONES, "thresholds": THRESHOLDS, "calendar": CALENDARS, "cadence": CADENCES}

ORGANISATIONS = some(
    name=TEXTS,
    week_starts=st.sampled_from(["mon", "sat", "sun"]),
    grace_days=st.integers(0, 90),
    daily_cap=st.integers(1, 1000),
    quiet=st.just({"starts": "19:00", "ends": "08:30"}),
    allowed_domains=st.lists(st.sampled_from(["a.example", "b.example"]), unique=True),
    **SHARED,
)

STAYS = st.one_of(
    NUMBERS.map(lambda one: {"above": one}),
    NUMBERS.map(lambda one: {"below": one}),
    st.tuples(NUMBERS, NUMBERS).map(lambda two: {"within": sorted(two)}),
)

KEY_RESULT = {
    "apply": st.sampled_from(["apply", "propose"]),
    "rolls_up": st.booleans(),
    "cadence": CADENCES,
    "weight": st.floats(0.5, 9),
    "stay": STAYS,
    "unit": st.sampled_from(["", "%", "bugs"]),
}

OBJECTIVE = {
    "counts": st.booleans(),
    "weight": st.floats(0.5, 9),
    "roll_up": st.sampled_from(["weighted", "weakest", "none"]),
    "team": st.just("t0"),
}


@st.composite
def files(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a file: the parent of an item is one before it, whatever the order in the file."""
    teams = [{"slug": f"t{n}", "name": draw(TEXTS), **draw(some(**SHARED))} for n in range(draw(st.integers(1, 3)))]
    objectives = [_objective(draw, n) for n in range(draw(st.integers(1, 3)))]
    for items in (teams, objectives):
        for n, item in enumerate(items):
            parent = draw(st.integers(-1, n - 1)) if n else -1
            item.update({"parent": items[parent]["slug"]} if parent >= 0 else {})
    cycles = [{"slug": "c", "name": "C", "starts": "2026-10-01", "ends": "2026-12-31"}]
    file = {"teams": draw(st.permutations(teams)), "cycles": cycles, "objectives": draw(st.permutations(objectives))}
    return file | ({"organisation": draw(ORGANISATIONS)} if draw(st.booleans()) else {})


def _objective(draw: st.DrawFn, number: int) -> dict[str, Any]:
    key_results = [
        {"slug": f"k{number}-{n}", "title": draw(TEXTS), "measure": {"kind": "manual"}, **draw(some(**KEY_RESULT))}
        for n in range(draw(st.integers(0, 2)))
    ]
    own = {"slug": f"o{number}", "title": draw(TEXTS), "cycle": "c", "key_results": key_results}
    return {**own, **draw(some(**OBJECTIVE))}


@pytest.mark.slow
def test_applying_an_export_of_any_state_changes_nothing(sqlite_harness: Callable[[], ConfigHarness]) -> None:
    """One state after another, each pruned to the next."""
    harness = sqlite_harness()

    @settings(max_examples=40 if ALL else 20, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(files())
    def check(file: dict[str, Any]) -> None:
        text = yaml.safe_dump(file, sort_keys=False, allow_unicode=True)
        harness.apply(text, prune=True)
        assert harness.apply(text, prune=True).lines() == ["nothing to change"]
        for write in (as_yaml, as_json):
            assert harness.apply(write(export(harness)), prune=True).lines() == ["nothing to change"]

    check()
