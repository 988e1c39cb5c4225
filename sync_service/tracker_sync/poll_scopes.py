"""Poll scopes: the first import of a scope, then every few minutes the changes since a cursor.

Polling is not optional: GitHub never sends a delivery again by itself. A run reads a scope's changes page by page. Each
page and the run's cursor are one transaction, so a run goes on where it was, however it ended. Pages don't show issues
that were deleted, transferred or hidden; so a linked issue that nothing showed us for a day, or while the service was
away, is fetched. A list that does not end is given up, and tried again with the next run.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.listing import LONG, ListingProgress
from sync_service.domain.text import counted
from sync_service.domain.trackers.capabilities import BatchFetch, ChangesRequest, ListsChanges, Page
from sync_service.domain.trackers.connector import Connector, ConnectorError, Gone, Rejected
from sync_service.domain.trackers.observations import (
    FetchNeeded,
    Observation,
    ParsedDelivery,
    ScopeRef,
    ScopeSeen,
    Snapshot,
)
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.ingest.updates import Outcomes, Update, UpdateSource
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, reading, writing
from sync_service.store.jobs import polls
from sync_service.store.jobs.polls import PollScope
from sync_service.store.okrs import query_listings
from sync_service.store.queue import due, query_candidates, scheduled_tasks
from sync_service.store.tables import poll
from sync_service.store.trackers import scope_names
from sync_service.store.trackers.connections import Configured, Connections
from sync_service.store.trackers.outcomes import NewsOutcome
from sync_service.tracker_sync.call_policy import LEASE, CallPolicy, bucket_for

log = structlog.get_logger(__name__)

INTERVAL = timedelta(minutes=10)
"""How often a scope is polled where webhooks arrive too."""

INTERVAL_WITHOUT_WEBHOOKS = timedelta(minutes=1)
"""How often a scope is polled without webhooks, because the tracker can't reach us."""

UNSEEN = timedelta(days=1)
"""A linked issue that nothing showed us for this long is fetched."""

MOST_FETCHES = 500
MOST_BATCH_FETCHES = 5000
"""Fetches requested at the end of one run: one call each, or one call for a hundred. Later runs request the rest."""

DRAIN_SECONDS = 2.0
"""How long one run takes before deliveries may use the worker."""

END = "end"
"""The cursor of a run whose last page was applied."""

AWAY = 3 * INTERVAL
"""Without a completed run for this long the service counts as away: it may have missed deletions."""


RESTART_AFTER = 3
"""After so many unusable answers in a row, a run starts again: its cursor may be the cause."""


