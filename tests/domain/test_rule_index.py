"""The index of rules: it finds exactly the rules whose condition holds, and asks few of them."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_service.domain.rules.condition_reach import possible_scopes
from sync_service.domain.rules.conditions import DATES, FIELDS, SETS, Subject, compile_condition
from sync_service.domain.rules.field_tests import custom_values
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.rules.field_tests.days import CycleDays
from sync_service.domain.rules.rule_index import CompiledRule, RuleIndex, necessary_terms, terms_of
from sync_service.domain.trackers.fields.custom_fields import CustomField, FieldType

MOMENTS = st.integers(0, 150).map(lambda days: datetime(2026, 9, 1, 12, tzinfo=UTC) + timedelta(days=days))
SIZES = st.integers(0, 3)
VALUES = st.sampled_from(["a", "B", "ab", " a "])
CHOSEN = {"kind": st.sampled_from(["issue", "pull_request"]), "state": st.sampled_from(["todo", "done"])}
DAYS = st.sampled_from(["2026-10-05", "cycle start", "cycle end - 1 week"])
CONTEXT = RuleContext(
    {"team": CustomField("team", "f1", FieldType.OPTIONS), "size": CustomField("size", "f2", FieldType.NUMBER)},
    CycleDays(date(2026, 10, 1), date(2026, 12, 31), UTC),
)
CUSTOM = {
    "fields.team": custom_values.OPERATORS[FieldType.OPTIONS],
    "fields.size": custom_values.OPERATORS[FieldType.NUMBER],
}


def compiled(revision_id: int, condition: dict[str, Any], *, connection_id: int = 1) -> CompiledRule:
    """Compile a rule."""
    return CompiledRule(
        revision_id=revision_id,
        slug=f"r{revision_id}",
        connection_id=connection_id,
        key_result_id=1,
        predicate=compile_condition(condition, (), CONTEXT),
        scopes=possible_scopes(condition),
        pending=False,
        terms=necessary_terms(condition),
    )


@st.composite
def leaves(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a leaf with any field and operator."""
    field = draw(st.sampled_from([*FIELDS, *CUSTOM]))
    operator = draw(st.sampled_from({**FIELDS, **CUSTOM}[field]))
    values = CHOSEN.get(field, DAYS if field in DATES else SIZES if field == "fields.size" else VALUES)
    if operator == "in":
        return {"field": field, "in": draw(st.lists(values, min_size=1, max_size=2))}
    empty = st.none() if operator == "is" and field not in CHOSEN else st.nothing()
    return {"field": field, operator: draw(values | empty)}


CONDITIONS = st.recursive(
    leaves(),
    lambda inner: st.dictionaries(
        st.sampled_from(["all", "any", "none"]), st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=2
    ),
    max_leaves=6,
)
FOLDED = st.sampled_from(["", "a", "b", "ab"])
SUBJECTS = st.builds(
    Subject,
    kind=st.sampled_from(["issue", "pull_request"]),
    state=st.sampled_from(["todo", "done"]),
    other_parents=st.frozensets(st.sampled_from(["a", "b"]), max_size=1),
    **{field: FOLDED for field in FIELDS if field not in (*SETS, *DATES, *CHOSEN)},
    **{field: st.frozensets(st.sampled_from(["a", "b", "ab"]), max_size=2) for field in SETS},
    **{field: st.none() | MOMENTS for field in DATES},
    fields=st.fixed_dictionaries(
        {},
        optional={
            "team": st.frozensets(st.sampled_from(["a", "b", "ab"]), max_size=2),
            "size": st.none() | st.sampled_from([0.0, 1.0, 2.0]),
        },
    ),
)


@pytest.mark.slow
@given(st.lists(CONDITIONS, max_size=6), SUBJECTS)
def test_the_index_finds_the_rules_whose_condition_holds(conditions: list[dict[str, Any]], subject: Subject) -> None:
    """The same, in the same order, as asking each of them."""
    rules = [compiled(number, condition) for number, condition in enumerate(conditions)]
    assert RuleIndex(rules).matching(1, subject) == [rule for rule in rules if rule.predicate(subject)]


@given(CONDITIONS, SUBJECTS)
def test_where_a_condition_holds_the_issue_has_a_term_of_each_set(condition: dict[str, Any], subject: Subject) -> None:
    """So that no rule is missed, whichever set it is found by."""
    if compile_condition(condition, (), CONTEXT)(subject):
        present = set(terms_of(subject))
        assert all(not terms.isdisjoint(present) for terms in necessary_terms(condition))


def test_rules_of_other_connections_are_not_found() -> None:
    """Nor those of no connection."""
    subject = Subject(scope="a", kind="issue", state="todo")
    index = RuleIndex(
        [compiled(1, {"field": "scope", "is": "a"}), compiled(2, {"none": [{"field": "type", "is": "x"}]})]
    )
    assert [rule.revision_id for rule in index.matching(1, subject)] == [1, 2]
    assert index.matching(2, subject) == []


@pytest.mark.slow
def test_of_ten_thousand_rules_an_issue_asks_those_with_its_label() -> None:
    """All are about one repository and open issues, which many rules ask for; each has a label of its own."""
    asked: list[int] = []

    def counting(rule: CompiledRule) -> CompiledRule:
        def predicate(subject: Subject) -> bool:
            asked.append(rule.revision_id)
            return rule.predicate(subject)

        return replace(rule, predicate=predicate)

    common = [{"field": "scope", "is": "acme/shop"}, {"field": "state", "is": "todo"}]
    rules = [compiled(n, {"all": [*common, {"field": "labels", "has": f"label {n}"}]}) for n in range(10_000)]
    index = RuleIndex(map(counting, rules))
    labels = frozenset({"label 7", "label 4321"})
    found = index.matching(1, Subject(scope="acme/shop", kind="issue", state="todo", labels=labels))
    assert [rule.revision_id for rule in found] == [7, 4321]
    assert sorted(asked) == [7, 4321]
