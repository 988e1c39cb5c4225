"""Labels, milestones, components, versions and sprints by name.

Trackers rename and delete them without touching the issues that carry them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.engine import Connection

from sync_service.domain.issues import Snapshot, Term, TermKind, TermSeen
from sync_service.domain.newest import Issue
from sync_service.store import issues
from sync_service.store.issues import TermKey


@dataclass(frozen=True, slots=True)
class Renamed:
    """A known label, milestone or the like has another name now (None: it was deleted)."""

    connection_id: int
    kind: str
    before: str
    after: str | None

    def __str__(self) -> str:
        """Say it as a cause."""
        return f"{self.kind} {self.before} " + (f"renamed to {self.after}" if self.after else "deleted")


@dataclass(frozen=True, slots=True)
class _Word:
    name: str | None
    at: datetime


@dataclass(slots=True)
class Names:
    """The names a batch needs: read once, the newest word on each wins, written once."""

    renamed: list[Renamed] = field(default_factory=list)
    _known: dict[TermKey, _Word] = field(default_factory=dict)
    _changed: set[TermKey] = field(default_factory=set)

    @classmethod
    def read(cls, tx: Connection, keys: Iterable[TermKey]) -> "Names":
        """Read what is known of the terms in question."""
        rows = issues.read_terms(tx, keys)
        return cls(_known={key: _Word(row.name, row.at) for key, row in rows.items()})

    def take_snapshot(self, connection_id: int, snapshot: Snapshot) -> None:
        """Take the names that a snapshot shows."""
        for kind, term in terms_of(snapshot):
            self._take((connection_id, kind, term.id), term.name, snapshot.updated_at)

    def take_term(self, connection_id: int, seen: TermSeen, at: datetime) -> None:
        """Take a rename or deletion, told at `at`: it stands for the tracker's time where that gives none."""
        name = seen.name
        if name is None and seen.merged_into is not None:
            into = self._known.get((connection_id, seen.kind, seen.merged_into))
            name = into.name if into else None
        self._take((connection_id, seen.kind, seen.id), name, seen.at or at)

    def _take(self, key: TermKey, name: str | None, at: datetime) -> None:
        known = self._known.get(key)
        if known is not None and (known.name is None or at <= known.at):
            return  # a deletion is final, and an older word says nothing new
        self._known[key] = _Word(name, at)
        self._changed.add(key)  # a later time for the same name, too: it outdates what comes late
        if known is not None and known.name is not None and known.name != name:
            self.renamed.append(Renamed(key[0], key[1], known.name, name))

    def save(self, tx: Connection) -> None:
        """Write what is new."""
        issues.save_terms(
            tx,
            [
                {"connection_id": c, "kind": kind, "external_id": term_id, "name": word.name, "at": word.at}
                for (c, kind, term_id), word in self._known.items()
                if (c, kind, term_id) in self._changed
            ],
        )

    def name(self, connection_id: int, kind: TermKind, term_id: str) -> str | None:
        """Give a term's name; where names are not kept apart (Jira's labels), the id is the name. None: deleted."""
        known = self._known.get((connection_id, kind, term_id))
        return known.name if known else term_id


def terms_of(snapshot: Snapshot) -> Iterable[tuple[TermKind, Term]]:
    """Give the terms of a snapshot that have ids apart from their names."""
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
    """Give the terms that an issue carries."""
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
