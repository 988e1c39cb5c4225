"""Conditions on custom fields and on days: what they match, what is unknown, and what is refused."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.measures.kinds.meets import compile_meets
from sync_service.domain.rules.condition_text import describe
from sync_service.domain.rules.conditions import RuleError, Subject, compile_condition
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.rules.field_tests.days import CycleDays
from sync_service.domain.rules.requirements import requirements
from sync_service.domain.trackers.fields.custom_fields import (
    CustomField,
    FieldType,
    TimedCustomValue,
    custom_fields_of,
    value_of,
)

MADRID = ZoneInfo("Europe/Madrid")
OPTIONS = {
    "fields": {
        "team": {"field": "customfield_1", "type": "option"},
        "areas": {"field": "customfield_2", "type": "options"},
        "size": {"field": "customfield_3", "type": "number"},
        "launch": {"field": "customfield_4", "type": "date"},
        "lead": {"field": "customfield_5", "type": "person"},
        "note": {"field": "customfield_6", "type": "text"},
        "any": "customfield_7",
    }
}
CONTEXT = RuleContext(custom_fields_of(OPTIONS), CycleDays(date(2026, 10, 1), date(2026, 12, 31), MADRID))
ISSUE = Subject(
    scope="shop",
    kind="issue",
    state="done",
    created=datetime(2026, 9, 30, 22, 0, tzinfo=UTC),  # the 1st of October in Madrid
    closed=datetime(2026, 12, 31, 22, 59, tzinfo=UTC),  # the last minute of the year in Madrid
    fields={
        "team": frozenset({"payments"}),
        "areas": frozenset({"emea", "emea - spain"}),
        "size": 5.0,
        "launch": date(2026, 12, 1),
        "lead": frozenset({"ana"}),
        "note": frozenset(),
        "any": frozenset({"5"}),
    },
)
BARE = Subject(scope="shop", kind="issue", state="todo")


def holds(condition: dict[str, Any], subject: Subject = ISSUE, *, unknown: bool = False) -> bool:
    """Return whether a condition holds."""
    return compile_condition(condition, (), replace(CONTEXT, unknown=unknown))(subject)


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"field": "fields.team", "is": "Payments"}, True),
        ({"field": "fields.team", "is": "Pay"}, False),
        ({"field": "fields.team", "has": "PAYMENTS"}, True),
        ({"field": "fields.team", "in": ["search", "payments"]}, True),
        ({"field": "fields.team", "contains": "pay"}, True),
        ({"field": "fields.team", "matches": "pay*s"}, True),
        ({"field": "fields.team", "is": None}, False),
        ({"field": "fields.areas", "has": "EMEA - Spain"}, True),
        ({"field": "fields.areas", "is": "emea"}, True),
        ({"field": "fields.size", "is": 5}, True),
        ({"field": "fields.size", "above": 5}, False),
        ({"field": "fields.size", "at_least": 5}, True),
        ({"field": "fields.size", "below": 5.5}, True),
        ({"field": "fields.size", "at_most": 4}, False),
        ({"field": "fields.launch", "before": "2026-12-02"}, True),
        ({"field": "fields.launch", "before": "2026-12-01"}, False),
        ({"field": "fields.launch", "after": "2026-12-01"}, False),
        ({"field": "fields.launch", "on": "2026-12-01"}, True),
        ({"field": "fields.launch", "after": "cycle start + 8 weeks"}, True),
        ({"field": "fields.launch", "on": "cycle end - 30 days"}, True),
        ({"field": "fields.launch", "is": None}, False),
        ({"field": "fields.lead", "is": "Ana"}, True),
        ({"field": "fields.note", "is": None}, True),
        ({"field": "fields.note", "contains": "a"}, False),
        ({"field": "fields.any", "is": "5"}, True),
        ({"field": "fields.any", "is": 5}, False),
        ({"field": "created", "on": "cycle start"}, True),
        ({"field": "created", "before": "cycle start"}, False),
        ({"field": "created", "after": "2026-09-30"}, True),
        ({"field": "closed", "on": "Cycle End"}, True),
        ({"field": "closed", "after": "cycle end"}, False),
        ({"field": "closed", "after": "cycle end-1 day"}, True),
        ({"field": "started", "before": "2027-01-01"}, False),
        ({"field": "started", "after": "2020-01-01"}, False),
    ],
)
def test_each_type_is_compared_in_its_own_way(test: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    """Texts without case, numbers as numbers, times by their day in the zone of the team."""
    assert holds(test) is expected


@pytest.mark.parametrize(
    ("condition", "allowed"),
    [
        ({"field": "fields.tem", "is": "a"}, "did you mean fields.team"),
        ({"field": "fields.team", "above": 5}, "one operator for fields.team: is, has, in, contains, matches"),
        ({"field": "fields.size", "contains": "5"}, "one operator for fields.size: is, above"),
        ({"field": "fields.size", "is": "many"}, "a number for fields.size"),
        ({"field": "fields.size", "above": 10**400}, "a number for fields.size"),
        ({"field": "fields.size", "above": True}, "a number for fields.size"),
        ({"field": "fields.launch", "is": "2026-12-01"}, "null for fields.launch, or one of before, after, on"),
        ({"field": "fields.launch", "before": "soon"}, "a day like 2026-10-01"),
        ({"field": "created", "before": "2026-02-30"}, "a day like 2026-10-01"),
        ({"field": "created", "before": "cycle start + 2 months"}, "a day like 2026-10-01"),
        ({"field": "created", "is": None}, "one operator for created: before, after, on"),
        ({"field": "team", "is": "a"}, "fields.team"),
    ],
)
def test_what_a_type_cannot_be_asked_is_refused_in_words(condition: dict[str, Any], allowed: str) -> None:
    """With what is allowed, and the nearest name."""
    with pytest.raises(RuleError) as caught:
        compile_condition({"all": [condition]}, (), CONTEXT)
    assert allowed in caught.value.allowed
    assert caught.value.path[:2] == ("all", 0)


def test_a_connection_without_fields_says_so() -> None:
    """There is no nearest name."""
    with pytest.raises(RuleError, match="it names none"):
        compile_condition({"field": "fields.team", "is": "a"}, (), RuleContext())


TESTS: list[dict[str, Any]] = [
    {"field": "fields.team", "is": "payments"},
    {"field": "fields.size", "at_least": 5},
    {"field": "fields.note", "is": None},
    {"field": "state", "is": "done"},
]
CONDITIONS = st.recursive(
    st.sampled_from(TESTS),
    lambda inner: st.dictionaries(
        st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3), min_size=1
    ),
    max_leaves=6,
)


@given(CONDITIONS, st.sets(st.sampled_from(["team", "size", "note"])))
def test_what_surely_holds_holds_whatever_is_unknown(condition: dict[str, Any], unknown: set[str]) -> None:
    """And what may hold includes what does."""
    seen = replace(ISSUE, fields={name: value for name, value in ISSUE.fields.items() if name not in unknown})
    surely, perhaps = holds(condition, seen), holds(condition, seen, unknown=True)
    for team in ("payments", "search"):
        for size in (1.0, 9.0, None):
            for note in (frozenset[str](), frozenset({"a"})):
                values = {"team": frozenset({team}), "size": size, "note": note}
                whole = replace(ISSUE, fields={**values, **seen.fields})
                assert not surely or holds(condition, whole)
                assert perhaps or not holds(condition, whole)


@given(CONDITIONS, st.sets(st.sampled_from(["team", "size", "note"])), st.booleans())
def test_requirements_say_the_same_of_unknown_fields(
    condition: dict[str, Any],
    unknown: set[str],
    perhaps: bool,  # noqa: FBT001
) -> None:
    """Also inside of `none`: a preview asks each test of a field by itself."""
    seen = replace(ISSUE, fields={name: value for name, value in ISSUE.fields.items() if name not in unknown})
    wanted = requirements(condition, replace(CONTEXT, unknown=perhaps))
    holding = sum(1 << number for number, one in enumerate(wanted.leaves) if one.predicate(seen))
    assert wanted.matches(holding) == holds(condition, seen, unknown=perhaps)


def test_an_unknown_field_is_not_an_empty_one() -> None:
    """Neither is anything said of its value, nor that it has none; a time that is not known passes no test."""
    for test in ({"field": "fields.team", "is": None}, {"field": "fields.team", "is": "payments"}):
        assert not holds(test, BARE)
        assert not holds({"none": [test]}, BARE)
        assert holds({"none": [test]}, BARE, unknown=True)
    assert holds({"none": [{"field": "closed", "before": "2030-01-01"}]}, BARE)


def test_a_new_name_keeps_values_and_a_new_type_does_not() -> None:
    """Values belong to the tracker's field as it was read."""
    at = datetime(2026, 11, 1, tzinfo=UTC)
    held = [TimedCustomValue("customfield_1", FieldType.OPTION, ("Payments",), at)]
    assert value_of(CustomField("squad", "customfield_1", FieldType.OPTION), held) == held[0]
    assert value_of(CustomField("squad", "customfield_1"), held) == held[0]
    assert value_of(CustomField("team", "customfield_1", FieldType.TEXT), held) is None
    assert value_of(CustomField("team", "customfield_2", FieldType.OPTION), held) is None


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ({"field": "fields.team", "is": "Payments"}, "team is Payments"),
        ({"field": "fields.size", "at_least": 5.0}, "size is at least 5"),
        ({"field": "closed", "before": "cycle end - 2 weeks"}, "closed is before cycle end - 2 weeks"),
        ({"field": "fields.launch", "is": None}, "launch is empty"),
    ],
)
def test_such_conditions_read_as_sentences(condition: dict[str, Any], words: str) -> None:
    """By the plain name of the field."""
    assert describe(condition) == words


@pytest.mark.parametrize("field", ["created", "fields.team"])
def test_measures_have_no_cycle_and_no_connection_to_compare_with(field: str) -> None:
    """The condition of `share-meeting` is one for all connections and cycles."""
    test = {"field": field, "before": "2026-10-01"}
    with pytest.raises(RuleError, match="one of scope"):
        compile_meets({"all": [{"field": "lead_time", "at_most": 3}, test]})
