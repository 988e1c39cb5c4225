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
    """Return the bits of the tests that hold for an issue."""
    each = requirements(condition).leaves
    return sum(1 << number for number, one in enumerate(each) if one.predicate(subject))


def forced(condition: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    """Return a condition in which what a path leads to always holds."""
    if not path or (path[0] == "any" and len(path) == 1):
        rest = {name: members for name, members in condition.items() if path and name != path[0]}
        return {"all": [ALWAYS, *([rest] if rest else [])]}
    name, index = str(path[0]), int(path[1])
    members = list(condition[name])
    if name == "none":  # its member never holds
        members[index] = {"none": [ALWAYS]}
    else:
        members[index] = forced(members[index], path[2:])
    return {**condition, name: members}


ALWAYS: dict[str, Any] = {"field": "title", "matches": "*"}


@given(conditions, subjects)
def test_a_condition_holds_where_its_requirements_do(condition: dict[str, Any], subject: Subject) -> None:
    """Whatever groups are in groups."""
    expected = compile_condition(condition)(subject)
    assert requirements(condition).matches(holding(condition, subject)) == expected
    assert reason(condition, subject).holds == expected


@given(conditions, subjects)
def test_a_requirement_excludes_an_issue_that_would_match_if_it_held(
    condition: dict[str, Any], subject: Subject
) -> None:
    """Found by writing the condition with that one always true; an alternative by itself excludes nothing."""
    wanted = requirements(condition)
    result = wanted.of(holding(condition, subject))
    for number, one in enumerate(wanted.each):
        excluded = bool(result.excluding >> number & 1)
        would = compile_condition(forced(condition, one.path))(subject) and not result.matches
        alone = [other.path for other in wanted.each if other.path[:2] == one.path[:2]] == [one.path]
        assert excluded == would or (not excluded and alone and "any" in one.path)
        assert bool(result.meets >> number & 1) == compile_condition(one.condition)(subject)


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
    """It does not hold; if it did, the condition would."""
    wanted = requirements(condition)
    result = wanted.of(holding(condition, subject))
    if result.missing is not None:
        assert not result.matches
        assert not result.meets >> result.missing & 1
        assert result.excluding >> result.missing & 1


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
    assert missing(condition, holding(condition, subject)) == expected


def missing(condition: dict[str, Any], held: int) -> tuple[str | int, ...] | None:
    """Return the path to the only missing requirement."""
    wanted = requirements(condition)
    number = wanted.of(held).missing
    return None if number is None else wanted.each[number].path


def test_a_single_condition_has_no_near_misses() -> None:
    """Every other issue would be one."""
    assert missing(TESTS[0], 0) is None
    assert missing({"any": TESTS[:2]}, 0) is None
    assert missing({"all": [{"any": TESTS[:2]}]}, 0) is None


def test_each_alternative_of_any_has_its_own_near_misses() -> None:
    """An issue of the first with one condition missing."""
    condition = {"any": [{"all": TESTS[:2]}, {"all": TESTS[2:4]}]}
    assert [one.path for one in requirements(condition).each] == [("any", n, "all", m) for n in (0, 1) for m in (0, 1)]
    assert missing(condition, 0b0001) == ("any", 0, "all", 1)
    assert requirements(condition).of(0b0011) == (True, 0b0011, 0, None)


def test_a_near_miss_inside_any_below_the_top_has_the_innermost_condition() -> None:
    """Where no alternative is nearly met, the whole group is what is missing."""
    condition = {"all": [TESTS[0], {"any": [TESTS[4], {"all": [TESTS[2], {"any": [{"all": TESTS[1:4:2]}]}]}]}]}
    deepest = ("all", 1, "any", 1, "all", 1, "any")
    assert missing(condition, 0b00001) == ("all", 1, "any")
    assert missing(condition, 0b00101) == deepest
    assert missing(condition, 0b01101) == (*deepest, 0, "all", 1)
    assert missing(condition, 0b11001) == ("all", 1, "any", 1, "all", 0)
    assert missing(condition, 0b00100) is None
    assert missing(condition, 0b00011) is None
