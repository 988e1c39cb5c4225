"""Settings of measures: nonsense is refused with the nearest allowed value; defaults; what a measure reads."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.measures.progress import Stay, parse_stay, progress_in_range, round_apart_from
from sync_service.domain.measures.settings import DEFAULTS, SETTINGS, Measure, MeasureError, Step, parse_measure

STEPS = {"kind": "steps", "steps": [{"name": "Contract signed"}]}


def steps(*written: Any) -> dict[str, Any]:
    """Return a measure with these steps."""
    return {"kind": "steps", "steps": list(written)}


def meeting(condition: Any) -> dict[str, Any]:
    """Return a measure with this condition."""
    return {"kind": "share-meeting", "meets": condition}


@pytest.mark.parametrize(
    ("settings", "path", "allowed"),
    [
        ({"kind": "leadtime"}, ("kind",), "did you mean lead-time?"),
        ({"kind": 7}, ("kind",), "one of done-share"),
        ({"kind": "done-share", "wieght": "points"}, ("wieght",), "did you mean weight?"),
        ({"kind": "done-share", "window": "30d"}, ("window",), "for done-share: weight"),
        ({"kind": "manual", "days": "working"}, ("days",), "no setting"),
        ({"kind": "done-share", "weight": " "}, ("weight",), "count, points or the name"),
        ({"kind": "done-share", "doing": 1.5}, ("doing",), "from 0 to 1; did you mean 1?"),
        ({"kind": "done-share", "doing": -1}, ("doing",), "did you mean 0?"),
        ({"kind": "done-share", "doing": True}, ("doing",), "from 0 to 1"),
        ({"kind": "done-share", "unestimated": float("nan")}, ("unestimated",), "0 or more"),
        ({"kind": "done-share", "unestimated": float("inf")}, ("unestimated",), "did you mean 1000000000?"),
        ({"kind": "done-share", "unestimated": 16**5000}, ("unestimated",), "did you mean 1000000000?"),
        ({"kind": "done-share", "dropped": "leaf"}, ("dropped",), "leave, done or open; did you mean leave?"),
        ({"kind": "done-share", "within": "evr"}, ("within",), "cycle or ever; did you mean ever?"),
        ({"kind": "field"}, ("field",), "the name of a number field"),
        ({"kind": "field", "field": "a\nb"}, ("field",), "the name of a number field"),
        ({"kind": "field", "field": "points", "take": "mean"}, ("take",), "min, max or latest"),
        ({"kind": "field", "field": "points", "take": "p50"}, ("take",), "sum, average"),
        ({"kind": "lead-time", "take": "p0"}, ("take",), "p1 to p99; did you mean p1?"),
        ({"kind": "lead-time", "take": "p100"}, ("take",), "did you mean p99?"),
        ({"kind": "lead-time", "take": "p085"}, ("take",), "did you mean p85?"),
        ({"kind": "lead-time", "take": 85}, ("take",), "did you mean p85?"),
        ({"kind": "lead-time", "take": "medien"}, ("take",), "did you mean median?"),
        ({"kind": "lead-time", "take": 16**5000}, ("take",), "p1 to p99"),
        ({"kind": "lead-time", "days": "work"}, ("days",), "calendar, working or elapsed; did you mean working?"),
        ({"kind": "lead-time", "window": "0d"}, ("window",), "from 1d to 3660d, or cycle; did you mean 1d?"),
        ({"kind": "lead-time", "window": "9999d"}, ("window",), "did you mean 3660d?"),
        ({"kind": "lead-time", "window": "4w"}, ("window",), "did you mean 28d?"),
        ({"kind": "lead-time", "window": 30}, ("window",), "did you mean 30d?"),
        ({"kind": "lead-time", "window": "cycel"}, ("window",), "did you mean cycle?"),
        ({"kind": "lead-time", "window": "\u0663d"}, ("window",), "from 1d"),
        ({"kind": "throughput", "window": "0w"}, ("window",), "from 1w to 520w; did you mean 1w?"),
        ({"kind": "throughput", "window": "30d"}, ("window",), "did you mean 4w?"),
        ({"kind": "throughput", "window": "cycle"}, ("window",), "from 1w to 520w"),
        ({"kind": "steps"}, ("steps",), "a list of steps"),
        (steps(), ("steps",), "a list of steps"),
        (steps("Contract signed"), ("steps", 0), "a mapping like"),
        (steps({"name": ""}), ("steps", 0, "name"), "not empty"),
        (steps({"weight": 2}), ("steps", 0, "name"), "not empty"),
        (steps({"name": "A", "weight": 0}), ("steps", 0, "weight"), "greater than 0; did you mean 1?"),
        (steps({"name": "A", "weight": -2}), ("steps", 0, "weight"), "greater than 0"),
        (steps({"name": "A", "weight": float("nan")}), ("steps", 0, "weight"), "greater than 0"),
        (steps({"name": "A", "wieght": 2}), ("steps", 0, "wieght"), "did you mean weight?"),
        (steps({"name": "A"}, {"name": "a "}), ("steps", 1, "name"), "each name once"),
        (steps({"name": "A", "issue": "SHOP-12"}), ("steps", 0, "issue"), "CONNECTION:KEY"),
        ({"kind": "share-meeting"}, ("meets",), "a mapping with 'field'"),
        (meeting({"field": "leadtime", "at_most": 3}), ("meets", "field"), "did you mean lead_time?"),
        (meeting({"field": "lead_time", "atmost": 3}), ("meets",), "did you mean at_most?"),
        (meeting({"field": "lead_time", "at_most": 3, "at_least": 1}), ("meets",), "one operator"),
        (meeting({"field": "lead_time", "at_most": -1}), ("meets", "at_most"), "a number of days, 0 or more"),
        (meeting({"field": "lead_time", "at_most": "3"}), ("meets", "at_most"), "a number of days"),
        (meeting({"field": "reopened", "at_most": 16**5000}), ("meets", "at_most"), "a count, 0 or more"),
        (meeting({"field": "labels", "at_most": 3}), ("meets",), "one operator for labels"),
        (meeting({"every": [{"field": "lead_time", "at_most": 3}]}), ("meets", "every"), "'all', 'any', 'none'"),
        (meeting({"all": []}), ("meets", "all"), "at least one condition"),
        (meeting({"all": [{"field": "lead_time", "at_most": 3}, 7]}), ("meets", "all", 1), "a mapping"),
        (
            meeting(
                {
                    "any": [
                        {"all": [{"field": "labels", "has": "a"}, {"field": "lead_time", "at_most": 3}]},
                        {"all": [{"field": "labels", "has": "b"}, {"field": "lead_time", "at_most": 5}]},
                    ]
                }
            ),
            ("meets",),
            "side by side in one group",
        ),
    ],
)
def test_nonsense_is_refused_with_the_nearest_allowed_value(
    settings: dict[str, Any], path: tuple[str | int, ...], allowed: str
) -> None:
    """The error leads to the setting and says what is allowed."""
    with pytest.raises(MeasureError) as raised:
        parse_measure(settings)
    assert raised.value.path == path
    assert allowed in raised.value.allowed
    assert raised.value.allowed in str(raised.value)


def test_a_condition_nested_too_deep_is_refused() -> None:
    """However deep."""
    condition: dict[str, Any] = {"field": "lead_time", "at_most": 3}
    for _ in range(300):
        condition = {"all": [condition]}
    with pytest.raises(MeasureError) as raised:
        parse_measure(meeting(condition))
    assert "nested 8 deep" in raised.value.allowed


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"kind": "field", "field": "Revenu"}, "points or Revenue; did you mean Revenue?"),
        ({"kind": "done-sum", "field": "kilos"}, "points or Revenue"),
        ({"kind": "done-share", "weight": "cuont"}, "count, points or Revenue; did you mean count?"),
    ],
)
def test_a_number_field_that_no_connection_reads_is_refused(settings: dict[str, Any], found: str) -> None:
    """Where the fields are known; without case."""
    assert parse_measure({"kind": "field", "field": "REVENUE"}, ["Revenue"]).number_field == "REVENUE"
    assert parse_measure({"kind": "open-sum"}, []).number_field == "points"
    with pytest.raises(MeasureError) as raised:
        parse_measure(settings, ["Revenue"])
    assert raised.value.allowed == found


def parsed_or_refused(written: dict[str, Any]) -> Measure | MeasureError:
    """Return the measure, or the error."""
    try:
        return parse_measure(written)
    except MeasureError as refused:
        return refused


@given(
    st.sampled_from(list(SETTINGS)),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda values: st.lists(values) | st.dictionaries(st.text(), values),
        max_leaves=5,
    ),
)
def test_any_value_of_a_setting_is_parsed_or_refused(kind: str, value: Any) -> None:
    """A refusal names a setting of the measure and what is allowed; nothing but a `MeasureError` is raised."""
    for name in SETTINGS[kind]:
        found = parsed_or_refused({"kind": kind, name: value})
        if isinstance(found, MeasureError):
            assert found.field in SETTINGS[kind]
            assert found.allowed
        else:
            assert found.kind == kind


@pytest.mark.parametrize(
    ("settings", "reads", "tallied"),
    [
        ({"kind": "done-share"}, {"state", "weight"}, True),
        (
            {"kind": "done-share", "weight": "points", "within": "cycle"},
            {"state", "weight", "number", "closed_at"},
            True,
        ),
        ({"kind": "done-count"}, {"state", "closed_at"}, True),
        ({"kind": "done-count", "within": "ever"}, {"state"}, True),
        ({"kind": "done-sum"}, {"state", "closed_at", "number"}, True),
        ({"kind": "open-count"}, {"state"}, True),
        ({"kind": "open-sum"}, {"state", "number"}, True),
        ({"kind": "field", "field": "Revenue"}, {"state", "number"}, True),
        ({"kind": "field", "field": "Revenue", "take": "max"}, {"state", "number"}, False),
        ({"kind": "field", "field": "Revenue", "take": "latest"}, {"state", "number", "number_at"}, False),
        ({"kind": "lead-time"}, {"state", "closed_at", "created_at"}, False),
        ({"kind": "cycle-time"}, {"state", "closed_at", "started_at"}, False),
        ({"kind": "throughput"}, {"state", "closed_at"}, False),
        (meeting({"field": "labels", "has": "a"}), {"state", "weight", "met"}, False),
        (meeting({"field": "reopened", "at_most": 0}), {"state", "weight", "reopened"}, False),
        (meeting({"field": "cycle_time", "at_most": 3}), {"state", "weight", "started_at", "closed_at"}, False),
        (STEPS, set(), False),
        ({"kind": "manual"}, set(), False),
    ],
)
def test_a_measure_names_the_fields_that_it_reads(settings: dict[str, Any], reads: set[str], *, tallied: bool) -> None:
    """And says whether tallies are enough."""
    measure = parse_measure(settings)
    assert (set(measure.reads), measure.tallied) == (reads, tallied)


def test_each_kind_has_its_own_defaults() -> None:
    """A share takes work of any time and 1 for what is not estimated, a sum work of the cycle and 0."""
    share, total = parse_measure({"kind": "done-share"}), parse_measure({"kind": "done-sum"})
    assert (share.within, share.unestimated) == ("ever", 1)
    assert (total.within, total.unestimated, total.field) == ("cycle", 0, "points")
    assert set(DEFAULTS) == set(SETTINGS)


def test_a_step_has_a_name_a_weight_and_perhaps_an_issue() -> None:
    """The weight is 1 by default."""
    written = steps({"name": " Contract signed "}, {"name": "Pilot live", "weight": 2, "issue": "acme-jira:SHOP-12"})
    expected = (Step("Contract signed"), Step("Pilot live", 2.0, "acme-jira:SHOP-12"))
    assert parse_measure(written).steps == expected


@pytest.mark.parametrize(
    ("written", "allowed"),
    [
        ({"within": [2, 1]}, "did you mean [1, 2]?"),
        ({"within": [1]}, "two numbers"),
        ({"within": 1}, "two numbers"),
        ({"within": [1, "2"]}, "two numbers"),
        ({"above": "99.5"}, "a number"),
        ({"above": float("nan")}, "a number"),
        ({"above": 16**5000}, "a number"),
        ({"abov": 1}, "exactly one of above, below, within; did you mean above?"),
        ({"above": 1, "below": 2}, "exactly one of"),
        ({}, "exactly one of"),
    ],
)
def test_a_range_that_is_none_is_refused(written: dict[str, Any], allowed: str) -> None:
    """Upside down, without numbers, or with two bounds in the wrong form."""
    with pytest.raises(MeasureError) as raised:
        parse_stay(written)
    assert allowed in raised.value.allowed


def test_rounding_moves_no_value_over_a_bound() -> None:
    """From outside a range to its bound, nor from inside to outside."""
    stay = Stay(1 / 3, 2)
    for value in (1 / 3, 1 / 3 - 1e-9, 1 / 3 + 1e-9, 2.0, 2 + 1e-9, 2 - 1e-9):
        rounded = round_apart_from(value, stay.bounds)
        assert progress_in_range(rounded, stay) == progress_in_range(value, stay), value
        assert rounded == pytest.approx(value, abs=2e-6)
    assert progress_in_range(None, stay) is None
