"""Conditions as form rows and as YAML text: both convert without loss, and errors name the position."""

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules.conditions import DATES, FIELD_CHOICES, FIELDS, GROUPS, RuleError, compile_condition
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.trackers.fields.custom_fields import CustomField, FieldType
from sync_service.web.rules.condition_builder import (
    IS_EMPTY,
    MAY_BE_EMPTY,
    MOST_ROWS,
    InvalidConditionText,
    Row,
    condition_as_yaml,
    condition_from_rows,
    fit_row,
    operators,
    parse_condition,
    rows_from_condition,
    slug_for,
)
from sync_service.web.rules.draft import Draft, reshape

words = st.text(
    st.characters(codec="utf-8", exclude_characters=",", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20
).filter(str.strip)


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    """Draw any valid leaf that a row can show."""
    field = draw(st.sampled_from(sorted(FIELDS)))
    operator = draw(st.sampled_from(sorted(operators(field))))
    if operator == IS_EMPTY:
        return {"field": field, "is": None}
    value = st.sampled_from([str(one) for one in FIELD_CHOICES[field]]) if field in FIELD_CHOICES else words
    if field in DATES:
        value = st.sampled_from(["2026-10-01", "cycle start", "cycle end - 2 weeks"])
    values = st.lists(value, min_size=1, max_size=3, unique=True)
    return {"field": field, operator: draw(values if operator == "in" else value)}


groups = st.builds(
    lambda name, members: {name: members}, st.sampled_from(GROUPS), st.lists(leaves(), min_size=1, max_size=4)
)


@pytest.mark.slow
@given(groups)
def test_a_condition_survives_the_conversion_to_rows_and_back(condition: dict[str, Any]) -> None:
    """The form does not change such rows."""
    shown = rows_from_condition(condition)
    assert shown is not None
    group, rows = shown
    assert condition_from_rows(group, rows) == condition
    assert tuple(fit_row(row) for row in rows) == rows
    compile_condition(condition_from_rows(group, rows))


@pytest.mark.slow
@given(st.recursive(leaves(), lambda members: st.builds(lambda found: {"any": found}, st.lists(members, min_size=1))))
def test_a_condition_survives_the_conversion_to_text_and_back(condition: dict[str, Any]) -> None:
    """The depth of nesting does not matter."""
    assert parse_condition(condition_as_yaml(condition)) == condition


@pytest.mark.parametrize(
    "condition",
    [
        {"all": [{"any": [{"field": "labels", "has": "a"}]}]},
        {"all": [{"field": "labels", "has": "a"}], "none": [{"field": "labels", "has": "b"}]},
        {"any": [{"field": "labels", "in": ["a, b", "c"]}]},
        {"any": [{"field": "title", "is": None}]},
    ],
)
def test_a_condition_that_rows_cannot_show_has_no_rows(condition: dict[str, Any]) -> None:
    """Rows can't show nested groups, several groups, or values with commas."""
    compile_condition(condition)
    assert rows_from_condition(condition) is None


def test_a_single_leaf_is_one_row() -> None:
    """A condition needs no group."""
    assert rows_from_condition({"field": "milestone", "is": None}) == (
        "all",
        (Row(number=0, field="milestone", operator=IS_EMPTY),),
    )


def test_a_date_without_quotes_is_a_day() -> None:
    """As in the configuration file."""
    assert parse_condition("{field: created, before: 2026-10-01}") == {"field": "created", "before": "2026-10-01"}
    assert parse_condition("{field: title, is: 2026-99-99}") == {"field": "title", "is": "2026-99-99"}


CUSTOM = {
    "team": CustomField("team", "customfield_1", FieldType.OPTION),
    "size": CustomField("size", "customfield_2", FieldType.NUMBER),
    "launch": CustomField("launch", "customfield_3", FieldType.DATE),
}


@pytest.mark.parametrize(
    ("row", "leaf"),
    [
        (Row(number=0, field="fields.team", operator="is", values=("Pay",)), {"field": "fields.team", "is": "Pay"}),
        (Row(number=0, field="fields.size", operator="is", values=("5",)), {"field": "fields.size", "is": 5}),
        (Row(number=0, field="fields.size", operator="above", values=("2.5",)), {"field": "fields.size", "above": 2.5}),
        (Row(number=0, field="fields.launch", operator=IS_EMPTY), {"field": "fields.launch", "is": None}),
        (
            Row(number=0, field="fields.launch", operator="before", values=("cycle end",)),
            {"field": "fields.launch", "before": "cycle end"},
        ),
    ],
)
def test_a_row_about_a_custom_field_survives_the_conversion(row: Row, leaf: dict[str, Any]) -> None:
    """Numbers are numbers in the condition and text in the form."""
    condition = condition_from_rows("all", [row], CUSTOM)
    assert condition == {"all": [leaf]}
    compile_condition(condition, (), RuleContext(CUSTOM))
    assert rows_from_condition(condition) == ("all", (row,))
    assert fit_row(row, CUSTOM) == row
    assert slug_for(condition, "gh")


def test_the_form_offers_the_operators_of_a_custom_fields_type() -> None:
    """And those of no other one; a field that the connection does not name is none."""
    assert list(operators("fields.team", CUSTOM)) == ["is", "in", "contains", "matches", IS_EMPTY]
    assert list(operators("fields.size", CUSTOM)) == ["is", "above", "below", "at_least", "at_most", IS_EMPTY]
    assert list(operators("fields.launch", CUSTOM)) == ["before", "after", "on", IS_EMPTY]
    assert fit_row(Row(number=0, field="fields.squad", operator="is"), CUSTOM).field == "labels"
    assert fit_row(Row(number=0, field="fields.team", operator="above"), CUSTOM).operator == "is"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("all: [\n  - {", "line 2, column"),
        ("[" * 60, "line 1: it is nested too deep"),
        ("a: &x [1]\nb: *x", r"line 2: aliases are not allowed \(\*x\)"),
        ("x\x00y", "special characters are not allowed"),
        ("# " + "x" * 20_001, "longer than 20000 characters"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_invalid_yaml_is_an_error_with_line_and_reason(text: str, message: str) -> None:
    """Text from a form is never expanded, never executed and never an internal error."""
    with pytest.raises(InvalidConditionText, match=message):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found None, allowed is a mapping"),
        ("just words", "found 'just words', allowed is a mapping"),
        ("all: []", "all: found \\[\\], allowed is a list of at least one"),
        ("all: [{field: [a], is: b}]", r"all\.0\.field: found \['a'\]"),
        ("{field: labels, has: 12}", "has: found 12, allowed is a text"),
        ("{1: [{field: labels, has: a}]}", "found 1, allowed is 'field'"),
    ],
)
def test_valid_yaml_that_is_no_condition_is_an_error_that_says_what_is_allowed(text: str, message: str) -> None:
    """The messages are those of the configuration file."""
    with pytest.raises(RuleError, match=message):
        parse_condition(text)


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_rejected_with_a_reason(text: str) -> None:
    """Other exceptions fail the test."""
    with contextlib.suppress(InvalidConditionText, RuleError):
        assert parse_condition(text)


