"""Names of terms: labels, milestones, components, versions and sprints; the newest name wins.

Trackers rename and delete terms without touching the issues that carry them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.trackers.issue import Issue
from sync_service.domain.trackers.observations import Snapshot, Term, TermKind, TermSeen
from sync_service.store.trackers.terms import TermKey, read_terms, save_terms


@dataclass(frozen=True, slots=True)
class Renamed:
    """A known term was renamed, or deleted where `after` is None."""

    connection_id: int
    kind: str
    id: str
    before: str
    after: str | None

    @property
    def reason(self) -> RelinkReason:
        """Return it as the reason to derive the links of the issues that carry the term again."""
        became = f"renamed to {self.after}" if self.after else "deleted"
        return RelinkReason(what=f"{self.kind} {self.before} {became}", term=self.id)


@dataclass(frozen=True, slots=True)
class _Name:
    name: str | None
    at: datetime


@dataclass(slots=True)
class TermNames:
    """The term names a batch needs: read once, merged (the newest name of each term wins), saved once."""

    renamed: list[Renamed] = field(default_factory=list)
    _known: dict[TermKey, _Name] = field(default_factory=dict)
    _changed: set[TermKey] = field(default_factory=set)

    @classmethod
    def read(cls, tx: Connection, keys: Iterable[TermKey]) -> "TermNames":
        """Read the known names of these terms."""
        rows = read_terms(tx, keys)
        return cls(_known={key: _Name(row.name, row.at) for key, row in rows.items()})

    def add_snapshot(self, connection_id: int, snapshot: Snapshot) -> None:
        """Merge the names in a snapshot."""
        for kind, term in terms_of(snapshot):
            self._merge((connection_id, kind, term.id), term.name, snapshot.updated_at)

    def add_term(self, connection_id: int, seen: TermSeen, at: datetime) -> None:
        """Merge a rename or deletion, received at `at`: used where the tracker gives no time."""
        name = seen.name
        if name is None and seen.merged_into is not None:
            into = self._known.get((connection_id, seen.kind, seen.merged_into))
            name = into.name if into else None
        self._merge((connection_id, seen.kind, seen.id), name, seen.at or at)

    def _merge(self, key: TermKey, name: str | None, at: datetime) -> None:
        known = self._known.get(key)
        if known is not None and (known.name is None or at <= known.at):
            return  # a deletion is final, and an older name changes nothing
        self._known[key] = _Name(name, at)
        self._changed.add(key)  # also a later time for the same name: it outdates updates that come late
        if known is not None and known.name is not None and known.name != name:
            self.renamed.append(Renamed(*key, known.name, name))

    def save(self, tx: Connection) -> None:
        """Save the changed names."""
        save_terms(
            tx,
            [
                {"connection_id": c, "kind": kind, "external_id": term_id, "name": name.name, "at": name.at}
                for (c, kind, term_id), name in self._known.items()
                if (c, kind, term_id) in self._changed
            ],
        )

    def name(self, connection_id: int, kind: TermKind, term_id: str) -> str | None:
        """Return a term's name; None where it was deleted.

        Where the tracker gives terms no ids of their own (Jira's labels), the id is the name.
        """
        known = self._known.get((connection_id, kind, term_id))
        return known.name if known else term_id


def terms_of(snapshot: Snapshot) -> Iterable[tuple[TermKind, Term]]:
    """Yield the terms of a snapshot whose id is not their name."""
    listed = (
        (TermKind.LABEL, snapshot.labels),
        (TermKind.MILESTONE, (snapshot.milestone,) if snapshot.milestone else ()),
        (TermKind.COMPONENT, snapshot.components or ()),
        (TermKind.VERSION, snapshot.versions or ()),
        (TermKind.SPRINT, snapshot.sprints or ()),
    )
    for kind, terms in listed:
        for term in terms:
            if term.id != term.name:
                yield kind, term


def keys_of(connection_id: int, issue: Issue) -> Iterable[TermKey]:
    """Yield the keys of the terms that an issue carries."""
    listed = (
        (TermKind.LABEL, issue.labels),
        (TermKind.MILESTONE, (issue.milestone,) if issue.milestone else ()),
        (TermKind.COMPONENT, issue.components),
        (TermKind.VERSION, issue.versions),
        (TermKind.SPRINT, issue.sprints),
    )
    for kind, ids in listed:
        for term_id in ids:
            yield connection_id, kind, term_id
