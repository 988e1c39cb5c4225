"""The heart: deliveries and looks become issues, links, values, history and notices, in one transaction.

Read from top to bottom, this is the product. A delivery is a dated letter about an issue. A batch of them is claimed,
each is read by its connector, and then, in one transaction: the newest snapshot of each issue wins, the rules say which
key results it counts toward, each key result that was touched is computed once from all its issues as they now stand,
and whatever moved gets a history entry that says why and a notice for its owner. Where a letter does not tell enough,
we go and look at the issue itself (`looking.py`), and what we see goes the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row
from sqlalchemy.exc import OperationalError

from sync_service import letters as about
from sync_service.computing import compute_key_results
from sync_service.domain.connectors import Connector, Post, Rejected
from sync_service.domain.issues import (
    AccountSeen,
    CommentSeen,
    Ignored,
    Look,
    Observation,
    ParentSeen,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    TermSeen,
    Tombstone,
)
from sync_service.failing import bury, try_again
from sync_service.ledger import Ledger
from sync_service.letters import Letter, Said, Way, in_words
from sync_service.linking import relink
from sync_service.naming import Names
from sync_service.store import candidates, connections, counters, due, issues, looks, relinks, scopes
from sync_service.store.book import Shelf
from sync_service.store.connections import Connections
from sync_service.store.database import begin_again, writing
from sync_service.store.tables import delivery

log = structlog.get_logger(__name__)

BATCH = 500
"""Deliveries in one transaction: enough to compute a key result once in a burst, few enough for half a second."""

BATCH_BYTES = 20_000_000
"""Bytes of bodies in one batch, whatever their number: a body may have 25 MB."""


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
        self._apply([(row, letter) for row in rows if (letter := self._read(row))])
        return len(rows)

    def _read(self, row: Row[Any]) -> Letter | None:
        """Let the connector read a delivery. One that can't be read is buried; a bug of ours is tried again."""
        try:
            connection = self._connections.of(row.connection_id)
            reading = self._connectors[connection.kind].read(Post(row.headers, row.body), connection.view)
            return Letter(
                connection_id=row.connection_id,
                reading=reading,
                told_at=row.received_at,
                delivery_id=row.delivery_id,
            )
        except Rejected as error:
            bury(self._engine, delivery, row, reason=f"can't be read: {error}")
        except OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - a poison delivery must not stop its neighbours; it is logged, tried again and buried
            try_again(self._engine, delivery, row, error)
        return None

    def _apply(self, claimed: Sequence[tuple[Row[Any], Letter]]) -> None:
        """Apply deliveries together; if that fails, one by one, so that a poison one is buried alone."""
        if not claimed:
            return
        try:
            self.take([letter for _, letter in claimed], partial(_settle, claimed))
        except OperationalError:
            raise  # the database's trouble, not the letters': their lease ends and they are due again
        except Exception as error:  # noqa: BLE001 - as above
            if len(claimed) > 1:
                for one in claimed:
                    self._apply([one])
            elif isinstance(error, due.LeaseLost):
                log.warning("lease lost; another worker has the row", error=str(error))
            else:
                try_again(self._engine, delivery, claimed[0][0], error)

    def take(self, letters: Sequence[Letter], finish: Callable[[Transaction, Said], None]) -> None:
        """Take letters and finish the rows they came by in one transaction.

        It is begun again when it collides with another worker's. `finish` is given what became of each observation.
        """
        begin_again(lambda: self._take_once(letters, finish))

    def _take_once(self, letters: Sequence[Letter], finish: Callable[[Transaction, Said], None]) -> None:
        self._bind_scopes(letters)
        with writing(self._engine) as tx:
            finish(tx, self._take(tx, letters))
            counters.bump(tx, counters.CHANGES)

    def _take(self, tx: Transaction, letters: Sequence[Letter]) -> Said:
        """Take what the letters say: issues, then links, then values with their history and notices."""
        book = self._shelf.current(tx)
        ledger = Ledger.lock(tx, book, about.identities(book, letters))
        names = Names.read(tx, about.terms(ledger, letters))
        said = [
            [self._observe(tx, ledger, names, letter, one) for one in letter.reading.observations] for letter in letters
        ]
        ledger.save(tx)
        issues.note_seen(tx, _shown(ledger, letters))
        touched = relink(tx, book, ledger.entries(names), names)
        names.save(tx)
        if not all(letter.quiet for letter in letters):
            compute_key_results(tx, book, touched, now=self._now(), settle=self._settle)
        relinks.add(tx, [*ledger.followed, *((one.connection_id, str(one)) for one in names.renamed)])
        looks.add(tx, ledger.looks)
        if not all(letter.quiet for letter in letters):  # after a first import queries are listed
            candidates.add(tx, [identity for identity in ledger.changed if identity[0] in book.rules.queried])
        if gone := about.gone(letters):
            looks.begin_again(tx, gone)
        return said

    def _observe(self, tx: Transaction, ledger: Ledger, names: Names, letter: Letter, one: Observation) -> str:
        """Take one observation; give its outcome in words."""
        connection_id, source = letter.connection_id, letter.source
        match one:
            case Snapshot():
                names.take_snapshot(connection_id, one)
                looked = letter.way is Way.LOOKED
                said = ledger.take_snapshot(connection_id, one, source, names=names, looked=looked)
                doubt = ledger.doubt_about(connection_id, one, listed=letter.way is Way.LISTED)
            case ParentSeen():
                said, doubt = ledger.take_parent(connection_id, one, source, names=names)
            case Tombstone():
                return ledger.take_tombstone(tx, connection_id, one, source)
            case CommentSeen():
                said, doubt = ledger.take_comment(tx, connection_id, one, source)
            case Look():
                return f"{one.key}: {_ask_to_look(ledger, letter, one)}"
            case TermSeen():
                names.take_term(connection_id, one, letter.told_at)
                return _said_of_term(one)
            case ScopeSeen():
                return scopes.note_scope(tx, connection_id, one, told_at=source.told_at)
            case AccountSeen():
                return scopes.note_account(tx, connection_id, one, told_at=source.told_at)
            case Ignored():
                return f"ignored, because {one.reason}"
        return _with_doubt(ledger, letter, said, doubt)

    def _bind_scopes(self, letters: Sequence[Letter]) -> None:
        """Learn the tracker's stable ids of scopes configured by name, ahead of the batch: once for each version."""
        if self._shelf.version != self._bound_at:
            self._bound, self._bound_at = set(), self._shelf.version
        seen = {(letter.connection_id, ref) for letter in letters for ref in about.scopes(letter)} - self._bound
        if seen:
            with writing(self._engine) as tx:
                connections.bind_scopes(tx, seen)
            self._bound |= seen


