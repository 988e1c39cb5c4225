"""A condition as the requirements that must hold, so that each can be evaluated by itself.

Nothing here knows fields or operators: each test of a field is compiled by `compile_condition`, and what holds for an
issue is a number with one bit for each test.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sync_service.domain.rules.conditions import Predicate, Subject, compile_condition
from sync_service.domain.rules.field_tests.context import RuleContext

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """A test of one field."""

    condition: Mapping[str, Any]
    predicate: Predicate


@dataclass(frozen=True, slots=True)
class Requirement:
    """A condition that must hold, or must in one alternative of an `any` group; `path` leads to it."""

    path: Path
    condition: Mapping[str, Any]


class Evaluation(NamedTuple):
    """What a condition says of an issue.

    `meets` and `excluding` have one bit for each requirement: those that hold, and those without which, each by itself,
    the condition would hold. `missing` is the number of the only requirement that does not hold, of several: inside of
    `any` the one that its nearest alternative lacks.
    """

    matches: bool
    meets: int
    excluding: int
    missing: int | None


@dataclass(frozen=True, slots=True)
class Requirements:
    """The requirements of a condition and its tests of fields, in its order."""

    each: Sequence[Requirement]
    leaves: Sequence[Leaf]
    evaluate: Callable[[int], Evaluation] = field(repr=False)
    _evaluated: dict[int, Evaluation] = field(default_factory=dict, repr=False, compare=False)

    def of(self, holding: int) -> Evaluation:
        """Return what the condition says where these tests hold, one bit for each."""
        found = self._evaluated.get(holding)
        if found is None:
            found = self._evaluated[holding] = self.evaluate(holding)
        return found

    def matches(self, holding: int) -> bool:
        """Return whether the condition holds where these tests do."""
        return self.of(holding).matches


def requirements(condition: Mapping[str, Any], context: RuleContext | None = None) -> Requirements:
    """Return the requirements of a valid condition. One that is one `any` group has those of each alternative."""
    built = _Builder(context)
    flat = list(_flattened(condition, ()))
    (path, only), several = flat[0], len(flat) > 1
    if several or "any" not in only:
        evaluate = _one_of([_Member(built.all_of(flat), several=several)])
    else:
        evaluate = _one_of([built.alternative(one, (*path, index)) for index, one in enumerate(only["any"])])
    return Requirements(built.each, built.leaves, evaluate)


Evaluate = Callable[[int], Evaluation]


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of an `any` group; `several`: it has several requirements, so that one of them can be missing."""

    evaluate: Evaluate
    several: bool


@dataclass(frozen=True, slots=True)
class _Builder:
    """Collects the requirements and the tests of a condition in its order."""

    context: RuleContext | None = None
    each: list[Requirement] = field(default_factory=list)
    leaves: list[Leaf] = field(default_factory=list)

    def all_of(self, flat: Sequence[tuple[Path, Mapping[str, Any]]]) -> Evaluate:
        """Return what evaluates requirements that must all hold."""
        return _all_of([self._requirement(path, one) for path, one in flat])

    def alternative(self, condition: Mapping[str, Any], path: Path) -> _Member:
        """Return an alternative of a condition that is one `any` group. No rule matches less because of it."""
        flat = list(_flattened(condition, path))
        evaluate = self.all_of(flat)
        return _Member(evaluate, several=True) if len(flat) > 1 else _Member(_removing_nothing(evaluate), several=False)

    def _requirement(self, path: Path, condition: Mapping[str, Any]) -> Evaluate:
        number = len(self.each)
        self.each.append(Requirement(path, condition))
        if "any" not in condition:
            return _numbered(number, self._holds(condition, self.context))
        members = [self._member(one, (*path, index)) for index, one in enumerate(condition["any"])]
        return _one_of(members, number)

    def _member(self, condition: Mapping[str, Any], path: Path) -> _Member:
        flat = list(_flattened(condition, path))
        if len(flat) > 1:
            return _Member(self.all_of(flat), several=True)
        return _Member(_unnumbered(self._holds(condition, self.context)), several=False)

    def _holds(self, condition: Mapping[str, Any], context: RuleContext | None) -> Callable[[int], bool]:
        """Return what tells from the bits of its tests whether a condition holds."""
        if "field" in condition:
            bit = 1 << len(self.leaves)
            self.leaves.append(Leaf(condition, compile_condition(condition, (), context)))
            return lambda holding: bool(holding & bit)
        inside = {name: context.negated() if context and name == "none" else context for name in condition}
        groups = [(name, [self._holds(one, inside[name]) for one in found]) for name, found in condition.items()]
        return lambda holding: all(_group_holds(name, members, holding) for name, members in groups)


