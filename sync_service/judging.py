"""Asking queries about single issues that changed, so that links follow within seconds and not with the next listing.

No answer is asked for inside a transaction: issues are read, the connector is asked, and then, in one transaction, the
memberships are noted, the links follow, and touched key results are computed. An issue that changes meanwhile breaks
the lease of its row, and is asked about again; the answers about its neighbours are taken.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row
from sqlalchemy.exc import OperationalError

from sync_service.asking import Asking, part_of
from sync_service.computing import compute_key_results
from sync_service.domain.connectors import Connector, ConnectorError
from sync_service.domain.issues import TermKind
from sync_service.domain.queries import Candidate, Queries
from sync_service.linking import known_entries, relink
from sync_service.naming import Names, keys_of
from sync_service.store import candidates, counters, due, issues, listings, members
from sync_service.store.book import Book, Shelf
from sync_service.store.connections import Configured, Connections
from sync_service.store.database import begin_again, database_now, reading, writing
from sync_service.store.issues import Held
from sync_service.store.tables import candidate

log = structlog.get_logger(__name__)

BATCH = 100
"""Issues asked about together; as many as one call of `Queries.match` may be about."""

SURE_AFTER = timedelta(minutes=1)
"""So long after a change an index that may lag is asked once more: it may have told of what was before."""

CAUSE = "asked again whether a query finds it"

Answers = Mapping[int, Mapping[str, bool | None]]
"""What queries say of issues, by the ids of their revisions."""


@dataclass(slots=True, kw_only=True)
class Judging:
    """Drains candidates: issues of which queries are to be asked."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    shelf: Shelf
    settle: timedelta
    now: Callable[[], datetime]
    _asking: Asking = field(init=False)

    def __post_init__(self) -> None:
        self._asking = Asking(engine=self.engine, table=candidate, now=self.now)

    def drain(self) -> int:
        """Ask about a batch of issues; give how many were claimed."""
        claimed = 0

        def together(rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
            nonlocal claimed
            claimed = len(rows)
            return self._together(rows)

        self._asking.drain(lambda row: self._judge([row]), limit=BATCH, together=together)
        return claimed

    def _together(self, rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
        """Ask about the issues of each connection at once; give those that are to be tried alone."""
        left: list[Row[Any]] = []
        for connection_id in sorted({row.connection_id for row in rows}):
            mine = [row for row in rows if row.connection_id == connection_id]
            try:
                self._judge(mine)
            except OperationalError:
                raise
            except Exception as error:  # noqa: BLE001 - one of them changed meanwhile, or is poison: each is tried alone, where that is dealt with
                log.warning("issues are asked about one by one", reason=str(error))
                left += mine
        return left

    def _judge(self, rows: Sequence[Row[Any]]) -> None:
        connection = self.connections.of(rows[0].connection_id)
        connector = self.connectors[connection.kind]
        with reading(self.engine) as tx:
            queries = candidates.asking(tx, connection.id)
        if not queries or not isinstance(connector, Queries):
            for row in rows:
                self._asking.settle(row, "no query to ask")
            return
        if not connector.judges and not connection.view.has_credentials:
            for row in rows:
                self._asking.settle(row, "there are no credentials to ask with")
            return
        part = part_of(connector, connection, about=rows[0].identity)
        if not connector.judges:
            # Whether a refused connection was mended its listings find out: a match may be refused where they are not.
            rows = [row for row in rows if not self._asking.must_wait(row, connection, part=part, checks=False)]
        if rows:
            self._ask(rows, connection, connector, queries)

    def _ask(
        self, rows: Sequence[Row[Any]], connection: Configured, connector: Queries, queries: Mapping[int, str]
    ) -> None:
        with reading(self.engine) as tx:
            held = issues.read_named(tx, connection.id, [row.identity for row in rows])
            known = as_candidates(tx, self.shelf.current(tx), connection.id, held)
        try:
            answers = ask(connector, connection, queries, known)
        except ConnectorError as error:
            for row in rows:
                self._asking.failed(row, connection, error)
            return
        begin_again(lambda: self._take(rows, connection.id, answers, judges=connector.judges))

    def _take(self, rows: Sequence[Row[Any]], connection_id: int, answers: Answers, *, judges: bool) -> None:
        """Note the answers about issues that did not change meanwhile, and let links and values follow."""
        with writing(self.engine) as tx:
            book = self.shelf.current(tx)
            locked = issues.lock(tx, {(connection_id, row.identity): None for row in rows})
            rows = due.still_ours(tx, candidate, rows)
            ours = {row.identity for row in rows}
            held = [one for (_, identity), one in locked.items() if identity in ours]
            answers = {one: {name: said[name] for name in said.keys() & ours} for one, said in answers.items()}
            fresh = {} if judges else _fresh(tx, rows)
            if judges:
                note_judged(tx, book, connection_id, answers)
            else:
                note_asked(tx, book, connection_id, answers, fresh=fresh)
            self.follow(tx, book, connection_id, held, cause=CAUSE)
            self._finish(tx, rows, fresh, answers)

    def _finish(
        self, tx: Transaction, rows: Sequence[Row[Any]], fresh: Mapping[str, datetime], answers: Answers
    ) -> None:
        """Settle the rows; where an index that may lag answered about a fresh change, it is asked once more."""
        settled, again = [], []
        for row in rows:
            said = [answer[row.identity] for answer in answers.values() if row.identity in answer]
            left = f", {said.count(None)} leave it to the listing" if None in said else ""
            outcome = f"{len(said)} queries asked, {said.count(True)} find it{left}"
            if row.identity in fresh and len(said) > said.count(None):
                again.append((row, f"{outcome}; they are asked once more"))
            else:
                settled.append((row, outcome))
        due.settle(tx, candidate, [row for row, _ in settled], [{"outcome": outcome} for _, outcome in settled])
        later = [{"due_at": fresh[row.identity], "outcome": outcome} for row, outcome in again]
        due.hand_back_some(tx, candidate, [row for row, _ in again], later)

    def follow(self, tx: Transaction, book: Book, connection_id: int, held: Sequence[Held], *, cause: str) -> None:
        """Let links and values follow the memberships of locked issues."""
        known = [(kept.id, kept.issue) for kept in held if kept.issue]
        entries = known_entries(book, connection_id, known, cause=cause)
        names = Names.read(tx, {key for entry in entries for key in keys_of(connection_id, entry.issue)})
        touched = relink(tx, book, entries, names)
        compute_key_results(tx, book, touched, now=self.now(), settle=self.settle)
        if touched:
            counters.bump(tx, counters.CHANGES)


def as_candidates(tx: Transaction, book: Book, connection_id: int, held: Iterable[Held]) -> list[Candidate]:
    """Show issues to queries; those that could not count anyway are left out."""
    known = [one for kept in held if (one := kept.issue) and one.gone is None and one.state is not None]
    names = Names.read(tx, {key for one in known for key in keys_of(connection_id, one)})
    shown = []
    for one in known:
        scope = book.scope_of(connection_id, one.scope) if one.scope else None
        if scope is None or one.scope is None:
            continue
        labels = (names.name(connection_id, TermKind.LABEL, label) for label in one.labels)
        milestone = names.name(connection_id, TermKind.MILESTONE, one.milestone) if one.milestone else None
        places = frozenset(name for name in (one.scope.name, scope.name, scope.called) if name)
        shown.append(Candidate(issue=one, places=places, labels=tuple(filter(None, labels)), milestone=milestone))
    return shown


def ask(connector: Queries, connection: Configured, queries: Mapping[int, str], known: Sequence[Candidate]) -> Answers:
    """Ask each query about issues, once however many revisions have it. Raises any `ConnectorError`."""
    nothing: Mapping[str, bool | None] = {one.issue.identity: None for one in known}
    wanted = sorted(set(queries.values()))
    said = connector.match(connection.view, queries=wanted, candidates=known) if known else {}
    return {revision_id: {**nothing, **said.get(query, {})} for revision_id, query in queries.items()}


def note_judged(tx: Transaction, book: Book, connection_id: int, answers: Answers) -> None:
    """Note memberships of locked issues by answers that are right both ways; a listing settles what can't be told."""
    live = _live(book, connection_id, answers)
    if not live:
        return
    told = {one: {name: answer for name, answer in said.items() if answer is not None} for one, said in live.items()}
    members.judge(tx, told, remember=listings.running(tx, live))
    listings.want(tx, [one for one, said in live.items() if None in said.values()])


def note_asked(tx: Transaction, book: Book, connection_id: int, answers: Answers, *, fresh: Collection[str]) -> None:
    """Note memberships of locked issues by answers of an index that may lag: yes counts at once, no removes nothing.

    About issues that are not `fresh` the index knows by now. No then means that a listing, which comes soon, may
    remove the issue, and that one which is under way must not add it by an older page.
    """
    live = _live(book, connection_id, answers)
    if not live:
        return
    under_way = listings.running(tx, live)
    absent = {
        one: {name for name, answer in said.items() if answer is False and name not in fresh}
        for one, said in live.items()
    }
    known = members.of_revisions(tx, live, set().union(*absent.values()))
    held = {one: {name for name in names if known.get((one, name))} for one, names in absent.items()}
    told = {one: {name: True for name, answer in said.items() if answer} for one, said in live.items()}
    for one in live:
        members.doubt(tx, one, held[one])
        if one in under_way:
            told[one] |= dict.fromkeys(absent[one] - held[one], False)
    members.judge(tx, told, remember=under_way)
    listings.want(tx, [one for one, said in live.items() if held[one] or None in said.values()])


def _live(book: Book, connection_id: int, answers: Answers) -> Answers:
    """Give what was said for revisions that still ask about the connection's issues."""
    asking = {one for one, rule in book.rules.queries.items() if rule.connection_id == connection_id}
    return {one: answers[one] for one in sorted(asking & answers.keys()) if answers[one]}


def _fresh(tx: Transaction, rows: Sequence[Row[Any]]) -> dict[str, datetime]:
    """Give the issues that changed so lately that an index may not know, with when it will have."""
    now = database_now(tx)
    known_at = {row.identity: row.changed_at + SURE_AFTER for row in rows}
    return {identity: at for identity, at in known_at.items() if now < at <= now + SURE_AFTER}
