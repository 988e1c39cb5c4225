"""Run JQL searches: find, order and count issues.

A query that is limited by projects and the time of the last change costs what is read of it, also among
100,000 issues.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cmp_to_key
from itertools import groupby
from typing import TYPE_CHECKING

from simulator.jira.json import issue_json
from simulator.jira.query.evaluate import Matcher
from simulator.jira.query.jql import Clause, Condition, JqlError, Ordering, Query, Value, conjuncts, parse

if TYPE_CHECKING:
    from simulator.jira.model.issue import Issue
    from simulator.jira.site import JiraSite

MOST_ORDERINGS = 7

UNBOUNDED = "Unbounded JQL queries are not allowed here. Please add a search restriction to your query."
TOO_MANY_ORDERINGS = f"The ORDER BY clause can contain a maximum of {MOST_ORDERINGS} fields."


@dataclass(frozen=True, slots=True)
class _Bounds:
    """The part of a query that the index answers: projects, and changed since; `remaining` is the rest."""

    projects: frozenset[str] | None
    since: datetime | None
    remaining: tuple[Clause, ...]


class Search:
    """One query over the visible issues of a site. Raises `JqlError` for an invalid query."""

    def __init__(self, site: JiraSite, jql: str, *, bounded: bool = False, strict: bool = False) -> None:
        query = parse(jql)
        if bounded and query.where is None:
            raise JqlError(UNBOUNDED)
        if len(query.order) > MOST_ORDERINGS:
            raise JqlError(TOO_MANY_ORDERINGS)
        self._site = site
        self._order = query.order
        self._matcher = Matcher(site, query.where, strict=strict)
        self._bounds = _bounds_of(site, query)

    def found(self) -> Iterator[Issue]:
        """Yield the issues in order."""
        if self._order and self._order[0].field.lower() in ("updated", "updateddate") and not self._order[0].descending:
            return self._by_update()
        return iter(self._sorted(self._matching(self._ids()), self._order))

    def count(self) -> int:
        """Count the issues."""
        if not self._bounds.remaining and not self._site.hidden_ids:
            return self._site.index.count(self._bounds.projects, self._bounds.since)
        return sum(1 for _ in self._matching(self._ids()))

    def _by_update(self) -> Iterator[Issue]:
        for _, same in groupby(self._ids(), key=lambda pair: pair[0]):
            yield from self._sorted(self._matching(same), self._order[1:])

    def _ids(self) -> Iterator[tuple[int, str]]:
        return self._site.index.ids(self._bounds.projects, self._bounds.since)

    def _matching(self, ids: Iterable[tuple[int, str]]) -> Iterator[Issue]:
        for _, id_ in ids:
            issue = self._site.index.shown(id_)
            if (
                issue is None
                or not self._site.shows(issue)
                or (self._bounds.remaining and not self._matcher.matches(issue))
            ):
                continue
            if self._site.index.shows_old_fields:
                yield issue
            elif id_ in self._site.issues:
                yield self._site.issues.peek(id_)

    def _sorted(self, issues: Iterable[Issue], order: tuple[Ordering, ...]) -> list[Issue]:
        found = list(issues)
        if len(found) < 2 or not order:
            return found
        sort_keys = {issue.id: self._sort_keys(issue, order) for issue in found}

        def compare(one: Issue, other: Issue) -> int:
            for ordering, mine, theirs in zip(order, sort_keys[one.id], sort_keys[other.id], strict=True):
                if mine != theirs:
                    return (1 if mine > theirs else -1) * (-1 if ordering.descending else 1)
            return 0

        return sorted(found, key=cmp_to_key(compare))

    def _sort_keys(self, issue: Issue, order: tuple[Ordering, ...]) -> list[tuple[object, ...]]:
        body = issue_json(issue)["fields"]
        return [self._matcher.sort_key(ordering.field, issue, body) for ordering in order]


def _bounds_of(site: JiraSite, query: Query) -> _Bounds:
    projects: frozenset[str] | None = None
    since: datetime | None = None
    remaining = []
    for clause in conjuncts(query.where):
        named = _projects_of(site, clause)
        moment = _since_of(clause)
        if named is not None:
            projects = named if projects is None else projects & named
        elif moment is not None:
            since = moment if since is None else max(since, moment)
        else:
            remaining.append(clause)
    return _Bounds(projects, since, tuple(remaining))


def _projects_of(site: JiraSite, clause: Clause) -> frozenset[str] | None:
    if not isinstance(clause, Condition) or clause.field.lower() != "project" or clause.operator not in ("=", "in"):
        return None
    names = [operand.text for operand in clause.operands if isinstance(operand, Value)]
    if len(names) != len(clause.operands):
        return None
    return frozenset(project.id for name in names if (project := site.find_project(name)) is not None)


def _since_of(clause: Clause) -> datetime | None:
    if not isinstance(clause, Condition) or (clause.field.lower(), clause.operator) != ("updated", ">="):
        return None
    (operand,) = clause.operands
    if not isinstance(operand, Value) or not operand.text.isdigit():
        return None
    return datetime.fromtimestamp(int(operand.text) / 1000, UTC)
