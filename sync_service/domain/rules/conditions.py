"""Conditions of mapping rules on issues, compiled once to predicates.

A condition is a leaf, `{"field": F, OPERATOR: VALUE}`, or a group, `{"all": […]}`, `{"any": […]}`, `{"none": […]}`.
Several groups in one mapping must all hold. Text is compared as `folded` says: without case, composed. There are no
regular expressions: `matches` knows only `*`, which stands for any run of characters.
"""

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from sync_service.domain.rules.field_tests import custom_values, days
from sync_service.domain.rules.field_tests.context import RuleContext
from sync_service.domain.rules.field_tests.custom_values import PREFIX, Value
from sync_service.domain.rules.field_tests.texts import set_test, text_test
from sync_service.domain.text import did_you_mean, folded
from sync_service.domain.trackers.fields.custom_fields import FieldType
from sync_service.domain.trackers.observations import Kind, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An issue as rules see it: every text already folded, names instead of ids. Unknown is empty.

    `other_parents` are other keys of its parent: those it had before, or has and the issue does not know yet.
    `other_authors` are other logins that mean its author; `assignee` has all logins that mean its assignees.
    `under` has all keys of all its ancestors; it is read only where a rule asks for it. `fields` are its known custom
    fields by the names that the connection gives them.
    """

    scope: str
    kind: str
    state: str
    type: str = ""
    title: str = ""
    milestone: str = ""
    parent: str = ""
    priority: str = ""
    resolution: str = ""
    author: str = ""
    labels: frozenset[str] = frozenset()
    components: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    sprint: frozenset[str] = frozenset()
    assignee: frozenset[str] = frozenset()
    under: frozenset[str] = frozenset()
    other_parents: frozenset[str] = frozenset()
    other_authors: frozenset[str] = frozenset()
    created: datetime | None = None
    started: datetime | None = None
    closed: datetime | None = None
    fields: Mapping[str, Value] = field(default_factory=dict)


Predicate = Callable[[Subject], bool]

FIELDS: Mapping[str, tuple[str, ...]] = {
    "scope": ("is", "in", "contains", "matches"),
    "kind": ("is", "in"),
    "state": ("is", "in"),
    "type": ("is", "in", "contains", "matches"),
    "title": ("is", "in", "contains", "matches"),
    "milestone": ("is", "in", "contains", "matches"),
    "parent": ("is", "in", "matches"),
    "under": ("is", "in", "matches"),
    "labels": ("has", "in", "contains", "matches"),
    "components": ("has", "is", "in", "contains", "matches"),
    "versions": ("has", "is", "in", "contains", "matches"),
    "sprint": ("has", "is", "in", "contains", "matches"),
    "priority": ("is", "in"),
    "resolution": ("is", "in", "contains", "matches"),
    "assignee": ("is", "in", "matches"),
    "author": ("is", "in", "matches"),
    "created": days.OPERATORS,
    "started": days.OPERATORS,
    "closed": days.OPERATORS,
}
"""The fields a condition may name, each with its operators; custom fields, `fields.NAME`, besides."""

GROUPS = ("all", "any", "none")
FIELD_CHOICES: Mapping[str, tuple[str, ...]] = {"kind": tuple(Kind), "state": tuple(State)}
MAX_DEPTH = 8
LONGEST_SHOWN = 1000
"""Most characters of a wrong value in an error."""
SETS = ("labels", "components", "versions", "sprint", "assignee", "under")
"""The fields with several values."""
DATES = ("created", "started", "closed")
"""The fields that are times: a condition compares their days."""


class RuleError(ValueError):
    """A condition that cannot be used. `path` leads to the error (`("all", 0, "field")`)."""

    def __init__(self, path: tuple[str | int, ...], found: object, allowed: str) -> None:
        self.path, self.found, self.allowed = path, found, allowed
        where = ".".join(_step(step) for step in path) or "the condition"
        super().__init__(f"{where}: found {shown(found)}, allowed is {allowed}")


def _step(step: object) -> str:
    """Return a step of a path as text that can be stored and sent."""
    return step if isinstance(step, str) and step.isprintable() else shown(step)


def shown(found: object) -> str:
    """Return a value as text. Python refuses to write a number of more than 4,300 digits."""
    try:
        return repr(found)[:LONGEST_SHOWN]
    except ValueError:
        return "a number that is too large"


def compile_condition(
    condition: object, path: tuple[str | int, ...] = (), context: RuleContext | None = None
) -> Predicate:
    """Compile a condition to a predicate. Raise `RuleError` with the path, what was found and what is allowed.

    Without a context, any custom field may be named, and a predicate about one, or about a day, can't be asked.
    """
    if not isinstance(condition, Mapping) or not condition:
        raise RuleError(path, condition, "a mapping with 'field' and an operator, or with 'all', 'any' or 'none'")
    if len(path) > 2 * MAX_DEPTH:
        raise RuleError(path, "deeper nesting", f"groups nested {MAX_DEPTH} deep at most")
    if "field" in condition:
        return _compile_leaf(condition, path, context)
    predicates = [_compile_group(name, members, (*path, name), context) for name, members in condition.items()]
    return _all_of(predicates)


def _all_of(predicates: Sequence[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    if len(predicates) == 2:  # the most common rule: evaluated for each delivery and each rule of its scope
        first, second = predicates
        return lambda subject: first(subject) and second(subject)
    return lambda subject: all(predicate(subject) for predicate in predicates)


def _compile_group(
    name: object, members: object, path: tuple[str | int, ...], context: RuleContext | None
) -> Predicate:
    if name not in GROUPS:
        raise RuleError(path, name, "'field', " + ", ".join(f"'{group}'" for group in GROUPS))
    if not isinstance(members, list) or not members:
        raise RuleError(path, members, "a list of at least one condition")
    if name == "none" and context is not None:
        context = context.negated()
    predicates = [compile_condition(member, (*path, index), context) for index, member in enumerate(members)]
    if name == "all":
        return _all_of(predicates)
    if name == "any":
        return lambda subject: any(predicate(subject) for predicate in predicates)
    return lambda subject: not any(predicate(subject) for predicate in predicates)


def _compile_leaf(leaf: Mapping[str, Any], path: tuple[str | int, ...], context: RuleContext | None) -> Predicate:
    field = leaf["field"]
    if isinstance(field, str) and field.startswith(PREFIX):
        return _compile_custom(leaf, path, context)
    if not isinstance(field, str) or field not in FIELDS:
        raise RuleError((*path, "field"), field, _one_of(field, (*FIELDS, *_custom_names(context))))
    operator = _operator(leaf, path, FIELDS[field])
    if field in DATES:
        return _compile_date(field, operator, leaf[operator], (*path, operator), context)
    values = _values(field, operator, leaf[operator], (*path, operator))
    test = text_test(operator, values)
    if field in SETS:
        return set_test(field, operator, values, test)
    if field == "parent":
        return lambda subject: test(subject.parent) or any(test(key) for key in subject.other_parents)
    if field == "author":
        return lambda subject: test(subject.author) or any(test(login) for login in subject.other_authors)
    return lambda subject: test(getattr(subject, field))


def _operator(leaf: Mapping[str, Any], path: tuple[str | int, ...], allowed: Sequence[str]) -> str:
    operators = [name for name in leaf if name != "field"]
    if len(operators) != 1 or operators[0] not in allowed:
        raise RuleError(path, operators, f"one operator for {leaf['field']}: " + ", ".join(allowed))
    return str(operators[0])


def _compile_date(
    name: str, operator: str, value: object, path: tuple[str | int, ...], context: RuleContext | None
) -> Predicate:
    """Compile a test of one of an issue's times; a time that is not known passes none."""
    try:
        days.parse_day(value)
    except ValueError:
        raise RuleError(path, value, days.A_DAY) from None
    if context is None or context.cycle is None:
        return _only_checked
    test, time_of = days.day_test(operator, value, context.cycle), attrgetter(name)
    return lambda subject: (at := time_of(subject)) is not None and test(at)


