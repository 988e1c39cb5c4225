"""Reasons to derive the links of many issues again, each with the issues and key results that it concerns."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync_service.domain.text import folded
from sync_service.domain.trackers.issue import Issue


@dataclass(frozen=True, slots=True, kw_only=True)
class RelinkReason:
    """Why links are derived again, in words. Each of the other fields limits what it concerns; None limits nothing.

    `key_result` is a row id, `origin` how a link is made (`rule`, `label`, `comment`, `manual`), `issue` an identity,
    `scope` the name of the issue's or its parent's scope, `term` the id of a label, milestone… that the issue carries,
    `people` folded logins or ids of accounts of which the issue has at least one.
    """

    what: str
    key_result: int | None = None
    origin: str | None = None
    issue: str | None = None
    scope: str | None = None
    term: str | None = None
    people: Sequence[str] | None = None

    def concerns(self, issue: Issue, *, key_result: int, origins: Collection[str], scopes: Collection[str]) -> bool:
        """Return whether it can be why links of these origins between an issue and a key result changed.

        `scopes` are further names of the issue's scope.
        """
        return (
            self.key_result in (None, key_result)
            and (self.origin is None or self.origin in origins)
            and self.issue in (None, issue.identity)
            and (self.scope is None or self.scope.casefold() in {one.casefold() for one in (*scopes, *_scopes(issue))})
            and (self.term is None or self.term in _terms(issue))
            and (self.people is None or not _people(issue).isdisjoint(self.people))
        )

    def to_columns(self) -> dict[str, Any]:
        """Convert it to JSON, without what is None."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}

    @classmethod
    def from_columns(cls, columns: Mapping[str, Any]) -> "RelinkReason":
        """Convert JSON to a reason."""
        return cls(**columns)


def _scopes(issue: Issue) -> list[str]:
    """Return the names of the issue's scope and of its parent's: `SHOP` of `SHOP-7`, `acme/app` of `acme/app#7`."""
    parent = [re.sub(r"[#-]\d+$", "", issue.parent_key)] if issue.parent_key else []
    return [issue.scope.name, *parent] if issue.scope else parent


def _terms(issue: Issue) -> tuple[str, ...]:
    milestone = (issue.milestone,) if issue.milestone else ()
    return (*issue.labels, *milestone, *issue.components, *issue.versions, *issue.sprints)


def _people(issue: Issue) -> set[str | None]:
    accounts = (*([issue.author] if issue.author else []), *issue.assignees)
    return {text for one in accounts for text in (folded(one.id), one.stable_id)}
