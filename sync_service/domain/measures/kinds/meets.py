"""The condition of `share-meeting`: on the issue as rules see it, and on its durations and reopenings besides.

Truths have three values: None is undecided, because a number is unknown or the issue is still open.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sync_service.domain.rules.conditions import (
    DATES,
    FIELDS,
    GROUPS,
    MAX_DEPTH,
    Predicate,
    RuleError,
    compile_condition,
)
from sync_service.domain.rules.requirements import leaves
from sync_service.domain.text import did_you_mean

DURATIONS = ("lead_time", "cycle_time")
NUMBERS = (*DURATIONS, "reopened")
"""The fields that a condition of `share-meeting` may name besides those of rules."""

OPERATORS = ("at_most", "at_least")

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """A condition on a number: `{"field": "lead_time", "at_most": 3}`."""

    field: str
    operator: str
    limit: float

    def holds(self, value: float) -> bool:
        """Return whether a number keeps the limit."""
        return value <= self.limit if self.operator == "at_most" else value >= self.limit


@dataclass(frozen=True, slots=True)
class Other:
    """A condition on other fields: `Contribution.met` says whether it holds."""

    condition: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions of which all, any or none must hold."""

    name: str
    members: tuple["Limit | Other | Group", ...]


Node = Limit | Other | Group
Truth = bool | None


@dataclass(frozen=True, slots=True)
class Meets:
    """A compiled condition of `share-meeting`. `other` tests its conditions on the fields of rules, if it has any.

    `fields` are the numbers that it is about.
    """

    condition: Mapping[str, Any]
    tree: Node = field(compare=False, repr=False)
    other: Predicate | None = field(compare=False, repr=False)
    fields: frozenset[str] = field(compare=False, repr=False)

    @property
    def has_duration(self) -> bool:
        """Return whether it is about a duration."""
        return not self.fields.isdisjoint(DURATIONS)

    def truth(self, of_limit: Callable[[Limit], Truth], met: Truth) -> Truth:
        """Return whether it holds; None when what is known does not decide it."""
        return _truth(self.tree, of_limit, met)

    def is_past_limit(self, of_limit: Callable[[Limit], Truth]) -> bool:
        """Return whether one of its durations has already gone the wrong way."""
        durations = ((of_limit(limit), wanted) for limit, wanted in _limits(self.tree) if limit.field in DURATIONS)
        return any(truth is not None and truth is not wanted for truth, wanted in durations)


def _limits(node: Node, *, wanted: bool = True) -> Iterator[tuple[Limit, bool]]:
    """Yield the limits of a condition, each with the truth that helps the condition to hold."""
    if isinstance(node, Limit):
        yield node, wanted
    elif isinstance(node, Group):
        for member in node.members:
            yield from _limits(member, wanted=wanted is not (node.name == "none"))


def _truth(node: Node, of_limit: Callable[[Limit], Truth], met: Truth) -> Truth:
    if isinstance(node, Limit):
        return of_limit(node)
    if isinstance(node, Other):
        return met
    truths = [_truth(member, of_limit, met) for member in node.members]
    decisive = node.name != "all"  # one member with this truth decides the group
    if decisive in truths:
        return node.name == "any"
    return None if None in truths else node.name != "any"


def compile_meets(condition: object) -> Meets:
    """Compile a condition of `share-meeting`. Raise `RuleError` with the path, what was found and what is allowed.

    `met` is one truth, so conditions on other fields must be one condition: those side by side in a group are joined.
    """
    try:
        tree = _node(condition, ())
    except RuleError as error:
        raise _with_numbers(error) from error
    others = list(_others(tree))
    if any(other != others[0] for other in others):
        allowed = f"conditions on other fields than {', '.join(NUMBERS)} side by side in one group"
        raise RuleError((), "such conditions in several groups", allowed)
    assert isinstance(condition, Mapping)
    other = compile_condition(others[0].condition) if others else None
    return Meets(condition, tree, other, frozenset(limit.field for limit, _ in _limits(tree)))


def _others(node: Node) -> Iterator[Other]:
    if isinstance(node, Other):
        yield node
    elif isinstance(node, Group):
        for member in node.members:
            yield from _others(member)


def _with_numbers(error: RuleError) -> RuleError:
    """Return the error of a wrong field with all the fields that are allowed here."""
    if error.path[-1:] != ("field",):
        return error
    fields = (*(name for name in FIELDS if name not in DATES), *NUMBERS)
    return RuleError(error.path, error.found, "one of " + ", ".join(fields) + did_you_mean(error.found, fields))


def _node(condition: object, path: Path) -> Node:
    if not isinstance(condition, Mapping) or not _names_number(condition):
        compile_condition(condition, path)
        assert isinstance(condition, Mapping)
        _refuse_fields_of_rules(condition, path)
        return Other(condition)
    if "field" in condition:
        return _limit(condition, path)
    return _joined("all", [_group(name, members, (*path, name)) for name, members in condition.items()])


def _refuse_fields_of_rules(condition: Mapping[str, Any], path: Path) -> None:
    """Raise `RuleError` for a day or a custom field: they need the cycle of a rule, and its connection."""
    for at, leaf in leaves(condition, path):
        if leaf["field"] in DATES or leaf["field"] not in FIELDS:
            raise RuleError((*at, "field"), leaf["field"], "")


def _names_number(condition: object, depth: int = 0) -> bool:
    """Return whether a condition names one of the numbers; not deeper than conditions may be nested."""
    if isinstance(condition, Mapping) and depth <= 2 * MAX_DEPTH:
        if "field" in condition:
            return condition["field"] in NUMBERS
        return any(_names_number(members, depth + 1) for members in condition.values())
    return isinstance(condition, list) and any(_names_number(member, depth + 1) for member in condition)


def _group(name: Any, members: Any, path: Path) -> Node:
    if name not in GROUPS or not isinstance(members, list) or not members:
        compile_condition({name: members}, path[:-1])
    nodes = [_node(member, (*path, index)) for index, member in enumerate(members)]
    if name != "none":
        return _joined(name, nodes)
    others = [node.condition for node in nodes if isinstance(node, Other)]
    rest = tuple(node for node in nodes if not isinstance(node, Other))
    without = [Group("none", rest)] if rest else []
    return _joined("all", [*without, *([Other({"none": others})] if others else [])])


def _joined(name: str, nodes: Sequence[Node]) -> Node:
    """Return the group of nodes; groups of the same name dissolve in it, conditions on other fields are joined."""
    members = [one for node in nodes for one in _members(node, name)]
    others = [node.condition for node in members if isinstance(node, Other)]
    if len(others) > 1:
        rest = [node for node in members if not isinstance(node, Other)]
        members = [*rest, Other({name: others})]
    return members[0] if len(members) == 1 else Group(name, tuple(members))


def _members(node: Node, name: str) -> tuple[Node, ...]:
    return node.members if isinstance(node, Group) and node.name == name else (node,)


def _limit(leaf: Mapping[str, Any], path: Path) -> Limit:
    name = leaf["field"]
    operators = [operator for operator in leaf if operator != "field"]
    if len(operators) != 1 or operators[0] not in OPERATORS:
        near = did_you_mean(operators[0], OPERATORS) if operators else ""
        raise RuleError(path, operators, f"one operator for {name}: {', '.join(OPERATORS)}{near}")
    value = leaf[operators[0]]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        what = "a count" if name == "reopened" else "a number of days"
        raise RuleError((*path, operators[0]), value, f"{what}, 0 or more")
    return Limit(name, operators[0], float(value))
