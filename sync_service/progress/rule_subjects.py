"""Issues as rules see them: names in place of ids, in one letter case and Unicode form."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import Subject
from sync_service.domain.text import folded
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Account, TermKind
from sync_service.progress.term_names import TermNames
from sync_service.store.okrs.ruleset import Ruleset, Scope
from sync_service.store.trackers import known_keys
from sync_service.store.trackers.known_keys import ParentRef

Accounts = Callable[[Account], Sequence[str]]
"""Gives the logins that mean an account, the present one first."""


def accounts_at(ruleset: Ruleset, connection_id: int) -> Accounts:
    """Return what gives the logins that mean the accounts of a connection's site."""
    return partial(ruleset.people.names, ruleset.trackers[connection_id].site)


def subject_of(
    issue: Issue,
    scope: Scope,
    connection_id: int,
    names: TermNames,
    people: Accounts,
    *,
    other_parents: frozenset[str] = frozenset(),
) -> Subject:
    """Return an issue as rules see it."""
    author = people(issue.author) if issue.author else ("",)
    named = partial(_folded_names, names, connection_id)
    milestone = names.name(connection_id, TermKind.MILESTONE, issue.milestone) if issue.milestone else None
    return Subject(
        scope=folded(scope.name),
        kind=issue.kind,
        state=issue.state or "",
        type=folded(issue.type or ""),
        title=folded(issue.title),
        milestone=folded(milestone or ""),
        parent=folded(issue.parent_key or ""),
        priority=folded(issue.priority or ""),
        resolution=folded(issue.resolution or ""),
        author=author[0],
        labels=named(TermKind.LABEL, issue.labels),
        components=named(TermKind.COMPONENT, issue.components),
        versions=named(TermKind.VERSION, issue.versions),
        sprint=named(TermKind.SPRINT, issue.sprints),
        assignee=frozenset(login for account in issue.assignees for login in people(account)),
        other_parents=other_parents,
        other_authors=frozenset(author[1:]),
    )


def other_parents(tx: Connection, connection_id: int, known: Iterable[Issue]) -> Mapping[ParentRef, frozenset[str]]:
    """Return the other keys of the parents of issues of one connection."""
    parents = {(one.parent_identity, one.parent_key) for one in known if one.parent_key}
    return known_keys.other_keys(tx, connection_id, parents) if parents else {}


_NONE: frozenset[str] = frozenset()


def _folded_names(names: TermNames, connection_id: int, kind: TermKind, ids: Sequence[str]) -> frozenset[str]:
    if not ids:
        return _NONE
    found = (names.name(connection_id, kind, term_id) for term_id in ids)
    return frozenset(folded(name) for name in found if name)
