"""Every measure with random settings and issues has the value that a plain, slow computation gives."""

from dataclasses import replace
from fractions import Fraction
from math import fsum
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sync_service.domain.measures.calendar import Calendar
from sync_service.domain.measures.compute import Inputs, compute
from sync_service.domain.measures.contributions import Contribution, tally
from sync_service.domain.measures.explain import SumLine, sum_lines
from sync_service.domain.measures.progress import progress
from sync_service.domain.measures.settings import SETTINGS, Measure, MeasureError, parse_measure
from sync_service.domain.measures.status import Span
from sync_service.domain.rules.conditions import Subject
from sync_service.domain.trackers.observations import State
from tests.domain.measures import oracle
from tests.domain.measures.cases import case_of
from tests.domain.measures.oracle import Case, PlainIssue
from tests.support.run_scope import LONG

examples = settings(max_examples=500 if LONG else 50, suppress_health_check=list(HealthCheck))
fewer = settings(max_examples=500 if LONG else 25, suppress_health_check=list(HealthCheck))
seeds = st.integers(0, 2**64)
kinds = pytest.mark.parametrize("kind", SETTINGS)


def parsed(case: Case) -> Measure:
    """Return the measure of a case; skip conditions on several other fields that are not side by side."""
    try:
        return parse_measure(case.settings)
    except MeasureError as error:
        assume("side by side in one group" not in error.allowed)
        raise


def contribution_of(measure: Measure, issue: PlainIssue, *, all_fields: bool = False) -> Contribution:
    """Return what an issue brings to a key result: only what its measure reads, or more."""
    subject = Subject(scope="", kind="issue", state=issue.state, labels=issue.labels)
    met = measure.meets.other(subject) if measure.meets and measure.meets.other else None
    fields: dict[str, Any] = {
        "weight": issue.weight,
        "number": issue.number,
        "number_at": issue.number_at,
        "created_at": issue.created_at,
        "started_at": issue.started_at,
        "closed_at": issue.closed_at,
        "reopened": issue.reopened,
        "met": met,
    }
    read = {name: value for name, value in fields.items() if all_fields or name in measure.reads}
    return Contribution(State(issue.state), **read)


def inputs_of(case: Case, measure: Measure, *, target: float, all_fields: bool = False) -> Inputs:
    """Return the inputs of a case."""
    return Inputs(
        measure=measure,
        start=case.start,
        target=target,
        span=Span(case.starts_at, case.ends_at),
        at=case.at,
        calendar=Calendar(case.zone, case.working, case.holidays),
        contributions=[contribution_of(measure, issue, all_fields=all_fields) for issue in case.issues],
        checked_in=case.checked_in,
        steps_done=case.ticked,
        ever_linked=case.ever_linked,
        known_since=case.known_since,
    )


@kinds
@examples
@given(seeds, st.data())
def test_a_value_is_what_a_person_would_compute(kind: str, seed: int, data: st.DataObject) -> None:
    """To six decimals, and on the right side of the target: rounding never reaches it."""
    case = case_of(kind, seed)
    expected = oracle.value(case)
    near = (
        []
        if expected is None
        else [float(expected), float(expected) + 1e-7, float(expected) - 1e-7, round(float(expected), 6)]
    )
    target = data.draw(st.sampled_from([100.0, 0.0, 12.5, *near]))
    measure = parsed(case)
    current = compute(inputs_of(case, measure, target=target)).current
    if expected is None:
        assert current is None
        return
    assert current is not None
    assert abs(Fraction(current) - expected) <= Fraction(1, 10**6)
    close = abs(expected - Fraction(target)) <= abs(Fraction(target)) / 10**12
    if not close:
        assert (current > target, current < target) == (expected > target, expected < target)
    if "share" in kind or kind == "steps":
        assert (current == 100) == (expected == 100) or target != 100
    if target != case.start:
        share = progress(current, start=case.start, target=target)
        assert share is not None
        assert (share >= 1) == (current >= target if target > case.start else current <= target)


