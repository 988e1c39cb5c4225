"""Apply updates: drain the inbox; issues, links, values, history and notices change in one transaction.

This module is the core of the product; read it from top to bottom. A worker claims a batch of deliveries, and each
connector reads its own. Then, in one transaction: the newest snapshot of each issue wins, the rules decide which key
results it counts toward, each touched key result is computed once from the current state of all its issues, and each
change gets a history entry with its cause and a notice for the owner. When a delivery does not contain enough, the
issue is fetched (`tracker_sync/fetch_issues.py`), and the result is applied in the same way.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.people.accounts import Login, Pin
from sync_service.domain.trackers.connector import Connector, Rejected, WebhookRequest
from sync_service.domain.trackers.observations import (
    AccountSeen,
    CommentSeen,
    FetchNeeded,
    Ignored,
    Observation,
    ParentSeen,
    ScopeRef,
    ScopeSeen,
    Snapshot,
    TermSeen,
    Tombstone,
)
from sync_service.domain.trackers.plausible_times import plausible
from sync_service.ingest import updates as about
from sync_service.ingest.ancestor_changes import match_below
from sync_service.ingest.issue_batch import IssueBatch
from sync_service.ingest.large_deliveries import one_at_a_time
from sync_service.ingest.new_keys import follow_new_keys, keys_of_children
from sync_service.ingest.updates import Outcomes, Update, UpdateSource, is_ignored, outcome_text
from sync_service.progress.compute import compute_key_results
from sync_service.progress.link_issues import relink
from sync_service.progress.term_names import TermNames
from sync_service.store.engine import versions
from sync_service.store.engine.database import retry_on_conflict, writing
from sync_service.store.okrs.ruleset import Ruleset, RulesetCache
from sync_service.store.queue import due, fetch_requests, query_candidates, relink_requests
from sync_service.store.queue.retry import Rows, bury, one_group, try_groups
from sync_service.store.tables import delivery
from sync_service.store.trackers import accounts, inbox, issues, scope_changes, scope_names
from sync_service.store.trackers.connections import Connections
from sync_service.store.trackers.outcomes import NewsOutcome, ignored

log = structlog.get_logger(__name__)

BATCH = 500
"""Deliveries in one transaction: a burst computes a key result once, and a transaction takes half a second at most."""

BATCH_BYTES = 20_000_000
"""The most bytes of bodies in one batch: one body may have 25 MB."""


@dataclass(slots=True, kw_only=True)
class UpdateApplier:
    """Applies updates. Any number of workers may run it, at any time."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    ruleset_cache: RulesetCache
    settle: timedelta
    now: Callable[[], datetime]
    large_lock: Path | None = None
    """The file whose lock lets one process of this machine at a time read a large delivery."""

    _bound: set[tuple[int, ScopeRef]] = field(init=False, default_factory=set)
    _renamed: set[tuple[int, ScopeRef]] = field(init=False, default_factory=set)
    _bound_at: int | None = field(init=False, default=None)

    def drain(self) -> int:
        """Apply one batch of due deliveries; return how many rows were claimed."""
        parsed: dict[int, Update] = {}
        with one_at_a_time(self.large_lock, lambda: inbox.largest_due(self.engine, limit=BATCH)):
            rows = due.claim(self.engine, delivery, limit=BATCH, size=sa.func.length(delivery.c.body), most=BATCH_BYTES)
            try_groups(self.engine, delivery, rows, partial(self._parse, parsed))
        readable = [row for row in rows if row.id in parsed]
        apply = partial(self._apply_parsed, parsed)
        try_groups(self.engine, delivery, readable, apply, group_by=one_group, divisible=True)
        return len(rows)

    def _parse(self, parsed: dict[int, Update], rows: Rows) -> None:
        """Parse a delivery with its connector, into `parsed` by row id. Bury one that can't be read."""
        row = rows[0]
        try:
            connection = self.connections.of(row.connection_id)
            delivered = self.connectors[connection.kind].parse_delivery(
                WebhookRequest(row.headers, row.body), connection.view
            )
        except Rejected as error:
            bury(self.engine, delivery, row, reason=f"can't be read: {error}")
            return
        parsed[row.id] = Update(
            connection_id=row.connection_id,
            parsed=delivered,
            received_at=row.received_at,
            delivery_id=row.delivery_id,
        )

    def _apply_parsed(self, parsed: Mapping[int, Update], rows: Rows) -> None:
        """Apply deliveries together."""
        claimed = [(row, parsed[row.id]) for row in rows]
        self.apply([update for _, update in claimed], partial(_settle, claimed))

    def apply(self, updates: Sequence[Update], finish: Callable[[Transaction, Outcomes], None]) -> None:
        """Apply updates and finish their rows in one transaction.

        The transaction is started again when it collides with another worker's. `finish` gets the outcomes of all
        observations.
        """
        retry_on_conflict(lambda: self._apply_once(updates, finish))

    def _apply_once(self, updates: Sequence[Update], finish: Callable[[Transaction, Outcomes], None]) -> None:
        self._bind_scopes(updates)
        while unpinned := self._apply_unless_unpinned(updates, finish):
            with writing(self.engine) as tx:
                accounts.pin(tx, unpinned, now=self.now())

    def _apply_unless_unpinned(
        self, updates: Sequence[Update], finish: Callable[[Transaction, Outcomes], None]
    ) -> dict[Login, Pin]:
        """Apply updates, or else return the logins that they show for the first time, to be pinned before."""
        with writing(self.engine) as tx:
            ruleset = self.ruleset_cache.current(tx)
            seen = about.accounts(ruleset, updates)
            unpinned = ruleset.people.unpinned(seen)
            if not unpinned:
                finish(tx, self._apply_updates(tx, ruleset, updates))
                self._note_strangers(tx, ruleset.people.strangers(seen))
                accounts.note_earlier(tx, ruleset.people.earlier(seen))
                versions.bump(tx, versions.CHANGES)
        return unpinned

    def _note_strangers(self, tx: Transaction, found: Mapping[Login, str]) -> None:
        for site, login in accounts.note_strangers(tx, found, now=self.now()):
            log.warning("login taken by another account", kind=site.kind, site=site.address, login=login)

    def _apply_updates(self, tx: Transaction, ruleset: Ruleset, updates: Sequence[Update]) -> Outcomes:
        """Apply updates: issues, then links, then values with their history and notices."""
        received = len(updates)
        updates = [*updates, *about.relayed(ruleset, updates)]
        batch = IssueBatch.lock(tx, ruleset, about.identities(ruleset, updates))
        names = TermNames.read(tx, about.terms(batch, updates))
        outcomes = [
            [self._apply_observation(tx, batch, names, update, one) for one in update.parsed.observations]
            for update in updates
        ]
        batch.save(tx, reported=about.reported(updates))
        new_keys = [*batch.new_keys(), *keys_of_children(tx, dict(batch.first_seen()))]
        follow_new_keys(tx, new_keys)
        match_below(tx, ruleset, batch, new_keys)
        issues.note_seen(tx, _shown(batch, updates))
        entries = batch.entries(names)
        touched = relink(tx, ruleset, entries, names, now=self.now())
        names.save(tx)
        if not all(update.defer_compute for update in updates):
            # A pull request may name the issue that it closes by an earlier key.
            renamed = any(one.was != one.now for one in new_keys)
            changed = None if renamed else [entry.row_id for entry in entries]
            compute_key_results(tx, ruleset, touched, now=self.now(), settle=self.settle, issue_ids=changed)
        relink_requests.add(tx, [*batch.followed, *((one.connection_id, [one.reason]) for one in names.renamed)])
        fetch_requests.add(tx, batch.fetch_requests)
        if not all(update.defer_compute for update in updates):  # queries are listed after a first import
            query_candidates.add(
                tx, [identity for identity in batch.changed if identity[0] in ruleset.rules.connections_with_queries]
            )
        if gone := about.gone(updates):
            fetch_requests.restart_deleted(tx, gone)
        return outcomes[:received]

    def _apply_observation(
        self, tx: Transaction, batch: IssueBatch, names: TermNames, update: Update, one: Observation
    ) -> str:
        """Apply one observation; return its outcome."""
        connection_id, source = update.connection_id, update.source
        reported, one = one, plausible(one, update.received_at)
        match one:
            case Snapshot():
                names.add_snapshot(connection_id, one)
                fetched = update.via is UpdateSource.FETCH
                outcome = batch.merge_snapshot(connection_id, one, source, names=names, fetched=fetched)
                listed_at = update.received_at if update.via is UpdateSource.POLL else None
                doubt = batch.doubt_about(connection_id, one, is_ahead=one is not reported, listed_at=listed_at)
            case ParentSeen():
                outcome, doubt = batch.merge_parent(connection_id, one, source, names=names)
            case Tombstone():
                return batch.merge_tombstone(tx, connection_id, one, source)
            case CommentSeen():
                outcome, doubt = batch.save_comment(tx, connection_id, one, source)
            case FetchNeeded():
                requested = _request_fetch(batch, update, one)
                return type(requested)(f"{one.key}: {requested}")
            case TermSeen():
                names.add_term(connection_id, one, update.received_at)
                return _term_outcome(one)
            case ScopeSeen():
                return scope_changes.note_scope(tx, connection_id, one, received_at=source.received_at)
            case AccountSeen():
                return scope_changes.note_account(tx, connection_id, one, received_at=source.received_at)
            case Ignored():
                return ignored(one.reason)
        return _outcome_with_fetch(batch, update, outcome, doubt)

    def _bind_scopes(self, updates: Sequence[Update]) -> None:
        """Store the tracker's stable ids of scopes configured by name, before the batch: once per rules version."""
        if self.ruleset_cache.version != self._bound_at:
            self._bound, self._renamed, self._bound_at = set(), set(), self.ruleset_cache.version
        seen = {(update.connection_id, ref) for update in updates for ref in about.scopes(update)} - self._bound
        reported = {(update.connection_id, ref) for update in updates for ref in about.present_scopes(update)}
        renamed = reported - self._renamed
        if seen or renamed:
            with writing(self.engine) as tx:
                scope_names.bind(tx, seen | renamed, renamed=renamed)
            self._bound |= seen
            self._renamed |= renamed