def _only_checked(subject: Subject) -> bool:
    """Raise `AssertionError`: a condition that was compiled without its connection or cycle can't be asked."""
    raise AssertionError(f"the condition was only checked, not compiled for {subject.scope}")


def _custom_names(context: RuleContext | None) -> list[str]:
    return [PREFIX + name for name in context.fields] if context else []


def _compile_custom(leaf: Mapping[str, Any], path: tuple[str | int, ...], context: RuleContext | None) -> Predicate:
    field, known = leaf["field"], _custom_names(context)
    name = field.removeprefix(PREFIX)
    if context is not None and name not in context.fields:
        none = "a field that the connection names in `fields`, and it names none"
        raise RuleError((*path, "field"), field, _one_of(field, known) if known else none)
    kind = context.fields[name].type if context is not None else None
    operator = _operator(leaf, path, custom_values.operators_of(kind))
    test = _custom_test(leaf, operator, path, context)
    if context is None or test is None:
        return _only_checked
    unknown = context.unknown
    return lambda subject: test(subject.fields[name]) if name in subject.fields else unknown


def _custom_test(
    leaf: Mapping[str, Any], operator: str, path: tuple[str | int, ...], context: RuleContext | None
) -> Callable[[Value], bool] | None:
    """Return the test of a custom field; None where a day is only checked."""
    field, value = leaf["field"], leaf[operator]
    kind = context.fields[field.removeprefix(PREFIX)].type if context is not None else None
    if value is None and operator == "is":
        return custom_values.is_none
    if custom_values.compares_numbers(kind, operator, value):
        try:
            return custom_values.number_test(operator, value)
        except ValueError:
            raise RuleError((*path, operator), value, f"a number for {field}") from None
    if operator in days.OPERATORS:
        _compile_date(field, operator, value, (*path, operator), None)
        cycle = context.cycle if context else None
        return custom_values.day_test(operator, value, cycle) if cycle else None
    if kind is FieldType.DATE:
        raise RuleError((*path, operator), value, f"null for {field}, or one of {', '.join(days.OPERATORS)}")
    return custom_values.texts_test(text_test(operator, _values(field, operator, value, (*path, operator))))


def _one_of(found: object, choices: Collection[str]) -> str:
    return f"one of {', '.join(choices)}{did_you_mean(found, choices)}"


def _values(field: str, operator: str, value: object, path: tuple[str | int, ...]) -> tuple[str, ...]:
    if value is None and operator == "is" and field not in FIELD_CHOICES:
        return ("",)
    values = value if operator == "in" else [value]
    if not isinstance(values, list) or not values:
        raise RuleError(path, value, "a list of at least one text")
    for one in values:
        if not isinstance(one, str) or not one.strip():
            raise RuleError(path, one, "a text that is not empty")
        if any(unicodedata.category(character) in ("Cc", "Cs") for character in one):
            raise RuleError(path, one, "a text without control characters")
        if field in FIELD_CHOICES and one not in FIELD_CHOICES[field]:
            raise RuleError(path, one, _one_of(one, FIELD_CHOICES[field]))
    return tuple(folded(one.strip()) for one in values)
