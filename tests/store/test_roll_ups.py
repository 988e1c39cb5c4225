"""Roll-ups of objectives over key results and aligned objectives, against an independent computation."""

from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection, Engine

from sync_service.store import tables as t
from sync_service.store.engine.database import open_database
from sync_service.store.engine.migrate import migrate
from sync_service.store.okrs.roll_ups import roll_ups
from tests.support.run_scope import ALL
from tests.support.servers import Databases
from tests.support.services import add, add_cycle, add_key_result

WAYS = ("weighted", "sum", "weakest", "none")


def migrated(url: str) -> None:
    """Prepare an empty database."""
    engine = open_database(url)
    migrate(engine)
    engine.dispose()


@pytest.fixture
def engine(databases: Databases) -> Iterator[Engine]:
    """Yield an empty database of each kind."""
    opened = open_database(databases.prepared(migrated))
    yield opened
    opened.dispose()


def objective(tx: Connection, cycle_id: int, slug: str, **columns: Any) -> int:
    """Add an objective."""
    return add(tx, t.objective, slug=slug, title=slug, cycle_id=cycle_id, **columns)


def key_result(tx: Connection, objective_id: int, slug: str, current: float | None, **columns: Any) -> None:
    """Add a key result with its progress."""
    start, target = columns.get("start", 0.0), columns.get("target", 100.0)
    progress = None if current is None else (current - start) / (target - start)
    columns |= {"current": current, "progress": progress}
    add_key_result(tx, objective_id, slug, slug, measure={"kind": "manual"}, **columns)


@pytest.mark.both_databases
def test_an_aligned_objective_counts_by_its_weight_only_where_it_says_so(engine: Engine) -> None:
    """Of another cycle too; one without data is counted, one that does not count is only shown.

    The progress is (1 x 50 + 3 x 90) / 4.
    """
    with engine.begin() as tx:
        year = add_cycle(tx, "2026", "2026", starts=date(2026, 1, 1), ends=date(2026, 12, 31))
        quarter = add_cycle(tx, "q4", "Q4", starts=date(2026, 10, 1), ends=date(2026, 12, 31))
        top = objective(tx, year, "top")
        key_result(tx, top, "KR-1", 50.0)
        counting = objective(tx, quarter, "counting", parent_id=top, counts=True, weight=3.0)
        key_result(tx, counting, "KR-2", 90.0)
        shown = objective(tx, quarter, "shown", parent_id=top)
        key_result(tx, shown, "KR-3", 10.0)
        objective(tx, quarter, "empty", parent_id=top, counts=True)
        found = roll_ups(tx, [top, shown])
    assert found[top].progress == 0.8
    assert (found[top].without_data, found[top].left_out) == (1, 0)
    assert [(one.slug, one.cycle, one.counts, one.weight, one.progress) for one in found[top].children] == [
        ("counting", "q4", True, 3.0, 0.9),
        ("shown", "q4", False, 1.0, 0.1),
        ("empty", "q4", True, 1.0, None),
    ]
    assert found[shown].children == ()


@pytest.mark.both_databases
def test_a_sum_sums_the_key_results_of_those_below(engine: Engine) -> None:
    """From 10 to 20 of 110, and from 0 to 40 of 100: 50 of 200."""
    with engine.begin() as tx:
        quarter = add_cycle(tx, "q4", "Q4", starts=date(2026, 10, 1), ends=date(2026, 12, 31))
        top = objective(tx, quarter, "top", roll_up="sum")
        key_result(tx, top, "KR-1", 20.0, start=10.0, target=110.0, unit="")
        below = objective(tx, quarter, "below", parent_id=top, counts=True, roll_up="sum", weight=7.0)
        key_result(tx, below, "KR-2", 40.0, unit="")
        key_result(tx, below, "KR-3", None, unit="")
        key_result(tx, below, "KR-4", 99.0, unit="", rolls_up=False)
        found = roll_ups(tx, [top, below])
    assert (found[top].progress, found[below].progress, found[below].without_data) == (0.25, 0.4, 1)


