"""Query membership of changed issues: ask each query (JQL, GitHub search) about them, before the next listing.

No tracker call is made inside a transaction. Issues are read, then the connector is asked. Then one transaction stores
the query members, updates the links, and computes the touched key results. An issue that changes meanwhile breaks the
lease of its row and is matched again; the answers about the other issues are used.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.text import counted
from sync_service.domain.trackers.connector import Connector, ConnectorError
from sync_service.domain.trackers.observations import TermKind
from sync_service.domain.trackers.queries import Candidate, EvaluatesQueries
from sync_service.progress.compute import compute_key_results
from sync_service.progress.link_issues import known_entries, relink
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, reading, retry_on_conflict, writing
from sync_service.store.okrs import query_listings, query_members
from sync_service.store.okrs.ruleset import Ruleset, RulesetCache
from sync_service.store.queue import due, query_candidates
from sync_service.store.queue.retry import drain_rows
from sync_service.store.tables import query_candidate
from sync_service.store.trackers import issues
from sync_service.store.trackers.connections import Configured, Connections
from sync_service.store.trackers.issues import IssueRow
from sync_service.tracker_sync.call_policy import LEASE, CallPolicy, bucket_for

log = structlog.get_logger(__name__)

BATCH = 100
"""Issues matched together: the most that one call of `Queries.match` takes."""

INDEX_LAG = timedelta(minutes=1)
"""Time after a change when an index that may lag is asked once more: its first answer may be older than the change."""

REASON = RelinkReason(what="asked again whether a query finds it", origin="rule")

Answers = Mapping[int, Mapping[str, bool | None]]
"""Answers of queries about issues, by the ids of their rule revisions; None where a query can't answer."""


@dataclass(slots=True, kw_only=True)
class QueryMatcher:
    """Drains candidates: changed issues to be matched to queries."""

    engine: Engine
    connectors: Mapping[str, Connector]
    connections: Connections
    ruleset_cache: RulesetCache
    settle: timedelta
    now: Callable[[], datetime]
    _policy: CallPolicy = field(init=False)

    def __post_init__(self) -> None:
        self._policy = CallPolicy(engine=self.engine, table=query_candidate, now=self.now)

    def drain(self) -> int:
        """Match a batch of issues; return how many rows were claimed."""
        return drain_rows(
            self.engine,
            query_candidate,
            self._match,
            limit=BATCH,
            lease=LEASE,
            group_by=attrgetter("connection_id"),
            divisible=True,
        )

    def _match(self, rows: Sequence[Row[Any]]) -> None:
        """Match issues of one connection together."""
        connection = self.connections.of(rows[0].connection_id)
        connector = self.connectors[connection.kind]
        with reading(self.engine) as tx:
            queries = query_candidates.asking(tx, connection.id)
        if not queries or not isinstance(connector, EvaluatesQueries):
            for row in rows:
                self._policy.settle(row, "no query to match")
            return
        if not connector.evaluates_locally and not connection.view.has_credentials:
            for row in rows:
                self._policy.settle(row, "there are no credentials to call with")
            return
        bucket = bucket_for(connector, connection, about=rows[0].identity)
        if not connector.evaluates_locally:
            # Listings find out whether a refused connection works again: a match may be refused where a listing is not.
            rows = [row for row in rows if not self._policy.is_blocked(row, connection, bucket=bucket, checks=False)]
        if rows:
            self._ask(rows, connection, connector, queries)

    def _ask(
        self, rows: Sequence[Row[Any]], connection: Configured, connector: EvaluatesQueries, queries: Mapping[int, str]
    ) -> None:
        with reading(self.engine) as tx:
            held = issues.read_named(tx, connection.id, [row.identity for row in rows])
            known = as_candidates(tx, self.ruleset_cache.current(tx), connection.id, held)
        try:
            answers = match(connector, connection, queries, known)
        except ConnectorError as error:
            for row in rows:
                self._policy.handle_error(row, connection, error)
            return
        retry_on_conflict(lambda: self._save(rows, connection.id, answers, judges=connector.evaluates_locally))

    def _save(self, rows: Sequence[Row[Any]], connection_id: int, answers: Answers, *, judges: bool) -> None:
        """Store the answers about issues that did not change meanwhile, and update links and values."""
        with writing(self.engine) as tx:
            ruleset = self.ruleset_cache.current(tx)
            locked = issues.lock(tx, {(connection_id, row.identity): None for row in rows})
            rows = due.still_leased(tx, query_candidate, rows)
            ours = {row.identity for row in rows}
            held = [one for (_, identity), one in locked.items() if identity in ours]
            answers = {
                one: {name: by_identity[name] for name in by_identity.keys() & ours}
                for one, by_identity in answers.items()
            }
            fresh = {} if judges else _fresh(tx, rows)
            if judges:
                record_definite(tx, ruleset, connection_id, answers)
            else:
                record_lagging(tx, ruleset, connection_id, answers, fresh=fresh)
            self.update_links(tx, ruleset, connection_id, held, reason=REASON)
            self._finish(tx, rows, fresh, answers)

    def _finish(
        self, tx: Transaction, rows: Sequence[Row[Any]], fresh: Mapping[str, datetime], answers: Answers
    ) -> None:
        """Settle the rows. Where an index that may lag answered about a fresh change, it is asked once more."""
        settled, again = [], []
        for row in rows:
            results = [answer[row.identity] for answer in answers.values() if row.identity in answer]
            left = f", {results.count(None)} wait for the listing" if None in results else ""
            found = results.count(True)
            asked = counted(len(results), "query", "queries")
            outcome = f"{asked} asked, {found} {'finds' if found == 1 else 'find'} it{left}"
            if row.identity in fresh and len(results) > results.count(None):
                again.append((row, f"{outcome}; asked once more later"))
            else:
                settled.append((row, outcome))
        due.settle(tx, query_candidate, [row for row, _ in settled], [{"outcome": outcome} for _, outcome in settled])
        later = [{"due_at": fresh[row.identity], "outcome": outcome} for row, outcome in again]
        due.release_some(tx, query_candidate, [row for row, _ in again], later)

    def update_links(
        self, tx: Transaction, ruleset: Ruleset, connection_id: int, held: Sequence[IssueRow], *, reason: RelinkReason
    ) -> None:
        """Update links and values after the memberships of locked issues changed."""
        known = [(kept.id, kept.issue) for kept in held if kept.issue]
        entries = known_entries(ruleset, connection_id, known, reasons=[reason])
        names = TermNames.read(tx, {key for entry in entries for key in keys_of(connection_id, entry.issue)})
        touched = relink(tx, ruleset, entries, names, now=self.now())
        changed = [entry.row_id for entry in entries]
        compute_key_results(tx, ruleset, touched, now=self.now(), settle=self.settle, issue_ids=changed)
        if touched:
            versions.bump(tx, versions.CHANGES)


