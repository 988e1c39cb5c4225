"""Labels and milestones by name: trackers rename and delete them without touching the issues that carry them."""

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
    """A known label or milestone has another name now (None: it was deleted)."""

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
        """Take a rename or deletion; the tracker gives it no time, so it is the time of its delivery."""
        self._take((connection_id, seen.kind, seen.id), seen.name, at)

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

    def label(self, connection_id: int, label_id: str) -> str | None:
        """Give a label's name; where names are not kept apart (Jira), the id is the name. None: deleted."""
        return self._name((connection_id, TermKind.LABEL, label_id))

    def milestone(self, connection_id: int, milestone_id: str) -> str | None:
        """Give a milestone's name. None: deleted."""
        return self._name((connection_id, TermKind.MILESTONE, milestone_id))

    def any_term(self, connection_id: int, term_id: str) -> str | None:
        """Give the name of a label or milestone, for a text in which either may stand."""
        known = self._known.get((connection_id, TermKind.LABEL, term_id))
        return known.name if known else self.milestone(connection_id, term_id)

    def _name(self, key: TermKey) -> str | None:
        known = self._known.get(key)
        return known.name if known else key[2]


def terms_of(snapshot: Snapshot) -> Iterable[tuple[TermKind, Term]]:
    """Give the terms of a snapshot that have ids apart from their names."""
    for label in snapshot.labels:
        if label.id != label.name:
            yield TermKind.LABEL, label
    if snapshot.milestone and snapshot.milestone.id != snapshot.milestone.name:
        yield TermKind.MILESTONE, snapshot.milestone


def keys_of(connection_id: int, issue: Issue) -> Iterable[TermKey]:
    """Give the terms that an issue carries."""
    for label_id in issue.labels:
        yield connection_id, TermKind.LABEL, label_id
    if issue.milestone:
        yield connection_id, TermKind.MILESTONE, issue.milestone
