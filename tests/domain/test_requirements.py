"""The requirements of a condition: which of them holds, which one is missing, and why a condition holds or not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules.conditions import Subject, compile_condition
from sync_service.domain.rules.requirements import Reason, leaves, reason, requirements

TESTS: list[dict[str, Any]] = [
    {"field": "labels", "has": "a"},
    {"field": "labels", "in": ["b", "c"]},
    {"field": "state", "is": "done"},
    {"field": "title", "contains": "pay"},
    {"field": "milestone", "is": None},
]
conditions = st.recursive(
    st.sampled_from(TESTS),
    lambda inner: st.dictionaries(
        st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3), min_size=1
    ),
    max_leaves=8,
)
subjects = st.builds(
    Subject,
    scope=st.just("acme/checkout"),
    kind=st.just("issue"),
    state=st.sampled_from(["done", "todo"]),
    title=st.sampled_from(["pay by card", "search"]),
    milestone=st.sampled_from(["", "m1"]),
    labels=st.frozensets(st.sampled_from("abc")),
)


def holding(condition: dict[str, Any], subject: Subject) -> int:
    """Return the bits of the requirements that hold for an issue."""
    each = requirements(condition).each
    return sum(1 << number for number, one in enumerate(each) if one.predicate(subject))


@given(conditions, subjects)
def test_a_condition_holds_where_its_requirements_do(condition: dict[str, Any], subject: Subject) -> None:
    """Whatever groups are in groups."""
    expected = compile_condition(condition)(subject)
    assert requirements(condition).matches(holding(condition, subject)) == expected
    assert reason(condition, subject).holds == expected


@given(conditions, subjects)
def test_each_group_of_a_reason_follows_from_its_members(condition: dict[str, Any], subject: Subject) -> None:
    """All of `all`, one of `any`, none of `none`; and each test of a field stands by itself."""

    def check(one: Reason) -> int:
        below = [each.holds for each in one.members]
        if one.group is None:
            assert one.holds == compile_condition(one.condition)(subject)
            return 1
        assert one.holds == {"all": all(below), "any": any(below), "none": not any(below)}[one.group]
        return sum(check(each) for each in one.members)

    assert check(reason(condition, subject)) == len(list(leaves(condition)))


@given(conditions, subjects)
def test_the_only_missing_requirement_makes_the_issue_match(condition: dict[str, Any], subject: Subject) -> None:
    """It does not hold; if it did, the condition would, and another one of its alternative holds."""
    wanted, held = requirements(condition), holding(condition, subject)
    number = wanted.only_missing(held)
    if number is not None:
        assert not held >> number & 1
        assert wanted.without(number, held)
        assert not wanted.matches(held)
        assert any(needed >> number & 1 and needed & held for needed in wanted.alternatives)


@pytest.mark.parametrize(
    ("labels", "state", "title", "expected"),
    [
        ("a", "todo", "pay", ("all", 1)),
        ("b", "done", "pay", ("all", 0)),
        ("a", "done", "search", ("none", 0)),
        ("b", "todo", "pay", None),
        ("a", "done", "pay", None),
    ],
)
def test_an_issue_that_meets_all_conditions_but_one_has_that_one(
    labels: str, state: str, title: str, expected: tuple[str | int, ...] | None
) -> None:
    """Two that are missing make no near miss, and none does either."""
    condition = {"all": [TESTS[0], TESTS[2]], "none": [{"field": "title", "is": "search"}]}
    subject = Subject(scope="", kind="issue", state=state, title=title, labels=frozenset(labels))
    wanted = requirements(condition)
    number = wanted.only_missing(holding(condition, subject))
    assert (wanted.each[number].path if number is not None else None) == expected


def test_a_single_condition_has_no_near_misses() -> None:
    """Every other issue would be one."""
    assert requirements(TESTS[0]).only_missing(0) is None
    assert requirements({"any": TESTS[:2]}).only_missing(0) is None


def test_each_alternative_of_any_has_its_own_near_misses() -> None:
    """An issue of the first with one condition missing."""
    wanted = requirements({"any": [{"all": TESTS[:2]}, {"all": TESTS[2:4]}]})
    assert [one.path for one in wanted.each] == [("any", n, "all", m) for n in (0, 1) for m in (0, 1)]
    assert wanted.only_missing(0b0001) == 1
    assert wanted.only_missing(0b0011) is None
