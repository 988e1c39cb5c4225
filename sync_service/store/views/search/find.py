"""Find anything by name, title, key or address: objectives, key results, rules, teams, people and issues."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.search import SearchWords
from sync_service.domain.trackers.connector import Connector
from sync_service.store.views.search import issues
from sync_service.store.views.search.found import Group, Kind, group_of
from sync_service.store.views.search.okrs import READERS

LIMIT = 10
"""Results of each kind."""


@dataclass(frozen=True, slots=True)
class SearchResults:
    """The groups that have results, the best first. `unknown`: what else may be meant, as (connection, key)."""

    groups: Sequence[Group]
    unknown: Sequence[tuple[str, str]]


def find(
    tx: Transaction,
    written: str,
    connectors: Mapping[str, Connector],
    *,
    kinds: Collection[Kind] = tuple(Kind),
    limit: int = LIMIT,
) -> SearchResults:
    """Return what matches a text that a person typed, `limit` results of each kind, by a fixed number of queries."""
    words = SearchWords.read(written)
    if not words:
        return SearchResults([], [])
    named = issues.named_issues(tx, written, connectors) if Kind.ISSUES in kinds else []
    groups = [_group(tx, kind, words, named, limit) for kind in Kind if kind in kinds]
    found = sorted((group for group in groups if group), key=lambda group: group.best)
    return SearchResults(found, [] if found else [(slug, key) for _, slug, key in named])


def _group(
    tx: Transaction, kind: Kind, words: SearchWords, named: Sequence[issues.NamedIssue], limit: int
) -> Group | None:
    if kind is Kind.ISSUES:
        return group_of(kind, issues.issues(tx, words, named, limit + 1), limit)
    return group_of(kind, READERS[kind](tx, words), limit)