def test_a_new_field_replaces_operators_and_values_that_do_not_fit() -> None:
    """The form may send the old operator with the new field."""
    assert fit_row(Row(number=2, field="kind", operator="has", values=("network",))) == Row(
        number=2, field="kind", operator="is", values=()
    )
    assert fit_row(Row(number=2, field="colour", operator="is", values=("a", "b"))) == Row(
        number=2, field="labels", operator="has", values=("a",)
    )
    assert all(IS_EMPTY in operators(field) for field in MAY_BE_EMPTY)


@pytest.mark.parametrize(
    ("condition", "slug"),
    [
        (
            {"all": [{"field": "labels", "has": "Check Out"}, {"field": "scope", "is": "acme/shop"}]},
            "check-out-acme-shop",
        ),
        ({"field": "milestone", "is": None}, "acme-github"),
        ({"any": [{"field": "type", "in": ["Bug", "Störung"]}]}, "bug-st-rung"),
        ({"field": "title", "matches": "*"}, "acme-github"),
    ],
)
def test_the_suggested_slug_contains_the_values_of_the_condition(condition: dict[str, Any], slug: str) -> None:
    """It has only ASCII letters and digits."""
    assert slug_for(condition, "acme-github") == slug


def test_a_condition_is_written_as_in_the_configuration_file() -> None:
    """The YAML has block style."""
    condition = {"all": [{"field": "labels", "has": "checkout"}]}
    assert yaml.safe_load(condition_as_yaml(condition)) == condition
    assert condition_as_yaml(condition) == "all:\n- field: labels\n  has: checkout\n"


def many(count: int) -> dict[str, object]:
    """Return a condition with so many rows."""
    return {"any": [{"field": "labels", "has": f"label-{number}"} for number in range(count)]}


def test_a_condition_with_more_rows_than_the_form_takes_is_shown_as_text() -> None:
    """The form leaves out further rows: saving it would lose them."""
    most = MOST_ROWS
    fitting, long = (rows_from_condition(many(count)) for count in (most, most + 1))
    assert fitting is not None
    assert (len(fitting[1]), long) == (most, None)


def test_no_row_is_added_that_the_form_would_leave_out() -> None:
    """The error says what to do."""
    full = Draft(rows=tuple(Row(number=number, values=("x",)) for number in range(MOST_ROWS)))
    after, errors = reshape(full, "add", {})
    assert (after, "write a longer condition as text" in errors.fields["rows"]) == (full, True)
    assert len(reshape(Draft(), "add", {})[0].rows) == 2