def _term_outcome(one: TermSeen) -> str:
    if one.merged_into:
        return f"{one.kind} {one.id} merged into {one.name or one.merged_into}"
    return f"{one.kind} {one.name} noted" if one.name else f"{one.kind} {one.id} deleted"


def _settle(claimed: Sequence[tuple[Row[Any], Update]], tx: Transaction, all_outcomes: Outcomes) -> None:
    outcomes = [
        {"name": update.parsed.name[:100], "outcome": outcome_text(observed), "ignored": is_ignored(observed)}
        for (_, update), observed in zip(claimed, all_outcomes, strict=True)
    ]
    due.settle(tx, delivery, [row for row, _ in claimed], outcomes)


def _shown(batch: IssueBatch, updates: Sequence[Update]) -> list[int]:
    """Return the row ids of the issues in fetches and polls, changed or not."""
    return [
        held.id
        for update in updates
        for one in update.parsed.observations
        if update.via is not UpdateSource.WEBHOOK and isinstance(one, Snapshot)
        if (held := batch.rows.get((update.connection_id, one.identity)))
    ]


def _outcome_with_fetch(batch: IssueBatch, update: Update, outcome: str, fetch: FetchNeeded | None) -> str:
    if fetch is None or update.via is UpdateSource.FETCH:
        return outcome
    with_fetch = f"{outcome}; {_request_fetch(batch, update, fetch)}"
    return NewsOutcome(with_fetch) if isinstance(outcome, NewsOutcome) else with_fetch


def _request_fetch(batch: IssueBatch, update: Update, one: FetchNeeded) -> str:
    connection_id = update.connection_id
    watching = _who_watches(batch.ruleset, connection_id, one)
    if not watching:
        assert one.scope is not None
        return ignored(batch.ruleset.why_unwatched(connection_id, one.scope))
    fetching = next((id_ for id_ in watching if batch.ruleset.trackers[id_].can_fetch), None)
    if fetching is None:
        return f"{one.reason}, and there are no credentials to fetch it with"
    batch.fetch_requests[fetching, one.identity] = (one, update.delivery_id)
    return f"{one.reason}, so it will be fetched"


def _who_watches(ruleset: Ruleset, connection_id: int, one: FetchNeeded) -> list[int]:
    """Return the connection itself and its siblings, those that watch the scope of the issue."""
    everybody = (connection_id, *ruleset.siblings_of(connection_id))
    return [id_ for id_ in everybody if one.scope is None or ruleset.scope_of(id_, one.scope) is not None]
