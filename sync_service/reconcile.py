"""Asking trackers what changed: the first import of a scope, and every few minutes what webhooks did not bring.

Not optional: GitHub never sends a delivery twice by itself. A run goes through a scope's changes page by page. Each
page and the run's place in the list are one transaction, so that a run goes on where it was however it ended. What
lists do not show (deleted, transferred, hidden) is looked at, once it was not seen for a day or for the time that we
were away.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.asking import LEASE, Asking, part_of
from sync_service.domain.abilities import Asked, Lists, LooksTogether, Page
from sync_service.domain.connectors import Connector, ConnectorError, Gone, Rejected
from sync_service.domain.issues import Observation, Reading, ScopeRef, ScopeSeen, Snapshot
from sync_service.letters import Letter, Said, Way
from sync_service.refresh import Refresh
from sync_service.store import candidates, due, listings, polls
from sync_service.store.connections import Configured, Connections
from sync_service.store.database import database_now, reading, writing
from sync_service.store.polls import Place
from sync_service.store.tables import poll

log = structlog.get_logger(__name__)

INTERVAL = timedelta(minutes=10)
"""How often a scope is asked for its changes where webhooks bring them too."""

ALONE_INTERVAL = timedelta(minutes=1)
"""How often where there are no webhooks, because the tracker can't reach us."""

OVERLAP = timedelta(minutes=5)
"""How far a run goes back behind the newest change of the last one, by the tracker's clock: its lists may lag."""

UNSEEN = timedelta(days=1)
"""After this a linked issue that nothing showed us is looked at."""

MOST_LOOKS = 500
MOST_LOOKS_TOGETHER = 5000
"""Looks asked for at the end of one run, each a call or a hundred with one; the next runs ask for the rest."""

TURN_SECONDS = 2.0
"""How long one run goes on before deliveries may have the worker."""

END = "end"
"""The cursor of a run whose last page was taken."""

AWAY = 3 * INTERVAL
"""Past this without a completed run we count as away: deletions may have been missed."""


ANEW = 3
"""After so many answers in a row that can't be used, a run begins anew: its place in the list may be the matter."""


