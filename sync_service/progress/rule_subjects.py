"""Issues as rules see them: names in place of ids, in one letter case and Unicode form."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from types import MappingProxyType

from sqlalchemy.engine import Connection

from sync_service.domain.rules.conditions import Subject
from sync_service.domain.rules.field_tests.custom_values import Value
from sync_service.domain.text import folded
from sync_service.domain.trackers.fields.custom_fields import CustomField, CustomValue, FieldType, value_of
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Account, TermKind
from sync_service.progress.ancestors.chains import Ancestors, Chain
from sync_service.progress.term_names import TermNames
from sync_service.store.okrs.ruleset import Ruleset, Scope
from sync_service.store.trackers import known_keys
from sync_service.store.trackers.known_keys import ParentRef

Accounts = Callable[[Account], Sequence[str]]
"""Gives the logins that mean an account, the present one first."""


def accounts_at(ruleset: Ruleset, connection_id: int) -> Accounts:
    """Return what gives the logins that mean the accounts of a connection's site."""
    return partial(ruleset.people.names, ruleset.trackers[connection_id].site)


_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Parents:
    """The other keys of the parents of some issues, and their ancestors where a condition asks for these."""

    others: Mapping[ParentRef, frozenset[str]] = field(default_factory=dict)
    ancestors: Ancestors | None = None

    @classmethod
    def read(
        cls,
        tx: Connection,
        ruleset: Ruleset,
        connection_id: int,
        known: Iterable[Issue],
        *,
        others: bool = True,
        under: bool = True,
    ) -> "Parents":
        """Read them for issues of one connection: the other keys of their parents, all `under` which they are."""
        issues = list(known)
        named = {(one.parent_identity, one.parent_key) for one in issues if one.parent_key} if others else ()
        ancestors = Ancestors(tx, ruleset.same_site(connection_id)) if under else None
        if ancestors:
            ancestors.read(issues)
        return cls(known_keys.other_keys(tx, connection_id, named) if named else {}, ancestors)

    def other_keys(self, issue: Issue) -> frozenset[str]:
        """Return the other keys of an issue's parent."""
        return self.others.get((issue.parent_identity, issue.parent_key or ""), _NONE)

    def under(self, issue: Issue) -> frozenset[str]:
        """Return all keys of an issue's ancestors, where they were read."""
        return self.ancestors.keys(issue) if self.ancestors else _NONE

    def chain(self, issue: Issue) -> Chain:
        """Return the chain of an issue's ancestors, which were read."""
        assert self.ancestors is not None
        return self.ancestors.chain(issue)


NO_PARENTS = Parents()


def subject_of(
    issue: Issue,
    scope: Scope,
    connection_id: int,
    names: TermNames,
    people: Accounts,
    *,
    parents: Parents = NO_PARENTS,
    custom: Mapping[str, CustomField] = MappingProxyType({}),
) -> Subject:
    """Return an issue as rules see it. `custom` are the custom fields that its connection names."""
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
        under=parents.under(issue),
        other_parents=parents.other_keys(issue),
        other_authors=frozenset(author[1:]),
        created=issue.created_at,
        started=issue.started_at,
        closed=issue.closed_at,
        fields=_custom_values(issue, custom, people) if custom else _NO_FIELDS,
    )


_NO_FIELDS: Mapping[str, Value] = {}


def _custom_values(issue: Issue, custom: Mapping[str, CustomField], people: Accounts) -> dict[str, Value]:
    """Return the custom fields of an issue that are known."""
    found = {name: value_of(one, issue.custom_fields) for name, one in custom.items()}
    return {name: _custom_value(one, people) for name, one in found.items() if one is not None}


def _custom_value(one: CustomValue, people: Accounts) -> Value:
    match one.type, one.values:
        case ((FieldType.NUMBER | FieldType.DATE), ()):
            return None
        case FieldType.NUMBER, (written, *_):
            return float(written)
        case FieldType.DATE, (written, *_):
            return datetime.fromisoformat(written) if "T" in written else date.fromisoformat(written)
        case FieldType.PERSON, _:
            return frozenset(login for written in one.values for login in people(_account(written)))
    return frozenset(map(folded, one.values))


def _account(written: str) -> Account:
    login, _, stable_id = written.partition("\t")
    return Account(login, login, stable_id or None)


def _folded_names(names: TermNames, connection_id: int, kind: TermKind, ids: Sequence[str]) -> frozenset[str]:
    if not ids:
        return _NONE
    found = (names.name(connection_id, kind, term_id) for term_id in ids)
    return frozenset(folded(name) for name in found if name)
