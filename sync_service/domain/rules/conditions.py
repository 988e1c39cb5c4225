"""Conditions of mapping rules on issues, compiled once to predicates.

A condition is a leaf, `{"field": F, OPERATOR: VALUE}`, or a group, `{"all": […]}`, `{"any": […]}`, `{"none": […]}`.
Several groups in one mapping must all hold. Text is compared as `folded` says: without case, composed. There are no
regular expressions: `matches` knows only `*`, which stands for any run of characters.
"""

import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from sync_service.domain.text import did_you_mean, folded
from sync_service.domain.trackers.observations import Kind, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An issue as rules see it: every text already folded, names instead of ids. Unknown is empty.

    `other_parents` are other keys of its parent: those it had before, or has and the issue does not know yet.
    `other_authors` are other logins that mean its author; `assignee` has all logins that mean its assignees.
    `under` has all keys of all its ancestors; it is read only where a rule asks for it.
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
}
"""The fields a condition may name, each with its operators."""

GROUPS = ("all", "any", "none")
FIELD_CHOICES: Mapping[str, tuple[str, ...]] = {"kind": tuple(Kind), "state": tuple(State)}
MAX_DEPTH = 8
LONGEST_SHOWN = 1000
"""Most characters of a wrong value in an error."""
SETS = ("labels", "components", "versions", "sprint", "assignee", "under")
"""The fields with several values."""


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


def compile_condition(condition: object, path: tuple[str | int, ...] = ()) -> Predicate:
    """Compile a condition to a predicate. Raise `RuleError` with the path, what was found and what is allowed."""
    if not isinstance(condition, Mapping) or not condition:
        raise RuleError(path, condition, "a mapping with 'field' and an operator, or with 'all', 'any' or 'none'")
    if len(path) > 2 * MAX_DEPTH:
        raise RuleError(path, "deeper nesting", f"groups nested {MAX_DEPTH} deep at most")
    if "field" in condition:
        return _compile_leaf(condition, path)
    predicates = [_compile_group(name, members, (*path, name)) for name, members in condition.items()]
    return _all_of(predicates)


def _all_of(predicates: Sequence[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    if len(predicates) == 2:  # the most common rule: evaluated for each delivery and each rule of its scope
        first, second = predicates
        return lambda subject: first(subject) and second(subject)
    return lambda subject: all(predicate(subject) for predicate in predicates)


def _compile_group(name: object, members: object, path: tuple[str | int, ...]) -> Predicate:
    if name not in GROUPS:
        raise RuleError(path, name, "'field', " + ", ".join(f"'{group}'" for group in GROUPS))
    if not isinstance(members, list) or not members:
        raise RuleError(path, members, "a list of at least one condition")
    predicates = [compile_condition(member, (*path, index)) for index, member in enumerate(members)]
    if name == "all":
        return _all_of(predicates)
    if name == "any":
        return lambda subject: any(predicate(subject) for predicate in predicates)
    return lambda subject: not any(predicate(subject) for predicate in predicates)


def _compile_leaf(leaf: Mapping[str, Any], path: tuple[str | int, ...]) -> Predicate:
    field = leaf["field"]
    if not isinstance(field, str) or field not in FIELDS:
        raise RuleError((*path, "field"), field, _one_of(field, FIELDS))
    operators = [name for name in leaf if name != "field"]
    if len(operators) != 1 or operators[0] not in FIELDS[field]:
        raise RuleError(path, operators, f"one operator for {field}: " + ", ".join(FIELDS[field]))
    operator = operators[0]
    values = _values(field, operator, leaf[operator], (*path, operator))
    test = _test(operator, values)
    if field in SETS:
        return _over_set(field, operator, values, test)
    if field == "parent":
        return lambda subject: test(subject.parent) or any(test(key) for key in subject.other_parents)
    if field == "author":
        return lambda subject: test(subject.author) or any(test(login) for login in subject.other_authors)
    return lambda subject: test(getattr(subject, field))


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


def _test(operator: str, values: tuple[str, ...]) -> Callable[[str], bool]:
    if operator == "contains":
        return lambda text: values[0] in text
    if operator == "matches":
        pattern = values[0].split("*")
        return lambda text: _matches(pattern, text)
    if len(values) == 1:
        return lambda text: text == values[0]
    allowed = frozenset(values)
    return lambda text: text in allowed


def _over_set(field: str, operator: str, values: tuple[str, ...], test: Callable[[str], bool]) -> Predicate:
    if values == ("",):
        return lambda subject: not getattr(subject, field)
    texts_of = attrgetter(field)
    if operator in ("contains", "matches"):
        return lambda subject: any(test(text) for text in texts_of(subject))
    if len(values) == 1:
        only = values[0]
        return lambda subject: only in texts_of(subject)
    allowed = frozenset(values)
    return lambda subject: not allowed.isdisjoint(texts_of(subject))


def _matches(pattern: list[str], text: str) -> bool:
    """Match the pieces between the stars from left to right; linear in the text for each piece."""
    if len(pattern) == 1:
        return text == pattern[0]
    if not text.startswith(pattern[0]):
        return False
    position = len(pattern[0])
    for piece in pattern[1:-1]:
        found = text.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return len(text) - position >= len(pattern[-1]) and text.endswith(pattern[-1])


def mentions(condition: Mapping[str, Any], field: str) -> bool:
    """Return whether a valid condition depends on a field."""
    members = (member for name in GROUPS for member in condition.get(name, ()))
    return condition.get("field") == field or any(mentions(member, field) for member in members)


def possible_scopes(condition: Mapping[str, Any]) -> frozenset[str] | None:
    """Return the scopes (case-folded) outside which a valid condition cannot hold; None when it may hold in any."""
    if condition.get("field") == "scope":
        if "is" in condition:
            return frozenset([folded((condition["is"] or "").strip())])
        if "in" in condition:
            return frozenset(folded(name.strip()) for name in condition["in"])
    reached: frozenset[str] | None = None
    for member in condition.get("all", ()):
        reached = _both(reached, possible_scopes(member))
    members = [possible_scopes(member) for member in condition.get("any", ())]
    if members and None not in members:
        reached = _both(reached, frozenset().union(*(member for member in members if member is not None)))
    return reached


def _both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    if one is None or other is None:
        return other if one is None else one
    return one & other