KEY_RESULTS = st.fixed_dictionaries(
    {
        "current": st.none() | st.integers(-20, 140).map(float),
        "weight": st.sampled_from([0.5, 1.0, 3.0]),
        "rolls_up": st.booleans(),
    }
)
OBJECTIVES = st.fixed_dictionaries(
    {
        "above": st.integers(0, 9),
        "counts": st.booleans(),
        "weight": st.sampled_from([0.5, 1.0, 2.0]),
        "roll_up": st.sampled_from(WAYS),
        "key_results": st.lists(KEY_RESULTS, max_size=3),
    }
)


def slow_progress(forest: list[dict[str, Any]], number: int) -> Fraction | None:
    """Return the progress of an objective by definition; an objective's parent is one before it."""
    one = forest[number]
    own = [(Fraction(kr["weight"]), kr["current"]) for kr in one["key_results"] if kr["rolls_up"]]
    members = [(weight, Fraction(current) / 100) for weight, current in own if current is not None]
    below = [n for n in range(number + 1, len(forest)) if parent(forest, n) == number and forest[n]["counts"]]
    rolled = [(Fraction(forest[n]["weight"]), slow_progress(forest, n)) for n in below]
    members += [(weight, share) for weight, share in rolled if share is not None]
    share = slow_share(one["roll_up"], members, slow_sum(forest, number))
    if share is None:
        return None
    complete = all(part >= 1 for _, part in members)
    return max(share, Fraction(1)) if complete else min(share, Fraction("0.999999"))


def slow_share(way: str, members: list[tuple[Fraction, Fraction]], summed: list[Fraction]) -> Fraction | None:
    """Return the share in one of the four ways; the numbers of a sum go from 0 to 100 each."""
    clamped = [(weight, min(max(share, Fraction(0)), Fraction(1))) for weight, share in members]
    if way == "weighted" and clamped:
        return sum((w * share for w, share in clamped), Fraction(0)) / sum(w for w, _ in clamped)
    if way == "weakest" and clamped:
        return min(share for _, share in clamped)
    if way == "sum" and summed:
        return sum(summed, Fraction(0)) / (100 * len(summed))
    return None


def slow_sum(forest: list[dict[str, Any]], number: int) -> list[Fraction]:
    """Return the values that a sum adds up; each goes from 0 to 100."""
    rolling = [kr["current"] for kr in forest[number]["key_results"] if kr["rolls_up"]]
    own = [Fraction(current) for current in rolling if current is not None]
    for n in range(number + 1, len(forest)):
        if parent(forest, n) == number and forest[n]["counts"] and forest[n]["roll_up"] == "sum":
            own += slow_sum(forest, n)
    return own


def parent(forest: list[dict[str, Any]], number: int) -> int | None:
    """Return the objective above one: any before it, or none."""
    above = forest[number]["above"]
    return above if above < number else None


@pytest.mark.slow
def test_the_progress_of_a_random_forest_is_that_of_a_slow_computation(engine: Engine) -> None:
    """In all four ways, mixed; a whole is reached only by all."""

    @settings(max_examples=500 if ALL else 50, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    @given(st.lists(OBJECTIVES, min_size=1, max_size=6))
    def check(forest: list[dict[str, Any]]) -> None:
        with engine.connect() as tx:
            ids = insert(tx, forest)
            found = roll_ups(tx, ids)
            tx.rollback()
        for number, objective_id in enumerate(ids):
            expected, progress = slow_progress(forest, number), found[objective_id].progress
            assert (expected is None) == (progress is None)
            if expected is not None and progress is not None:
                assert abs(Fraction(progress) - expected) < Fraction(3, 1_000_000)
                assert (progress >= 1) == (expected >= 1)

    check()


def insert(tx: Connection, forest: list[dict[str, Any]]) -> list[int]:
    """Insert the objectives of a forest; return their row ids."""
    cycle_id = add_cycle(tx, "q4", "Q4", starts=date(2026, 10, 1), ends=date(2026, 12, 31))
    ids: list[int] = []
    for number, one in enumerate(forest):
        above = parent(forest, number)
        names = ("counts", "weight", "roll_up")
        columns = {name: one[name] for name in names} | {"parent_id": None if above is None else ids[above]}
        ids.append(objective(tx, cycle_id, f"o{number}", **columns))
        for n, fields in enumerate(one["key_results"]):
            own = {name: fields[name] for name in ("weight", "rolls_up")}
            key_result(tx, ids[-1], f"KR-{number}-{n}", fields["current"], **own)
    return ids
