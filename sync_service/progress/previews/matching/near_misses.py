"""Near misses: issues that a rule would match if it were not for one of its conditions; and what removes everything."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_service.domain.rules.condition_text import describe
from sync_service.domain.rules.requirements import Path, Requirements
from sync_service.progress.previews.matching.known_issues import KnownIssues

NEWEST = 5000
"""Near misses are searched for among so many of the newest issues."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionCount:
    """One of the conditions that must all hold: how many issues meet it.

    `matching_without` is how many issues the rule would match without it.
    """

    path: Path
    condition: Mapping[str, Any]
    words: str
    meet: int
    matching_without: int


@dataclass(frozen=True, slots=True)
class NearMiss:
    """An issue, by row id, that meets all conditions but one: its number in the list of conditions."""

    issue_id: int
    condition: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NearMisses:
    """The near misses among the newest `searched` issues; `all_searched` says whether these are all issues there are.

    `removing` are the conditions that remove everything: without one of them, the rule would match something.
    """

    searched: int
    all_searched: bool
    found: Sequence[NearMiss]
    conditions: Sequence[ConditionCount]
    removing: Sequence[ConditionCount]


def near_misses(known: KnownIssues, wanted: Requirements) -> NearMisses:
    """Return the near misses among known issues, the newest first."""
    newest = list(zip(known.ids[:NEWEST], known.holding[:NEWEST], strict=True))
    found = [NearMiss(id_, number) for id_, held in newest if (number := wanted.of(held).missing) is not None]
    evaluated = [(wanted.of(held), count) for held, count in Counter(known.holding).items()]
    matching = sum(count for result, count in evaluated if result.matches)
    conditions = [
        ConditionCount(
            path=one.path,
            condition=one.condition,
            words=describe(one.condition),
            meet=sum(count for result, count in evaluated if result.meets >> number & 1),
            matching_without=matching + sum(count for result, count in evaluated if result.excluding >> number & 1),
        )
        for number, one in enumerate(wanted.each)
    ]
    return NearMisses(
        searched=len(newest),
        all_searched=len(newest) == len(known.ids),
        found=found,
        conditions=conditions,
        removing=[one for one in conditions if not matching and one.matching_without],
    )
