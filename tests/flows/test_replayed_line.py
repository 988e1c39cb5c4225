"""The replayed line of a rule equals the line that the rule would have given, in force since the first day."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sync_service.domain.measures.line import DayValue, Source
from sync_service.progress.lines.key_result_line import key_result_line
from sync_service.progress.previews.replayed_line import ReplayedLine
from sync_service.progress.previews.rule_preview import Edit, preview
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import key_results
from tests.flows.test_key_result_line import (
    DAY,
    HOUR,
    MEASURES,
    STARTS,
    Happening,
    changes_of,
    happenings,
    line_of,
    old_and_done,
    snapshots,
)
from tests.support.fake_tracker import CoreHarness, open_core_harness
from tests.support.run_scope import ALL, LONG

PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
"""Each example runs all drains: to shrink one takes minutes."""


@pytest.fixture
def core(migrated_url: str) -> Iterator[CoreHarness]:
    """Yield a harness a week before the cycle."""
    made = open_core_harness(migrated_url, now=STARTS - 7 * DAY)
    yield made
    made.engine.dispose()


def replayed(core: CoreHarness, key_result_id: int, condition: dict[str, Any], slug: str | None = None) -> ReplayedLine:
    """Return the replayed line of a key result with a rule."""
    edit = Edit(slug=slug, connection_id=core.connection_id, key_result_id=key_result_id, condition=condition)
    with reading(core.engine) as tx:
        found = preview(tx, edit, now=core.now, lines=True).lines
        (one,) = [one for one in found if one.real == key_result_line(tx, key_result_id, core.now)]
    return one


def as_reconstructed(line: Sequence[DayValue]) -> list[DayValue]:
    """Return a line as if no day of it had been seen."""
    return [replace(one, source=Source.RECONSTRUCTED) for one in line]


@pytest.mark.slow
@pytest.mark.only_in_test_all(databases="postgresql")
def test_the_replayed_line_equals_that_of_a_rule_in_force_since_the_first_day(core: CoreHarness) -> None:
    """Random happenings: creation, start, closing, reopening, dropping; one key result has the rule from the start."""
    numbers = count(1)

    @settings(
        max_examples=300 if LONG else 30 if ALL else 10,
        suppress_health_check=list(HealthCheck),
        deadline=None,
        phases=PHASES,
    )
    @given(measure=st.sampled_from(MEASURES), done=happenings, later=st.integers(1, 2500))
    def compare(measure: dict[str, Any], done: Sequence[Happening], later: int) -> None:
        core.now = STARTS - 7 * DAY
        slug = f"KR-{next(numbers)}"
        condition = {"all": [{"field": "labels", "has": f"okr:{slug}-label"}]}
        ruled, plain = core.key_result(f"{slug}-ruled", **measure), core.key_result(f"{slug}-plain", **measure)
        core.rule(f"rule-{slug}", ruled, condition)
        for at, one in snapshots(f"{slug}-label", done):
            core.now = at
            core.receive_and_drain(one)
        core.now += later * HOUR
        with writing(core.engine) as tx:
            key_results.recompute(tx, [ruled, plain])
        core.drain()
        found = replayed(core, plain, condition)
        assert as_reconstructed(found.replayed) == as_reconstructed(line_of(core, ruled))
        assert found.real == line_of(core, plain)

    compare()


@pytest.mark.both_databases
def test_the_replayed_line_lies_beside_the_real_one(core: CoreHarness) -> None:
    """The real one has no data, because nothing was linked; today is the value that the preview shows."""
    plain = core.key_result()
    core.now = STARTS + 50 * DAY
    core.receive_and_drain(old_and_done("elsewhere"))
    found = replayed(core, plain, {"field": "labels", "has": "okr:elsewhere"})
    assert changes_of(found.real) == [("Oct 01", None)]
    assert changes_of(found.replayed) == [("Oct 01", None), ("Oct 05", 0), ("Nov 02", 100)]
    assert [one.day for one in found.real] == [one.day for one in found.replayed]


def test_a_rule_that_is_narrowed_takes_its_issues_out_of_the_line(core: CoreHarness) -> None:
    """From the first day on."""
    plain = core.key_result()
    core.rule("all", plain, {"field": "labels", "has": "okr:elsewhere"})
    core.now = STARTS + 50 * DAY
    core.receive_and_drain(old_and_done("elsewhere"))
    found = replayed(core, plain, {"field": "labels", "has": "nowhere"}, slug="all")
    assert changes_of(found.real)[-1] == ("Nov 02", 100)
    assert {one.value for one in found.replayed} == {None}


@pytest.mark.both_databases
def test_what_people_set_keeps_its_line(core: CoreHarness) -> None:
    """A rule links issues to it, and its value comes from check-ins."""
    manual = core.key_result(kind="manual")
    core.now = STARTS + timedelta(days=3)
    found = replayed(core, manual, {"field": "labels", "has": "checkout"})
    assert found.replayed == found.real