def _group_holds(name: str, members: Sequence[Callable[[int], bool]], holding: int) -> bool:
    if name == "all":
        return all(one(holding) for one in members)
    return any(one(holding) for one in members) is (name == "any")


def _numbered(number: int, holds: Callable[[int], bool]) -> Evaluate:
    met, unmet = Evaluation(True, 1 << number, 0, None), Evaluation(False, 0, 1 << number, number)  # noqa: FBT003
    return lambda holding: met if holds(holding) else unmet


def _unnumbered(holds: Callable[[int], bool]) -> Evaluate:
    return lambda holding: Evaluation(holds(holding), 0, 0, None)


def _removing_nothing(evaluate: Evaluate) -> Evaluate:
    return lambda holding: evaluate(holding)._replace(excluding=0)


def _all_of(each: Sequence[Evaluate]) -> Evaluate:
    def evaluated(holding: int) -> Evaluation:
        meets, unmet = 0, []
        for evaluate in each:
            one = evaluate(holding)
            meets |= one.meets
            if not one.matches:
                unmet.append(one)
        if len(unmet) == 1:
            return unmet[0]._replace(meets=meets)
        return Evaluation(not unmet, meets, 0, None)

    return each[0] if len(each) == 1 else evaluated


def _one_of(members: Sequence[_Member], number: int | None = None) -> Evaluate:
    """Return what evaluates an `any` group, which is itself a requirement where it has a number."""
    bit = 0 if number is None else 1 << number

    def evaluated(holding: int) -> Evaluation:
        meets, excluding, matches, missing = 0, bit, False, None
        for member in members:
            one = member.evaluate(holding)
            meets |= one.meets
            excluding |= one.excluding
            matches = matches or one.matches
            if missing is None and member.several:
                missing = one.missing
        if matches:
            return Evaluation(True, meets | bit, 0, None)  # noqa: FBT003
        return Evaluation(False, meets, excluding, number if missing is None else missing)  # noqa: FBT003

    return evaluated


def _flattened(condition: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the conditions that must all hold: groups in groups of `all` are no groups of their own."""
    if "field" in condition:
        yield path, condition
        return
    for name, members in condition.items():
        if name == "any":
            yield (*path, name), {name: members}
            continue
        for index, member in enumerate(members):
            at = (*path, name, index)
            if name == "all":
                yield from _flattened(member, at)
            else:
                yield at, {name: [member]}


@dataclass(frozen=True, slots=True)
class Reason:
    """Whether a condition holds for an issue, and in a group whether each of its members does.

    `group` is `all`, `any` or `none`; None: one test of a field.
    """

    holds: bool
    condition: Mapping[str, Any]
    group: str | None = None
    members: Sequence["Reason"] = ()


def reason(condition: Mapping[str, Any], subject: Subject, context: RuleContext | None = None) -> Reason:
    """Return why a valid condition holds for an issue or not, condition by condition."""
    holds = compile_condition(condition, (), context)(subject)
    if "field" in condition:
        return Reason(holds, condition)
    if len(condition) > 1:
        members = [reason({name: found}, subject, context) for name, found in condition.items()]
        return Reason(holds, condition, "all", members)
    ((group, found),) = condition.items()
    return Reason(holds, condition, group, [reason(one, subject, context) for one in found])


def leaves(condition: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the tests of fields in a valid condition, each with the path to it."""
    if "field" in condition:
        yield path, condition
        return
    for name, members in condition.items():
        for index, member in enumerate(members):
            yield from leaves(member, (*path, name, index))
