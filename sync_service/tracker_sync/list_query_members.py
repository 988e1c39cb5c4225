"""List the members of each JQL or GitHub search query: every 15 minutes, and at once after an edit of the rule.

A run reads the listing page by page. Each page and the run's cursor are one transaction, so a run goes on where it was,
however it ended. After the last page the memberships are changed to match, a chunk at a time; only a complete run
removes members. A pending revision counts from then on. Without credentials, known issues are evaluated here instead,
if the connector can evaluate every part of the query.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from sqlalchemy.engine import Row

from sync_service.domain.listing import LONG
from sync_service.domain.text import counted
from sync_service.domain.trackers.connector import ConnectorError, Gone, Rejected
from sync_service.domain.trackers.observations import FetchNeeded, ParsedDelivery, Snapshot
from sync_service.domain.trackers.queries import EvaluatesQueries, MemberPage
from sync_service.ingest.apply_updates import UpdateApplier
from sync_service.ingest.updates import Update, UpdateSource
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, reading, retry_on_conflict, writing
from sync_service.store.jobs import polls
from sync_service.store.okrs import query_listings, query_members
from sync_service.store.okrs.query_listings import END, Run
from sync_service.store.queue import due, fetch_requests, scheduled_tasks
from sync_service.store.tables import query_listing
from sync_service.store.trackers import issues
from sync_service.store.trackers.connections import Configured
from sync_service.tracker_sync.call_policy import LEASE, CallPolicy
from sync_service.tracker_sync.evaluate_known import evaluate_known, listing_reason
from sync_service.tracker_sync.hidden_members import hidden_members, hidden_text, keep_hidden
from sync_service.tracker_sync.match_queries import QueryMatcher

log = structlog.get_logger(__name__)

INTERVAL = timedelta(minutes=15)
"""How often the members of a query are listed."""

INCOMPLETE_RETRY = timedelta(minutes=1)
"""How soon an incomplete run is followed by another; one with the same gap as the last run waits `INTERVAL`."""

DRAIN_SECONDS = 5.0
"""How long one run takes before other tables are drained."""

CHUNK = 500
"""Members recorded, or memberships changed, in one transaction."""


@dataclass(slots=True, kw_only=True)
class QueryLister:
    """Drains query listings. Makes no network call inside a transaction."""

    matcher: QueryMatcher
    applier: UpdateApplier
    _policy: CallPolicy = field(init=False)

    def __post_init__(self) -> None:
        self._policy = CallPolicy(engine=self.matcher.engine, table=query_listing, now=self.matcher.now)

    def drain(self) -> int:
        """Continue one listing for a while; return how many rows were claimed."""
        return self._policy.drain(self._continue)

    def _continue(self, row: Row[Any]) -> None:
        with reading(self.matcher.engine) as tx:
            revision = query_listings.revision_of(tx, row)
        connection = self.matcher.connections.of(row.connection_id)
        connector = self.matcher.connectors[connection.kind]
        if revision.state == "retired":
            self._policy.settle(row, "the rule was changed")
        elif not isinstance(connector, EvaluatesQueries):
            self._retry_later(row, revision, f"queries of {connector.title} are not evaluated yet")
        elif not connection.view.has_credentials:
            evaluate_known(self.matcher, row, revision, connection, connector)
        else:
            self._list(row, revision, connection, connector)

    def _list(self, row: Row[Any], revision: Row[Any], connection: Configured, connector: EvaluatesQueries) -> None:
        with reading(self.matcher.engine) as tx:
            scopes = scheduled_tasks.watched_scopes(tx, connection.id)
        try:
            bucket = connector.query_bucket(connection.view, query=revision.query, scopes=scopes)
            if self._policy.is_blocked(row, connection, bucket=bucket):
                return
            if row.cursor is None:
                connector.check_query(connection.view, query=revision.query)
            self._run(row, revision, connection, connector)
        except (Rejected, Gone) as error:
            self._retry_later(row, revision, str(error))
        except ConnectorError as error:
            self._policy.handle_error(row, connection, error)

    def _run(self, row: Row[Any], revision: Row[Any], connection: Configured, connector: EvaluatesQueries) -> None:
        """Read page after page, then apply the difference chunk after chunk; release the row when the time is over."""
        run: Run | None = self._current_run(row)
        ends = time.monotonic() + DRAIN_SECONDS
        while run is not None and run.cursor != END:
            with reading(self.matcher.engine) as tx:
                scopes = scheduled_tasks.watched_scopes(tx, connection.id)
            page = connector.list_members(connection.view, query=revision.query, scopes=scopes, cursor=run.cursor)
            self._policy.note_recovered(connection)
            self._apply_page(connection, page)
            run = self._save_page(row, run, page)
            if run is not None and run.cursor != END and run.listing.is_long:
                self._wait_in_long_list(row, revision, run)
                return
            if run is not None and run.cursor != END and time.monotonic() > ends:
                with writing(self.matcher.engine) as tx:
                    due.release(tx, query_listing, row, outcome=f"{counted(run.seen, 'member')} seen so far")
                return
        if run is not None:
            fetch = partial(hidden_members, self.matcher.connectors[connection.kind], connection)
            hidden = [] if run.run_incomplete_reason else keep_hidden(self.matcher.engine, row, run, fetch)
            self._end(row, revision, run, hidden)

    def _current_run(self, row: Row[Any]) -> Run:
        """Return the run that is under way, or begin one."""
        if row.cursor is not None:
            return Run.of(row)
        with writing(self.matcher.engine) as tx:
            run = Run(number=row.run + 1, cursor=None, began_at=database_now(tx))
            due.checkpoint(tx, query_listing, row, lease=LEASE, **run.columns())
        return run

    def _apply_page(self, connection: Configured, page: MemberPage) -> None:
        """Apply the issues on a page like those of a poll, and request a fetch of issues we do not know.

        No fetch is requested during a first import: it reads the issues, and at its end all queries are listed again.
        """
        if page.observations:
            reading_ = ParsedDelivery(name="listing", observations=page.observations)
            update = Update(
                connection_id=connection.id, parsed=reading_, received_at=self.matcher.now(), via=UpdateSource.POLL
            )
            self.applier.apply([update], lambda _tx, _outcomes: None)
        shown = {one.identity for one in page.observations if isinstance(one, Snapshot | FetchNeeded)}
        unshown = [identity for identity in page.found if identity not in shown]
        with reading(self.matcher.engine) as tx:
            if polls.is_importing(tx, connection.id):
                return
            known = {one.issue.identity for one in issues.read_named(tx, connection.id, unshown) if one.issue}
        wanted = {
            (connection.id, identity): (FetchNeeded(identity=identity, key=page.found[identity], reason="listed"), None)
            for identity in unshown
            if identity not in known
        }
        if wanted:
            fetch_requests.request_and_commit(self.matcher.engine, wanted)

    def _save_page(self, row: Row[Any], run: Run, page: MemberPage) -> Run | None:
        """Save the members on a page with the cursor of the run; return None where the rule was changed meanwhile."""
        next_run = run.after(page)
        named = sorted(page.found)
        *chunks, last = [named[start : start + CHUNK] for start in range(0, len(named), CHUNK)] or [[]]
        # If the worker is killed between chunks, the page is read again: the cursor moves with the last chunk only.
        saved = all(self._save_chunk(row, chunk, run) for chunk in chunks) and self._save_chunk(row, last, next_run)
        return next_run if saved else None

    def _save_chunk(self, row: Row[Any], chunk: Sequence[str], run: Run) -> bool:
        """Save some members of a page, and the run's progress; return whether the rule is still the same."""

        def save() -> bool:
            with writing(self.matcher.engine) as tx:
                versions.lock_rules_shared(tx)
                if query_listings.revision_of(tx, row).state == "retired":
                    due.settle(tx, query_listing, [row], [{"outcome": "the rule was changed"}])
                    return False
                query_members.show(tx, row.revision_id, chunk, run=run.number)
                due.checkpoint(tx, query_listing, row, lease=LEASE, **run.columns())
                return True

        return retry_on_conflict(save)

    def _end(self, row: Row[Any], revision: Row[Any], run: Run, hidden: Sequence[str]) -> None:
        """Change memberships to the result of the run, and make the revision count."""
        while retry_on_conflict(lambda: self._apply_some(row, revision, run)):
            pass
        complete = run.run_incomplete_reason is None
        again = run.run_incomplete_reason in (None, row.incomplete_reason, run.listing.problem)
        reason = run.run_incomplete_reason or (hidden_text(hidden) if hidden else None)
        outcome = counted(run.seen, "member") + (f", {run.outside} outside the watched scopes" if run.outside else "")
        with writing(self.matcher.engine) as tx:
            query_listings.note_incomplete(tx, revision, reason)
            is_contradicted = complete and query_members.is_contradicted(
                tx, revision.id, run=run.number, began_at=run.began_at
            )
            if complete:
                query_listings.activate_revision(tx, revision.id)
            due.release(
                tx,
                query_listing,
                row,
                wait=query_members.LAG if is_contradicted else INTERVAL if again else INCOMPLETE_RETRY,
                outcome=f"{outcome}; {reason}" if reason else outcome,
                cursor=None,
                done_at=database_now(tx) if complete else row.done_at,
            )
        log.info("listed a query", rule=revision.rule_slug, outcome=outcome, incomplete_reason=reason)

    def _wait_in_long_list(self, row: Row[Any], revision: Row[Any], run: Run) -> None:
        """Pause in a very long list, to spare the tracker; the run continues later at its cursor."""
        outcome = f"{run.seen} members seen so far; {LONG}, so it continues later"
        with writing(self.matcher.engine) as tx:
            query_listings.note_incomplete(tx, revision, LONG)
            due.release(tx, query_listing, row, wait=INTERVAL, outcome=outcome, listing=run.listing.waited().stored())

    def _apply_some(self, row: Row[Any], revision: Row[Any], run: Run) -> bool:
        """Apply a chunk of the difference; return whether there may be more."""
        complete = run.run_incomplete_reason is None
        with writing(self.matcher.engine) as tx:
            ruleset = self.matcher.ruleset_cache.current(tx)
            differing = query_members.differing(
                tx, revision.id, run=run.number, began_at=run.began_at, complete=complete, limit=CHUNK
            )
            due.checkpoint(tx, query_listing, row, lease=LEASE)
            if not differing:
                return complete and query_members.delete_non_members(
                    tx, revision.id, run=run.number, began_at=run.began_at
                )
            held = issues.lock(tx, {(row.connection_id, identity): None for identity in differing})
            query_members.apply_run(
                tx, revision.id, list(differing), run=run.number, began_at=run.began_at, complete=complete
            )
            reason = listing_reason(revision, "listed")
            known = sorted(held.values(), key=lambda one: one.id)
            self.matcher.update_links(tx, ruleset, row.connection_id, known, reason=reason)
        return True

    def _retry_later(self, row: Row[Any], revision: Row[Any], incomplete_reason: str) -> None:
        """Record why a query could not be listed; the next run tries again."""
        with writing(self.matcher.engine) as tx:
            query_listings.note_incomplete(tx, revision, incomplete_reason)
            due.release(tx, query_listing, row, wait=INTERVAL, outcome=incomplete_reason, cursor=None)
