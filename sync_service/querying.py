"""Listing the members of queries in a tracker's own language: every quarter of an hour, at once after an edit.

A run goes through the listing page by page, each with the run's place in one transaction, so that it goes on where it
was however it ended. Only when it is through are memberships made what it says, a chunk at a time, and only a complete
one removes. A pending revision counts from then on. Where there are no credentials but `match` can judge every part of
the query, the issues we know are judged instead.
"""

import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.engine import Row

from sync_service.asking import LEASE, Asking
from sync_service.domain.connectors import ConnectorError, Gone, Rejected
from sync_service.domain.issues import Look, Reading, Snapshot
from sync_service.domain.queries import Members, Queries
from sync_service.judging import Judging, as_candidates, ask, note_judged
from sync_service.letters import Letter, Way
from sync_service.refresh import Refresh
from sync_service.store import counters, due, errands, issues, listings, looks, members, polls
from sync_service.store.connections import Configured
from sync_service.store.database import begin_again, database_now, reading, writing
from sync_service.store.listings import END, Run
from sync_service.store.tables import listing

log = structlog.get_logger(__name__)

INTERVAL = timedelta(minutes=15)
"""How often the members of a query are listed."""

SOON = timedelta(minutes=1)
"""How soon a run that was not complete is followed by another; one that lacks what the last one lacked waits longer."""

TURN_SECONDS = 5.0
"""How long one run goes on before others have a turn."""

CHUNK = 500
"""Members shown, or memberships changed, in one transaction."""

ASKED = 100
"""Issues that one call of `Queries.match` is about."""