@kinds
@fewer
@given(seeds, st.data())
def test_a_value_follows_only_from_what_its_measure_reads(kind: str, seed: int, data: st.DataObject) -> None:
    """Not from other fields, nor from the order of the issues."""
    case = case_of(kind, seed)
    measure = parsed(case)
    whole = inputs_of(case, measure, target=100, all_fields=True)
    read = inputs_of(case, measure, target=100)
    assert compute(whole) == compute(read)
    in_other_order = data.draw(st.permutations(list(read.contributions)))
    assert compute(with_contributions(read, in_other_order)) == compute(read)


def with_contributions(inputs: Inputs, contributions: list[Contribution]) -> Inputs:
    """Return the inputs with other contributions."""
    return replace(inputs, contributions=contributions)


@pytest.mark.parametrize("kind", ["done-share", "done-count", "done-sum", "open-count", "open-sum", "field"])
@fewer
@given(seeds)
def test_tallies_and_contributions_give_the_same_value(kind: str, seed: int) -> None:
    """Whether the database sums them or we do, and however alike ones are grouped."""
    case = case_of(kind, seed)
    measure = parsed(case)
    assume(measure.tallied)
    inputs = inputs_of(case, measure, target=100)
    summed = tally(inputs.contributions, inputs.span)
    one_by_one = [one for contribution in inputs.contributions for one in tally([contribution], inputs.span)]
    expected = compute(inputs)
    assert compute(replace(inputs, contributions=(), tallies=summed)) == expected
    assert compute(replace(inputs, contributions=(), tallies=one_by_one)) == expected


@kinds
@fewer
@given(seeds)
def test_the_sum_line_by_line_gives_the_value(kind: str, seed: int) -> None:
    """Each issue once, in order; a line without a number says that it is left out; the last line is the value."""
    case = case_of(kind, seed)
    measure = parsed(case)
    inputs = inputs_of(case, measure, target=100)
    contributions = dict(enumerate(inputs.contributions))
    lines = sum_lines(inputs, contributions)
    current = compute(inputs).current
    assert lines[-1].adds == current
    of_issues = [line for line in lines if line.issue_id is not None]
    if kind in ("steps", "manual"):
        assert of_issues == []
    else:
        assert [line.issue_id for line in of_issues] == list(contributions)
    assert all("left out" in line.text for line in of_issues if line.adds is None)
    if current is not None and kind != "manual":
        assert by_hand(case, measure, lines) == pytest.approx(current, abs=1e-6)


def by_hand(case: Case, measure: Measure, lines: list[SumLine]) -> float:
    """Return the value that the lines of the issues, or steps, add up to."""
    steps = len(measure.steps)
    added = [
        one.adds
        for one in (lines[:steps] if steps else lines)
        if one.adds is not None and (steps or one.issue_id is not None)
    ]
    match measure.kind, measure.take:
        case (("done-share" | "share-meeting" | "steps"), _):
            return 100 * fsum(added) / (lines[-2].adds or 0)
        case (("done-count" | "done-sum"), _):
            return case.start + fsum(added)
        case "throughput", _:
            return fsum(added) / ((measure.window_days or 0) / 7)
        case "field", "average":
            return fsum(added) / len(added)
        case "field", ("min" | "max" | "latest"):
            return compute_one(case, measure, added)
        case (("lead-time" | "cycle-time"), _):
            return sorted(added)[max(-(-measure.percentile * len(added) // 100), 1) - 1]
        case _:
            return fsum(added)


def compute_one(case: Case, measure: Measure, added: list[float]) -> float:
    """Return the smallest or largest number; for the latest, the one that the oracle names, if a line has it."""
    if measure.take == "latest":
        expected = oracle.value(case)
        assert expected in added
        return float(expected or 0)
    return min(added) if measure.take == "min" else max(added)
