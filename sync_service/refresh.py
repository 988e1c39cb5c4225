"""The heart: deliveries and looks become issues, links, values, history and notices, in one transaction.

Read from top to bottom, this is the product. A delivery is a dated letter about an issue. A batch of them is claimed,
each is read by its connector, and then, in one transaction: the newest snapshot of each issue wins, the rules say which
key results it counts toward, each key result that was touched is computed once from all its issues as they now stand,
and whatever moved gets a history entry that says why and a notice for its owner. Where a letter does not tell enough,
we go and look at the issue itself (`looking.py`), and what we see goes the same way.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row
from sqlalchemy.exc import OperationalError

from sync_service.computing import compute_key_results
from sync_service.domain.connectors import Connector, Post, Rejected
from sync_service.domain.issues import (
    AccountSeen,
    Ignored,
    Look,
    Observation,
    ParentSeen,
    Reading,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    TermSeen,
    Tombstone,
)
from sync_service.failing import bury, try_again
from sync_service.ledger import Ledger, Source
from sync_service.linking import relink
from sync_service.naming import Names, keys_of, terms_of
from sync_service.store import connections, counters, due, looks, relinks, scopes
from sync_service.store.book import Book, Shelf
from sync_service.store.connections import Connections
from sync_service.store.database import begin_again, writing
from sync_service.store.issues import Identity, TermKey
from sync_service.store.tables import delivery

log = structlog.get_logger(__name__)

BATCH = 200
"""Deliveries in one transaction: enough to compute a key result once in a burst, few enough for a tenth of a second."""

BATCH_BYTES = 20_000_000
"""Bytes of bodies in one batch, whatever their number: a body may have 25 MB."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A claimed delivery, or a look, and what it says."""

    row: Row[Any]
    reading: Reading
    looked: bool = False

    def source(self, now: datetime) -> Source:
        """Name the delivery and the actor, for the history; what a look shows is told `now`."""
        actor = self.reading.actor.name if self.reading.actor else None
        return Source(self.row.delivery_id, actor, now if self.looked else self.row.received_at)