class Querying:
    """Drains listings. No network call is made inside a transaction."""

    def __init__(self, judging: Judging, refresh: Refresh) -> None:
        self._engine = judging.engine
        self._judging = judging
        self._refresh = refresh
        self._asking = Asking(engine=judging.engine, table=listing, now=judging.now)

    def drain(self) -> int:
        """Go on with one listing for a turn; give how many were claimed."""
        return self._asking.drain(self._go_on)

    def _go_on(self, row: Row[Any]) -> None:
        with reading(self._engine) as tx:
            revision = listings.revision_of(tx, row)
        connection = self._judging.connections.of(row.connection_id)
        connector = self._judging.connectors[connection.kind]
        if revision.state == "retired":
            self._asking.settle(row, "the rule was changed")
        elif not isinstance(connector, Queries):
            self._fail(row, revision, f"queries of {connector.title} are not evaluated yet")
        elif not connection.view.has_credentials:
            self._judge_known(row, revision, connection, connector)
        else:
            self._list(row, revision, connection, connector)

    def _list(self, row: Row[Any], revision: Row[Any], connection: Configured, connector: Queries) -> None:
        with reading(self._engine) as tx:
            scopes = errands.watched(tx, connection.id)
        try:
            part = connector.query_part(connection.view, query=revision.query, scopes=scopes)
            if self._asking.must_wait(row, connection, part=part):
                return
            if row.cursor is None:
                connector.check_query(connection.view, query=revision.query)
            self._run(row, revision, connection, connector)
        except (Rejected, Gone) as error:
            self._fail(row, revision, str(error))
        except ConnectorError as error:
            self._asking.failed(row, connection, error)

    def _run(self, row: Row[Any], revision: Row[Any], connection: Configured, connector: Queries) -> None:
        """Take page after page, then the difference chunk after chunk; at the end of our turn hand the run back."""
        run: Run | None = self._begun(row)
        ends = time.monotonic() + TURN_SECONDS
        while run is not None and run.cursor != END:
            with reading(self._engine) as tx:
                scopes = errands.watched(tx, connection.id)
            page = connector.members(connection.view, query=revision.query, scopes=scopes, cursor=run.cursor)
            self._asking.answered(connection)
            self._show(connection, page)
            run = self._keep(row, run, page)
            if run is not None and run.cursor != END and time.monotonic() > ends:
                with writing(self._engine) as tx:
                    due.hand_back(tx, listing, row, outcome=f"{run.seen} members seen so far")
                return
        if run is not None:
            self._end(row, revision, run)

    def _begun(self, row: Row[Any]) -> Run:
        """Give the run that is under way, or begin one."""
        if row.cursor is not None:
            return Run.of(row)
        with writing(self._engine) as tx:
            run = Run(number=row.run + 1, cursor=None, began_at=database_now(tx))
            due.keep(tx, listing, row, lease=LEASE, **run.columns())
        return run

    def _show(self, connection: Configured, page: Members) -> None:
        """Take what a page shows of issues, as from any list; those we do not know otherwise are looked at.

        But not while a first import is to bring them: at its end all is listed again.
        """
        if page.observations:
            reading_ = Reading(name="listing", observations=page.observations)
            letter = Letter(connection_id=connection.id, reading=reading_, told_at=self._judging.now(), way=Way.LISTED)
            self._refresh.take([letter], lambda _tx, _said: None)
        shown = {one.identity for one in page.observations if isinstance(one, Snapshot | Look)}
        unshown = [identity for identity in page.found if identity not in shown]
        with reading(self._engine) as tx:
            if polls.is_importing(tx, connection.id):
                return
            known = {one.issue.identity for one in issues.read_named(tx, connection.id, unshown) if one.issue}
        wanted = {
            (connection.id, identity): (Look(identity=identity, key=page.found[identity], reason="listed"), None)
            for identity in unshown
            if identity not in known
        }
        if wanted:
            looks.ask(self._engine, wanted)

    def _keep(self, row: Row[Any], run: Run, page: Members) -> Run | None:
        """Note what a page shows, with how far the run has come; None where the rule was changed meanwhile."""
        further = Run(
            number=run.number,
            cursor=page.cursor or END,
            began_at=run.began_at,
            seen=run.seen + len(page.found),
            outside=run.outside + page.outside,
            short=page.lacking or run.short,
        )

        named = sorted(page.found)
        *parts, last = [named[start : start + CHUNK] for start in range(0, len(named), CHUNK)] or [[]]
        # Killed between parts, the page is fetched again: until its last part is kept the run stands before it.
        kept = all(self._keep_part(row, part, run) for part in parts) and self._keep_part(row, last, further)
        return further if kept else None

    def _keep_part(self, row: Row[Any], part: Sequence[str], run: Run) -> bool:
        """Note some of what a page shows, and where the run is; tell whether the rule still stands."""

        def keep() -> bool:
            with writing(self._engine) as tx:
                counters.hold_rules(tx)
                if listings.revision_of(tx, row).state == "retired":
                    due.settle(tx, listing, [row], [{"outcome": "the rule was changed"}])
                    return False
                members.show(tx, row.revision_id, part, run=run.number)
                due.keep(tx, listing, row, lease=LEASE, **run.columns())
                return True

        return begin_again(keep)

    def _end(self, row: Row[Any], revision: Row[Any], run: Run) -> None:
        """Make memberships what the run says, and let the revision count."""
        while begin_again(lambda: self._apply_some(row, revision, run)):
            pass
        complete, again = run.short is None, run.short in (None, row.lacking)
        outcome = f"{run.seen} members" + (f", {run.outside} outside the watched scopes" if run.outside else "")
        with writing(self._engine) as tx:
            listings.note_lacking(tx, revision, run.short)
            open_ = complete and members.is_contradicted(tx, revision.id, run=run.number, began_at=run.began_at)
            if complete:
                listings.let_count(tx, revision.id)
            due.hand_back(
                tx,
                listing,
                row,
                wait=members.LAG if open_ else INTERVAL if again else SOON,
                outcome=f"{outcome}; {run.short}" if run.short else outcome,
                cursor=None,
                done_at=database_now(tx) if complete else row.done_at,
            )
        log.info("listed a query", rule=revision.rule_slug, outcome=outcome, lacking=run.short)

    def _apply_some(self, row: Row[Any], revision: Row[Any], run: Run) -> bool:
        """Apply a chunk of the difference; tell whether there may be more."""
        complete = run.short is None
        with writing(self._engine) as tx:
            book = self._judging.shelf.current(tx)
            said = members.differing(
                tx, revision.id, run=run.number, began_at=run.began_at, complete=complete, limit=CHUNK
            )
            due.keep(tx, listing, row, lease=LEASE)
            if not said:
                return complete and members.forget(tx, revision.id, run=run.number, began_at=run.began_at)
            held = issues.lock(tx, {(row.connection_id, identity): None for identity in said})
            members.settle(tx, revision.id, list(said), run=run.number, began_at=run.began_at, complete=complete)
            cause = f"query of rule {revision.rule_slug} listed"
            known = sorted(held.values(), key=lambda one: one.id)
            self._judging.follow(tx, book, row.connection_id, known, cause=cause)
        return True

    def _judge_known(self, row: Row[Any], revision: Row[Any], connection: Configured, connector: Queries) -> None:
        """Judge the issues we know where that is enough; else say that the query can't be listed."""
        try:
            connector.check_query(connection.view, query=revision.query)
            unjudged = connector.unjudged(connection.view, query=revision.query)
        except Rejected as error:
            self._lack(row, revision, str(error))
            return
        if unjudged or not connector.judges:
            why = f", and {', '.join(unjudged)} can't be judged without" if unjudged else ""
            self._lack(row, revision, f"it can't be listed, since there are no credentials{why}")
            return
        after = 0
        while (last := self._judge_some(row, revision, connection, connector, after)) is not None:
            after = last
        with writing(self._engine) as tx:
            listings.note_lacking(tx, revision, None)
            listings.let_count(tx, revision.id)
            done = {"outcome": "judged by what is known", "done_at": database_now(tx), "cursor": None}
            due.settle(tx, listing, [row], [done])

    def _judge_some(
        self, row: Row[Any], revision: Row[Any], connection: Configured, connector: Queries, after: int
    ) -> int | None:
        """Judge the next known issues; give the row id of the last, None after the end."""
        with reading(self._engine) as tx:
            held = issues.read_chunk(tx, connection_id=connection.id, after=after, limit=ASKED)
            known = as_candidates(tx, self._judging.shelf.current(tx), connection.id, held)
        if not held:
            return None
        answers = ask(connector, connection, {revision.id: revision.query}, known)

        def take() -> None:
            with writing(self._engine) as tx:
                book = self._judging.shelf.current(tx)
                locked = issues.lock(tx, {(connection.id, one.issue.identity): None for one in known})
                still = [one for one in locked.values() if one.issue in unchanged]
                sure = {one.issue.identity for one in still if one.issue}
                said = {identity: answer for identity, answer in answers[revision.id].items() if identity in sure}
                note_judged(tx, book, connection.id, {revision.id: said})
                cause = f"query of rule {revision.rule_slug} asked"
                self._judging.follow(tx, book, connection.id, still, cause=cause)
                due.keep(tx, listing, row, lease=LEASE)

        unchanged = [one.issue for one in known]
        begin_again(take)
        return held[-1].id

    def _lack(self, row: Row[Any], revision: Row[Any], lacking: str) -> None:
        """Say why a query can't be listed; it is tried again when the connection or the rule changes."""
        with writing(self._engine) as tx:
            listings.note_lacking(tx, revision, lacking)
            due.settle(tx, listing, [row], [{"outcome": lacking, "cursor": None}])

    def _fail(self, row: Row[Any], revision: Row[Any], lacking: str) -> None:
        """Say why a query could not be listed; another run tries it again."""
        with writing(self._engine) as tx:
            listings.note_lacking(tx, revision, lacking)
            due.hand_back(tx, listing, row, wait=INTERVAL, outcome=lacking, cursor=None)