def as_candidates(tx: Transaction, ruleset: Ruleset, connection_id: int, held: Iterable[IssueRow]) -> list[Candidate]:
    """Return issues as candidates for queries, without those that count toward nothing anyway."""
    known = [one for kept in held if (one := kept.issue) and one.gone_reason is None and one.state is not None]
    names = TermNames.read(tx, {key for one in known for key in keys_of(connection_id, one)})
    shown = []
    for one in known:
        scope = ruleset.scope_of(connection_id, one.scope) if one.scope else None
        if scope is None or one.scope is None:
            continue
        labels = (names.name(connection_id, TermKind.LABEL, label) for label in one.labels)
        milestone = names.name(connection_id, TermKind.MILESTONE, one.milestone) if one.milestone else None
        scope_names = frozenset(name for name in (one.scope.name, scope.name, scope.current_name) if name)
        shown.append(
            Candidate(issue=one, scope_names=scope_names, labels=tuple(filter(None, labels)), milestone=milestone)
        )
    return shown


def match(
    connector: EvaluatesQueries, connection: Configured, queries: Mapping[int, str], known: Sequence[Candidate]
) -> Answers:
    """Ask each query about issues, once even if several revisions have it. Raise any `ConnectorError`."""
    nothing: Mapping[str, bool | None] = {one.issue.identity: None for one in known}
    wanted = sorted(set(queries.values()))
    answers = connector.match(connection.view, queries=wanted, candidates=known) if known else {}
    return {revision_id: {**nothing, **answers.get(query, {})} for revision_id, query in queries.items()}


def record_definite(tx: Transaction, ruleset: Ruleset, connection_id: int, answers: Answers) -> None:
    """Store memberships of locked issues by definite answers; ask for a listing where there is no answer."""
    live = _live(ruleset, connection_id, answers)
    if not live:
        return
    definite = {
        one: {name: answer for name, answer in by_identity.items() if answer is not None}
        for one, by_identity in live.items()
    }
    query_members.record(tx, definite, under_way=query_listings.running(tx, live))
    query_listings.request_soon(tx, [one for one, by_identity in live.items() if None in by_identity.values()])


def record_lagging(
    tx: Transaction, ruleset: Ruleset, connection_id: int, answers: Answers, *, fresh: Collection[str]
) -> None:
    """Store memberships of locked issues by answers of an index that may lag: yes counts at once, no removes nothing.

    The index knows issues that are not `fresh` by now. For these, no means two things: a listing, which comes soon, may
    remove the issue; and a running listing must not add it by an older page.
    """
    live = _live(ruleset, connection_id, answers)
    if not live:
        return
    under_way = query_listings.running(tx, live)
    absent = {
        one: {name for name, answer in by_identity.items() if answer is False and name not in fresh}
        for one, by_identity in live.items()
    }
    known = query_members.of_revisions(tx, live, set().union(*absent.values()))
    held = {one: {name for name in names if known.get((one, name))} for one, names in absent.items()}
    definite = {
        one: {name: True for name, answer in by_identity.items() if answer} for one, by_identity in live.items()
    }
    for one in live:
        query_members.clear_match_times(tx, one, held[one])
        if one in under_way:
            definite[one] |= dict.fromkeys(absent[one] - held[one], False)
    query_members.record(tx, definite, under_way=under_way)
    query_listings.request_soon(
        tx, [one for one, by_identity in live.items() if held[one] or None in by_identity.values()]
    )


def _live(ruleset: Ruleset, connection_id: int, answers: Answers) -> Answers:
    """Return the answers for revisions whose query still belongs to the connection."""
    asking = {one for one, rule in ruleset.rules.queries.items() if rule.connection_id == connection_id}
    return {one: answers[one] for one in sorted(asking & answers.keys()) if answers[one]}


def _fresh(tx: Transaction, rows: Sequence[Row[Any]]) -> dict[str, datetime]:
    """Return the issues that changed so lately that an index may not know it, each with the time when it will."""
    now = database_now(tx)
    known_at = {row.identity: row.changed_at + INDEX_LAG for row in rows}
    return {identity: at for identity, at in known_at.items() if now < at <= now + INDEX_LAG}