@dataclass(slots=True, kw_only=True)
class ScopePoller:
    """Drains polls. Makes no network call inside a transaction."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    applier: UpdateApplier
    now: Callable[[], datetime]
    _policy: CallPolicy = field(init=False)

    def __post_init__(self) -> None:
        self._policy = CallPolicy(engine=self.engine, table=poll, now=self.now)

    def drain(self) -> int:
        """Continue one poll for a while; return how many rows were claimed."""
        return self._policy.drain(self._continue)

    def _continue(self, row: Row[Any]) -> None:
        connection = self.connections.of(row.connection_id)
        if not connection.view.has_credentials:
            connection = self.connections.latest(row.connection_id)
        connector = self.connectors[connection.kind]
        if not connection.view.has_credentials or not isinstance(connector, ListsChanges):
            self._policy.settle(row, "there are no credentials to call with, or the tracker can't be polled yet")
            return
        with reading(self.engine) as tx:
            scope = polls.poll_scope(tx, row)
        bucket = bucket_for(connector, connection, about=scope.external_id or scope.name)
        if self._policy.is_blocked(row, connection, bucket=bucket):
            return
        try:
            self._run(row, connection, connector, scope)
        except Gone as error:
            self._note_gone(row, scope, str(error))
        except Rejected as error:
            self._poll_again(row, connection, str(error))
        except ConnectorError as error:
            self._policy.handle_error(row, connection, error)

    def _run(self, row: Row[Any], connection: Configured, connector: ListsChanges, scope: PollScope) -> None:
        """Apply page after page; end the run after the last page, or release the row when the time is over."""
        run = self._current_run(row)
        ends = time.monotonic() + DRAIN_SECONDS
        request = ChangesRequest(name=scope.name, id=scope.external_id, since=run.since)
        while run.cursor != END:
            page = connector.list_changes(connection.view, asked=request, cursor=run.cursor)
            self._policy.note_recovered(connection)
            self._check_holder(scope, page)
            run = self._apply_page(row, run, page, quiet=not scope.covered)
            if run.cursor != END and run.listing.is_long:
                self._wait_in_long_list(row, run)
                return
            if time.monotonic() > ends and run.cursor != END:
                with writing(self.engine) as tx:
                    due.release(tx, poll, row, outcome=f"{counted(run.seen, 'issue')} seen so far")
                return
        if run.listing.problem:
            self._give_up(row, connection, run, scope)
        else:
            self._end(row, connection, run, scope)

    def _check_holder(self, scope: PollScope, page: Page) -> None:
        """Raise `Gone` when a scope that is known only by its name is another watched one, which was renamed."""
        found = next((one.scope for one in page.observations if isinstance(one, ScopeSeen)), None)
        if scope.external_id is not None or found is None:
            return
        with reading(self.engine) as tx:
            name = scope_names.other_holder(tx, scope.id, found.id)
        if name is not None:
            raise Gone(f"{scope.name} is the old name of {found.name}, which is watched already", proven=False)

    def _current_run(self, row: Row[Any]) -> "_Progress":
        """Return the run that is under way, or begin one."""
        if row.cursor is not None:
            found = {one.name: getattr(row, one.name) for one in fields(_Progress)}
            return _Progress(**{**found, "cursor": row.cursor or None, "listing": ListingProgress.of(row.listing)})
        with writing(self.engine) as tx:
            run = _Progress(since=row.since, cursor=None, began_at=database_now(tx))
            due.checkpoint(tx, poll, row, lease=LEASE, **run.columns())
        return run

    def _apply_page(self, row: Row[Any], run: "_Progress", page: Page, *, quiet: bool) -> "_Progress":
        """Apply the observations on a page, and save the run's progress in the same transaction."""
        update = self._update(row, page.observations, quiet=quiet)
        issues = sum(isinstance(one, Snapshot) for one in page.observations)
        shown = [one.identity for one in page.observations if isinstance(one, Snapshot | FetchNeeded)]
        listing = run.listing.after(shown, page.cursor)
        after: list[_Progress] = []

        def finish(tx: Transaction, outcomes: Outcomes) -> None:
            next_run = replace(
                run,
                cursor=END if listing.problem else page.cursor or END,
                listing=listing,
                seen=run.seen + issues,
                changed=run.changed + sum(isinstance(one, NewsOutcome) for one in outcomes[0]),
                expected=page.expected or run.expected,
                # A change dated ahead of our clock must not hide the changes until then from later polls.
                newest=max(filter(None, (run.newest, page.newest and min(page.newest, self.now()))), default=None),
            )
            due.checkpoint(tx, poll, row, lease=LEASE, **next_run.columns())
            after[:] = [next_run]

        self.applier.apply([update], finish)
        return after[0]

    def _end(self, row: Row[Any], connection: Configured, run: "_Progress", scope: PollScope) -> None:
        """End a run: request fetches of issues not seen for long, and wait for the next run.

        The first run also marks the scope as covered.
        """
        together = isinstance(self.connectors[connection.kind], BatchFetch)
        limit = MOST_BATCH_FETCHES if together else MOST_FETCHES
        away = row.done_at is None or run.began_at - row.done_at > AWAY
        with writing(self.engine) as tx:
            if not scope.covered:
                polls.cover(tx, row, scope, seen=run.seen)
                query_listings.request_soon(tx, query_candidates.asking(tx, connection.id))
                scheduled_tasks.hurry_one(tx, connection.id, scheduled_tasks.READ_HISTORIES)
            unseen_before = run.began_at if away else run.began_at - UNSEEN
            unseen = polls.request_unseen(tx, scope, connection.id, before=unseen_before, limit=limit)
            seen = f"{counted(run.seen, 'issue')} seen, {run.changed} new or changed"
            outcome = f"{seen}; {unseen} not seen for long, to be fetched"
            due.release(
                tx,
                poll,
                row,
                wait=INTERVAL if connection.receives_webhooks else INTERVAL_WITHOUT_WEBHOOKS,
                outcome=outcome,
                cursor=None,
                since=run.newest - polls.OVERLAP if run.newest else run.since,
                done_at=database_now(tx),
                stopped_reason=None,
            )
        log.info("polled a scope", connection=connection.slug, scope=scope.name, outcome=outcome)

    def _give_up(self, row: Row[Any], connection: Configured, run: "_Progress", scope: PollScope) -> None:
        """End a run whose list does not end: what it showed is applied, and the next run begins where this one did."""
        reason = run.listing.problem
        log.warning("a list does not end", connection=connection.slug, scope=scope.name, reason=reason)
        with writing(self.engine) as tx:
            polls.request_unseen(tx, scope, connection.id, before=run.began_at - UNSEEN, limit=MOST_FETCHES)
            self._stop(tx, row, f"{run.seen} issues seen; {reason}", stopped_reason=reason, cursor=None)

    def _wait_in_long_list(self, row: Row[Any], run: "_Progress") -> None:
        """Pause in a very long list, to spare the tracker; the run continues later at its cursor."""
        outcome = f"{run.seen} issues seen so far; {LONG}, so it continues later"
        with writing(self.engine) as tx:
            self._stop(tx, row, outcome, stopped_reason=LONG, listing=run.listing.waited().stored())

    def _stop(self, tx: Transaction, row: Row[Any], outcome: str, **columns: Any) -> None:
        versions.bump(tx, versions.CHANGES)
        due.release(tx, poll, row, wait=INTERVAL, outcome=outcome, **columns)

    def _poll_again(self, row: Row[Any], connection: Configured, reason: str) -> None:
        """Poll again after an unusable answer, and start the run again after `RESTART_AFTER` of them.

        Such an answer may be a proxy's page, and nobody would notice a scope that is never polled again.
        """
        log.warning("a poll page can't be used", connection=connection.slug, reason=reason)
        restart = {"cursor": None} if row.attempts % RESTART_AFTER == 0 else {}
        with writing(self.engine) as tx:
            wait = max(INTERVAL, due.wait_after(row.attempts))
            due.release(
                tx, poll, row, wait=wait, outcome=f"can't be polled: {reason}", attempts=row.attempts, **restart
            )

    def _note_gone(self, row: Row[Any], scope: PollScope, reason: str) -> None:
        """Mark the key results of a scope that can't be seen; poll it again as usual, since it may come back."""
        if scope.external_id is None:
            self._policy.postpone(row, INTERVAL, reason)
            return
        seen = ScopeSeen(scope=ScopeRef(scope.external_id, scope.name), gone=f"can't be seen: {reason}")

        def finish(tx: Transaction, _: Outcomes) -> None:
            due.release(tx, poll, row, wait=INTERVAL, outcome=reason)

        self.applier.apply([self._update(row, (seen,), quiet=False)], finish)

    def _update(self, row: Row[Any], observations: tuple[Observation, ...], *, quiet: bool) -> Update:
        return Update(
            connection_id=row.connection_id,
            parsed=ParsedDelivery(name="list", observations=observations),
            received_at=self.now(),
            via=UpdateSource.POLL,
            defer_compute=quiet,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Progress:
    """The progress of a run: `cursor` is None at its beginning, END before its end step."""

    since: datetime | None
    cursor: str | None
    began_at: datetime
    newest: datetime | None = None
    seen: int = 0
    changed: int = 0
    expected: int | None = None
    listing: ListingProgress = field(default_factory=ListingProgress)

    def columns(self) -> dict[str, Any]:
        """Return the columns of the poll's row; there an empty cursor is a run that has begun."""
        return {**asdict(self), "cursor": self.cursor or "", "listing": self.listing.stored()}
