"""Conditions as rows and as text: what can be shown as rows comes back the same, and bad text says where it is bad."""

import contextlib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules.conditions import FIELD_CHOICES, FIELDS, GROUPS, RuleError, compile_condition
from sync_service.web.rules.condition_builder import (
    IS_EMPTY,
    MAY_BE_EMPTY,
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

words = st.text(
    st.characters(codec="utf-8", exclude_characters=",", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=20
).filter(str.strip)


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    """Give any valid leaf that a row can show."""
    field = draw(st.sampled_from(sorted(FIELDS)))
    operator = draw(st.sampled_from(sorted(operators(field))))
    if operator == IS_EMPTY:
        return {"field": field, "is": None}
    value = st.sampled_from([str(one) for one in FIELD_CHOICES[field]]) if field in FIELD_CHOICES else words
    values = st.lists(value, min_size=1, max_size=3, unique=True)
    return {"field": field, operator: draw(values if operator == "in" else value)}


groups = st.builds(
    lambda name, members: {name: members}, st.sampled_from(GROUPS), st.lists(leaves(), min_size=1, max_size=4)
)


@given(groups)
def test_what_rows_show_is_the_condition_again(condition: dict[str, Any]) -> None:
    """And the form leaves such rows as they are."""
    shown = rows_from_condition(condition)
    assert shown is not None
    group, rows = shown
    assert condition_from_rows(group, rows) == condition
    assert tuple(fit_row(row) for row in rows) == rows
    compile_condition(condition_from_rows(group, rows))


@pytest.mark.slow
@given(st.recursive(leaves(), lambda members: st.builds(lambda found: {"any": found}, st.lists(members, min_size=1))))
def test_what_text_shows_is_the_condition_again(condition: dict[str, Any]) -> None:
    """However deep it is nested."""
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
def test_what_rows_cannot_show_is_left_to_text(condition: dict[str, Any]) -> None:
    """Groups inside groups, several groups, values with commas."""
    compile_condition(condition)
    assert rows_from_condition(condition) is None


def test_a_single_leaf_is_one_row() -> None:
    """Conditions need no group."""
    assert rows_from_condition({"field": "milestone", "is": None}) == (
        "all",
        (Row(number=0, field="milestone", operator=IS_EMPTY),),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("all: [\n  - {", "line 2, column"),
        ("[" * 60, "line 1: it is nested too deep"),
        ("a: &x [1]\nb: *x", r"line 2: aliases are not allowed \(\*x\)"),
        ("all: [{field: title, is: 2026-99-99}]", "month must be in"),
        ("x\x00y", "special characters are not allowed"),
        ("# " + "x" * 20_001, "longer than 20000 characters"),
        ("!!python/object/apply:os.system ['true']", "could not determine a constructor"),
    ],
)
def test_text_that_cannot_be_read_says_where_and_why(text: str, said: str) -> None:
    """It never grows, never runs, and is never an internal error."""
    with pytest.raises(InvalidConditionText, match=said):
        parse_condition(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found None, allowed is a mapping"),
        ("just words", "found 'just words', allowed is a mapping"),
        ("all: []", "all: found \\[\\], allowed is a list of at least one"),
        ("all: [{field: [a], is: b}]", r"all\.0\.field: found \['a'\]"),
        ("{field: labels, has: 12}", "has: found 12, allowed is a text"),
        ("{1: [{field: labels, has: a}]}", "found 1, allowed is 'field'"),
    ],
)
def test_text_that_is_no_condition_says_what_is_allowed(text: str, said: str) -> None:
    """In the words of the configuration file."""
    with pytest.raises(RuleError, match=said):
        parse_condition(text)


@given(st.text(max_size=200))
def test_no_text_at_all_breaks_the_reader(text: str) -> None:
    """It is read, or refused with a reason."""
    with contextlib.suppress(InvalidConditionText, RuleError):
        assert parse_condition(text)


def test_a_rows_operator_and_values_give_way_to_its_field() -> None:
    """A select that was changed leaves the others behind."""
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
def test_a_slug_is_suggested_from_what_a_rule_asks_for(condition: dict[str, Any], slug: str) -> None:
    """Only letters and digits of addresses are taken over."""
    assert slug_for(condition, "acme-github") == slug


def test_a_written_condition_reads_well() -> None:
    """As one would write it in the configuration file."""
    condition = {"all": [{"field": "labels", "has": "checkout"}]}
    assert yaml.safe_load(condition_as_yaml(condition)) == condition
    assert condition_as_yaml(condition) == "all:\n- field: labels\n  has: checkout\n"