class Reconciling:
    """Drains polls. No network call is made inside a transaction."""

    def __init__(
        self,
        *,
        engine: Engine,
        connectors: Mapping[str, Connector],
        connections: Connections,
        refresh: Refresh,
        now: Callable[[], datetime],
    ) -> None:
        self._engine = engine
        self._connectors = connectors
        self._connections = connections
        self._refresh = refresh
        self._now = now
        self._asking = Asking(engine=engine, table=poll, now=now)

    def drain(self) -> int:
        """Go on with one poll for a turn; give how many were claimed."""
        return self._asking.drain(self._go_on)

    def _go_on(self, row: Row[Any]) -> None:
        connection = self._connections.of(row.connection_id)
        if not connection.view.has_credentials:
            connection = self._connections.latest(row.connection_id)
        connector = self._connectors[connection.kind]
        if not connection.view.has_credentials or not isinstance(connector, Lists):
            self._asking.settle(row, "there are no credentials to ask with, or a tracker that can't be asked yet")
            return
        with reading(self._engine) as tx:
            place = polls.place_of(tx, row)
        part = part_of(connector, connection, about=place.external_id or place.name)
        if self._asking.must_wait(row, connection, part=part):
            return
        try:
            self._run(row, connection, connector, place)
        except Gone as error:
            self._note_gone(row, place, str(error))
        except Rejected as error:
            self._come_again(row, connection, str(error))
        except ConnectorError as error:
            self._asking.failed(row, connection, error)

    def _run(self, row: Row[Any], connection: Configured, connector: Lists, place: Place) -> None:
        """Take page after page; at the last one end the run, at the end of our turn hand it back."""
        run = self._begun(row)
        ends = time.monotonic() + TURN_SECONDS
        asked = Asked(name=place.name, id=place.external_id, since=run.since)
        while run.cursor != END:
            page = connector.changes(connection.view, asked=asked, cursor=run.cursor)
            self._asking.answered(connection)
            run = self._take(row, run, page, quiet=not place.covered)
            if time.monotonic() > ends and run.cursor != END:
                with writing(self._engine) as tx:
                    due.hand_back(tx, poll, row, outcome=f"{run.seen} issues seen so far")
                return
        self._end(row, connection, run, place)

    def _begun(self, row: Row[Any]) -> "_Progress":
        """Give the run that is under way, or begin one."""
        if row.cursor is not None:
            found = {one.name: getattr(row, one.name) for one in fields(_Progress)}
            return _Progress(**{**found, "cursor": row.cursor or None})
        with writing(self._engine) as tx:
            run = _Progress(since=row.since, cursor=None, began_at=database_now(tx))
            due.keep(tx, poll, row, lease=LEASE, **run.columns())
        return run

    def _take(self, row: Row[Any], run: "_Progress", page: Page, *, quiet: bool) -> "_Progress":
        """Take what a page shows, and note in the same transaction how far the run has come."""
        letter = self._letter(row, page.observations, quiet=quiet)
        issues = sum(isinstance(one, Snapshot) for one in page.observations)
        after: list[_Progress] = []

        def finish(tx: Transaction, said: Said) -> None:
            further = replace(
                run,
                cursor=page.cursor or END,
                seen=run.seen + issues,
                changed=run.changed + sum(": applied" in words for words in said[0]),
                expected=page.expected or run.expected,
                newest=max(filter(None, (run.newest, page.newest)), default=None),
            )
            due.keep(tx, poll, row, lease=LEASE, **further.columns())
            after[:] = [further]

        self._refresh.take([letter], finish)
        return after[0]

    def _end(self, row: Row[Any], connection: Configured, run: "_Progress", place: Place) -> None:
        """End a run: cover the scope after its first one, look at what lists do not show, and wait for the next."""
        together = isinstance(self._connectors[connection.kind], LooksTogether)
        limit = MOST_LOOKS_TOGETHER if together else MOST_LOOKS
        away = row.done_at is None or run.began_at - row.done_at > AWAY
        with writing(self._engine) as tx:
            if not place.covered:
                polls.cover(tx, row, place, seen=run.seen)
                listings.want(tx, candidates.asking(tx, connection.id))
            unseen_before = run.began_at if away else run.began_at - UNSEEN
            looked_at = polls.look_at_unseen(tx, place, connection.id, before=unseen_before, limit=limit)
            outcome = f"{run.seen} issues seen, {run.changed} of them news; {looked_at} not seen for long, to look at"
            due.hand_back(
                tx,
                poll,
                row,
                wait=INTERVAL if connection.secrets else ALONE_INTERVAL,
                outcome=outcome,
                cursor=None,
                since=run.newest - OVERLAP if run.newest else run.since,
                done_at=database_now(tx),
            )
        log.info("reconciled", connection=connection.slug, scope=place.name, outcome=outcome)

    def _come_again(self, row: Row[Any], connection: Configured, reason: str) -> None:
        """Come again after an answer that can't be used, and begin the run anew where that does not help.

        It may be a proxy's page, and nobody would notice a scope that is never asked again.
        """
        log.warning("a list can't be used", connection=connection.slug, reason=reason)
        anew = {"cursor": None} if row.attempts % ANEW == 0 else {}
        with writing(self._engine) as tx:
            wait = max(INTERVAL, due.wait_after(row.attempts))
            due.hand_back(tx, poll, row, wait=wait, outcome=f"can't be listed: {reason}", attempts=row.attempts, **anew)

    def _note_gone(self, row: Row[Any], place: Place, reason: str) -> None:
        """Say on its key results that a scope can't be seen; it is asked again as usual, since it may come back."""
        if place.external_id is None:
            self._asking.postpone(row, INTERVAL, reason)
            return
        seen = ScopeSeen(scope=ScopeRef(place.external_id, place.name), gone=f"can't be seen: {reason}")

        def finish(tx: Transaction, _: Said) -> None:
            due.hand_back(tx, poll, row, wait=INTERVAL, outcome=reason)

        self._refresh.take([self._letter(row, (seen,), quiet=False)], finish)

    def _letter(self, row: Row[Any], observations: tuple[Observation, ...], *, quiet: bool) -> Letter:
        return Letter(
            connection_id=row.connection_id,
            reading=Reading(name="list", observations=observations),
            told_at=self._now(),
            way=Way.LISTED,
            quiet=quiet,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Progress:
    """How far a run has come: `cursor` None is its beginning, END all but its end."""

    since: datetime | None
    cursor: str | None
    began_at: datetime
    newest: datetime | None = None
    seen: int = 0
    changed: int = 0
    expected: int | None = None

    def columns(self) -> dict[str, Any]:
        """Give the columns of the poll's row; an empty cursor there is a run that has begun."""
        return {**asdict(self), "cursor": self.cursor or ""}