class Refresh:
    """Applies what trackers tell. Safe to run at any moment, any number of times, by any number of workers."""

    def __init__(
        self,
        *,
        engine: Engine,
        connectors: Mapping[str, Connector],
        connections: Connections,
        shelf: Shelf,
        settle: timedelta,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._connectors = connectors
        self._connections = connections
        self._settle = settle
        self._now = now
        self._shelf = shelf
        self._bound: set[tuple[int, ScopeRef]] = set()
        self._bound_at: int | None = None

    def drain(self) -> int:
        """Apply one batch of due deliveries; give how many were claimed."""
        rows = due.claim(self._engine, delivery, limit=BATCH, size=sa.func.length(delivery.c.body), most=BATCH_BYTES)
        self._apply([letter for row in rows if (letter := self._read(row))])
        return len(rows)

    def _read(self, row: Row[Any]) -> Letter | None:
        """Let the connector read a delivery. One that can't be read is buried; a bug of ours is tried again."""
        try:
            connection = self._connections.of(row.connection_id)
            reading = self._connectors[connection.kind].read(Post(row.headers, row.body), connection.view)
            return Letter(row, reading)
        except Rejected as error:
            bury(self._engine, delivery, row, reason=f"can't be read: {error}")
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - a poison delivery must not stop its neighbours; it is logged, tried again and buried
            try_again(self._engine, delivery, row, error)
        return None

    def _apply(self, letters: Sequence[Letter]) -> None:
        """Apply letters together; if that fails, one by one, so that a poison delivery is buried alone."""
        if not letters:
            return
        try:
            self.commit(delivery, letters)
        except OperationalError:
            raise  # the database's trouble, not the letters': their lease ends and they are due again
        except Exception as error:  # noqa: BLE001 - as above
            if len(letters) > 1:
                for letter in letters:
                    self._apply([letter])
            elif isinstance(error, due.LeaseLost):
                log.warning("lease lost, left to whoever has it now", error=str(error))
            else:
                try_again(self._engine, delivery, letters[0].row, error)

    def commit(self, table: Any, letters: Sequence[Letter]) -> None:
        """Take letters and settle their rows in one transaction, begun again when it collides with another worker's."""
        begin_again(lambda: self._commit_once(table, letters))

    def _commit_once(self, table: Any, letters: Sequence[Letter]) -> None:
        self._bind_scopes(letters)
        with writing(self._engine) as tx:
            outcomes = self._take(tx, letters)
            due.settle(tx, table, [letter.row for letter in letters], outcomes)
            counters.bump(tx, counters.CHANGES)

    def _take(self, tx: Transaction, letters: Sequence[Letter]) -> list[dict[str, Any]]:
        """Take what the letters say: issues, then links, then values with their history and notices."""
        book = self._shelf.current(tx)
        ledger = Ledger.lock(tx, book, _identities(book, letters))
        names = Names.read(tx, _terms(ledger, letters))
        outcomes = [self._observe_all(tx, ledger, names, letter) for letter in letters]
        ledger.save(tx)
        touched = relink(tx, book, ledger.entries(names), names)
        names.save(tx)
        compute_key_results(tx, book, touched, now=self._now(), settle=self._settle)
        relinks.add(tx, [*ledger.followed, *((one.connection_id, str(one)) for one in names.renamed)])
        looks.add(tx, ledger.looks)
        if gone := _gone(letters):
            looks.begin_again(tx, gone)
        return outcomes

    def _observe_all(self, tx: Transaction, ledger: Ledger, names: Names, letter: Letter) -> dict[str, Any]:
        said = [self._observe(tx, ledger, names, letter, one) for one in letter.reading.observations]
        outcome = {"outcome": "; ".join(said) or "ignored, because it says nothing"}
        return outcome if letter.looked else {"name": letter.reading.name[:100], **outcome}

    def _observe(self, tx: Transaction, ledger: Ledger, names: Names, letter: Letter, one: Observation) -> str:
        """Take one observation; give its outcome in words."""
        connection_id, source = letter.row.connection_id, letter.source(self._now())
        match one:
            case Snapshot():
                names.take_snapshot(connection_id, one)
                said = ledger.take_snapshot(connection_id, one, source, names=names, looked=letter.looked)
                return _with_doubt(ledger, letter, said, ledger.doubt_about(connection_id, one))
            case ParentSeen():
                said, doubt = ledger.take_parent(connection_id, one, source, names=names)
                return _with_doubt(ledger, letter, said, doubt)
            case Tombstone():
                return ledger.take_tombstone(tx, connection_id, one, source)
            case Look():
                return f"{one.key}: {_ask_to_look(ledger, letter, one)}"
            case TermSeen():
                names.take_term(connection_id, one, letter.row.received_at)
                return f"{one.kind} {one.name} noted" if one.name else f"{one.kind} {one.id} deleted"
            case ScopeSeen():
                return scopes.note_scope(tx, connection_id, one, told_at=source.told_at)
            case AccountSeen():
                return scopes.note_account(tx, connection_id, one, told_at=source.told_at)
            case Ignored():
                return f"ignored, because {one.reason}"

    def _bind_scopes(self, letters: Sequence[Letter]) -> None:
        """Learn the tracker's stable ids of scopes configured by name, ahead of the batch: once for each version."""
        if self._shelf.version != self._bound_at:
            self._bound, self._bound_at = set(), self._shelf.version
        seen = {(letter.row.connection_id, ref) for letter in letters for ref in _scopes(letter)} - self._bound
        if seen:
            with writing(self._engine) as tx:
                connections.bind_scopes(tx, seen)
            self._bound |= seen


def _with_doubt(ledger: Ledger, letter: Letter, said: str, doubt: Look | None) -> str:
    return f"{said}; {_ask_to_look(ledger, letter, doubt)}" if doubt and not letter.looked else said


def _ask_to_look(ledger: Ledger, letter: Letter, one: Look) -> str:
    connection_id = letter.row.connection_id
    if not ledger.book.trackers[connection_id].can_look:
        return f"{one.reason}, and there are no credentials to look with"
    ledger.looks[connection_id, one.identity] = (one, letter.row.delivery_id)
    return f"{one.reason}, so we will look"


def _gone(letters: Sequence[Letter]) -> set[tuple[int, str]]:
    """Name the issues that letters call deleted or transferred; what a look says of one settles that look."""
    return {
        (letter.row.connection_id, one.identity)
        for letter in letters
        for one in letter.reading.observations
        if isinstance(one, Tombstone) and not letter.looked
    }


def _scopes(letter: Letter) -> Iterable[ScopeRef]:
    """Name the scopes a letter is about, by their old names too: one may be known by that alone."""
    for one in letter.reading.observations:
        if isinstance(one, Snapshot | ParentSeen | TermSeen | ScopeSeen):
            yield one.scope
        if isinstance(one, ScopeSeen) and one.was:
            yield ScopeRef(one.scope.id, one.was)


def _identities(book: Book, letters: Sequence[Letter]) -> dict[Identity, str | None]:
    """List the issues the letters are about. Those in scopes that are not watched are only taken where known.

    One that has just left a watched scope is taken even if it is new to us: letters from before that may still come.
    """
    wanted: dict[Identity, str | None] = {}
    for letter in letters:
        connection_id = letter.row.connection_id
        for one in letter.reading.observations:
            match one:
                case Snapshot():
                    places = [one.scope, *([one.came_from] if one.came_from else [])]
                    watched = any(book.scope_of(connection_id, place) for place in places)
                    if watched or (connection_id, one.identity) not in wanted:
                        wanted[connection_id, one.identity] = one.key if watched else None
                case ParentSeen():
                    if book.scope_of(connection_id, one.scope):
                        wanted[connection_id, one.identity] = one.key
                    else:
                        wanted.setdefault((connection_id, one.identity), None)
                case Tombstone():
                    wanted[connection_id, one.identity] = one.key
                    if one.successor:
                        wanted.setdefault((connection_id, one.successor), None)
    return wanted


def _terms(ledger: Ledger, letters: Sequence[Letter]) -> set[TermKey]:
    """List the labels and milestones whose names the batch needs."""
    keys = {
        key
        for (connection_id, _), held in ledger.held.items()
        if held.issue
        for key in keys_of(connection_id, held.issue)
    }
    for letter in letters:
        connection_id = letter.row.connection_id
        for one in letter.reading.observations:
            if isinstance(one, Snapshot):
                keys |= {(connection_id, kind, term.id) for kind, term in terms_of(one)}
            elif isinstance(one, TermSeen):
                keys.add((connection_id, one.kind, one.id))
    return keys
