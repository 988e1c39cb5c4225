"""A condition as the conditions that must all hold, so that each can be tested by itself.

Nothing here knows fields or operators: each condition is compiled by `compile_condition`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sync_service.domain.rules.conditions import Predicate, Subject, compile_condition

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of the conditions that must all hold; `path` leads to it in the whole condition."""

    path: Path
    condition: Mapping[str, Any]
    predicate: Predicate


@dataclass(frozen=True)
class Requirements:
    """The requirements of a condition. A condition that is one `any` group has several `alternatives`.

    What holds for an issue is a number with one bit for each requirement; an alternative is the bits that it needs.
    """

    each: Sequence[Requirement]
    alternatives: Sequence[int]

    def matches(self, holding: int) -> bool:
        """Return whether the condition holds where these requirements do."""
        return any(holding & needed == needed for needed in self.alternatives)

    def only_missing(self, holding: int) -> int | None:
        """Return the number of the only requirement that an issue does not meet, of several; else None."""
        if self.matches(holding):
            return None
        missing = (needed & ~holding for needed in self._with_several)
        return next((one.bit_length() - 1 for one in missing if one.bit_count() == 1), None)

    def without(self, number: int, holding: int) -> bool:
        """Return whether the condition would hold without one of its requirements."""
        return self.matches(holding | 1 << number)

    @cached_property
    def _with_several(self) -> Sequence[int]:
        return [needed for needed in self.alternatives if needed.bit_count() > 1]


def requirements(condition: Mapping[str, Any]) -> Requirements:
    """Return the requirements of a valid condition."""
    each: list[Requirement] = []
    alternatives = []
    for path, alternative in _alternatives(condition):
        first = len(each)
        each += (Requirement(at, one, compile_condition(one)) for at, one in _flattened(alternative, path))
        alternatives.append((1 << len(each)) - (1 << first))
    return Requirements(each, alternatives)


def _alternatives(condition: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    if set(condition) != {"any"}:
        yield (), condition
        return
    for index, member in enumerate(condition["any"]):
        yield ("any", index), member


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


def reason(condition: Mapping[str, Any], subject: Subject) -> Reason:
    """Return why a valid condition holds for an issue or not, condition by condition."""
    holds = compile_condition(condition)(subject)
    if "field" in condition:
        return Reason(holds, condition)
    if len(condition) > 1:
        members = [reason({name: found}, subject) for name, found in condition.items()]
        return Reason(holds, condition, "all", members)
    ((group, found),) = condition.items()
    return Reason(holds, condition, group, [reason(one, subject) for one in found])


def leaves(condition: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """Yield the tests of fields in a valid condition, each with the path to it."""
    if "field" in condition:
        yield path, condition
        return
    for name, members in condition.items():
        for index, member in enumerate(members):
            yield from leaves(member, (*path, name, index))