def _said_of_term(one: TermSeen) -> str:
    if one.merged_into:
        return f"{one.kind} {one.id} merged into {one.name or one.merged_into}"
    return f"{one.kind} {one.name} noted" if one.name else f"{one.kind} {one.id} deleted"


def _settle(claimed: Sequence[tuple[Row[Any], Letter]], tx: Transaction, said: Said) -> None:
    outcomes = [
        {"name": letter.reading.name[:100], "outcome": in_words(told)}
        for (_, letter), told in zip(claimed, said, strict=True)
    ]
    due.settle(tx, delivery, [row for row, _ in claimed], outcomes)


def _shown(ledger: Ledger, letters: Sequence[Letter]) -> list[int]:
    """List the rows of the issues that looks and lists show, news or not."""
    return [
        held.id
        for letter in letters
        for one in letter.reading.observations
        if letter.way is not Way.TOLD and isinstance(one, Snapshot)
        if (held := ledger.held.get((letter.connection_id, one.identity)))
    ]


def _with_doubt(ledger: Ledger, letter: Letter, said: str, doubt: Look | None) -> str:
    return f"{said}; {_ask_to_look(ledger, letter, doubt)}" if doubt and letter.way is not Way.LOOKED else said


def _ask_to_look(ledger: Ledger, letter: Letter, one: Look) -> str:
    connection_id = letter.connection_id
    if one.scope and not ledger.book.scope_of(connection_id, one.scope):
        return f"ignored, because {one.scope.name} is not watched"
    if not ledger.book.trackers[connection_id].can_look:
        return f"{one.reason}, and there are no credentials to look with"
    ledger.looks[connection_id, one.identity] = (one, letter.delivery_id)
    return f"{one.reason}, so we will look"
