"""Apply configuration changes to known issues, in chunks, so that no transaction holds locks for long.

A *pending* rule revision first links the issues. Then one short transaction makes it *active*, retires the revision
before, and computes the key results of both again. The links of the retired revision are deleted afterwards.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine, Row

from sync_service.domain.rules.named_people import named_people
from sync_service.domain.rules.relink_reasons import RelinkReason
from sync_service.domain.trackers.causes import Cause
from sync_service.progress.ancestors import descendants
from sync_service.progress.compute import compute_key_results
from sync_service.progress.cycles.recomputing import Recomputing
from sync_service.progress.link_issues import LinkInput, known_entries, relink
from sync_service.progress.moves import scope_move_steps
from sync_service.progress.moves.new_names import ParentMove, Renaming
from sync_service.progress.term_names import TermNames, keys_of
from sync_service.store import tables
from sync_service.store.engine import versions
from sync_service.store.engine.database import database_now, retry_on_conflict, writing
from sync_service.store.jobs import write_backs
from sync_service.store.okrs import key_results, query_listings, query_members, rules
from sync_service.store.okrs.links import PROPOSED
from sync_service.store.okrs.ruleset import Ruleset, RulesetCache, load_ruleset
from sync_service.store.queue import due, query_candidates, scheduled_tasks
from sync_service.store.queue.retry import drain_rows
from sync_service.store.trackers import accounts, issues, scope_changes, scope_moves
from sync_service.store.trackers.issue_subset import Subset
from sync_service.store.trackers.issues import IssueRow

log = structlog.get_logger(__name__)

BATCH = 20
"""Rows claimed at a time."""

CHUNK = 500
"""Issues in one transaction: a few tens of milliseconds."""

SWEEP = 5000
"""Links of a retired revision deleted in one transaction."""


@dataclass(slots=True, kw_only=True)
class Relinker:
    """Drains rule revisions, relink requests, and key results to compute again."""

    engine: Engine
    settle: timedelta
    now: Callable[[], datetime]
    ruleset_cache: RulesetCache
    listed_kinds: frozenset[str] = frozenset()
    """Kinds of trackers that evaluate queries themselves: listings find the members, no issue is matched here."""

    def drain_revisions(self) -> int:
        """Process one chunk of each due revision; return how many rows were claimed."""
        return self._drain(tables.rule_revision, self._revision)

    def drain_relinks(self) -> int:
        """Process one chunk of each relink request; return how many rows were claimed."""
        return self._drain(tables.relink_request, self._relink)

    def drain_recomputes(self) -> int:
        """Compute due key results again; return how many rows were claimed."""
        return self._drain(tables.recompute, self._recompute)

    def _drain(self, table: sa.Table, work: Callable[[Transaction, Row[Any]], None]) -> int:
        return drain_rows(
            self.engine, table, lambda rows: retry_on_conflict(partial(self._process, work, rows[0])), limit=BATCH
        )

    def _process(self, process: Callable[[Transaction, Row[Any]], None], row: Row[Any]) -> None:
        with writing(self.engine) as tx:
            process(tx, row)

    def _revision(self, tx: Transaction, row: Row[Any]) -> None:
        state = tx.scalar(sa.select(tables.rule_revision.c.state).where(tables.rule_revision.c.id == row.id))
        if state == "retired":
            self._sweep(tx, row)
        elif scope_moves.holds_rules_back(tx, row.connection_id):
            due.release(tx, tables.rule_revision, row, wait=scope_move_steps.WAIT)
        elif row.query is None and row.cursor == 0 and self._pin_known(tx, row):
            due.release(tx, tables.rule_revision, row)
        elif row.query is None and issues.any_after(tx, connection_id=row.connection_id, after=row.cursor):
            # Issues that came since the last chunk are already linked by this revision.
            why = RelinkReason(what=f"rule {row.rule_slug} changed", key_result=row.key_result_id, origin="rule")
            held = self._link_chunk(tx, self.ruleset_cache.current(tx), row, [why])
            due.release(tx, tables.rule_revision, row, cursor=held[-1].id)
        else:
            self._activate(tx, row)

    def _pin_known(self, tx: Transaction, row: Row[Any]) -> bool:
        """Pin the logins that a new condition names to the accounts that known issues show; return whether any was."""
        found = accounts.known(tx, accounts.people(tx), row.connection_id, named_people(row.condition))
        if found:
            accounts.pin(tx, found, now=self.now())
        return bool(found)

    def _activate(self, tx: Transaction, row: Row[Any]) -> None:
        """Make a fully linked revision active, instead of the one before."""
        versions.bump(tx, versions.RULES)  # first: from here on no worker links by the old rules
        r = tables.rule_revision
        before = tx.execute(sa.select(r).where(r.c.rule_slug == row.rule_slug, r.c.state == "active")).all()
        swept = {"state": "retired", "due_at": database_now(tx), "lease": None}
        tx.execute(sa.update(r).where(r.c.id.in_([one.id for one in before])).values(swept))
        due.settle(tx, r, [row], [{"state": "active", "outcome": "in force"}])
        scheduled_tasks.hurry_one(tx, row.connection_id, scheduled_tasks.READ_HISTORIES)
        cause = Cause(what=f"rule {row.rule_slug} {_became(row, before)}", actor=row.changed_by)
        # Not from the cache: this version is not committed yet, and may never be.
        ruleset = load_ruleset(tx, versions.value(tx, versions.RULES))
        self._compute(tx, ruleset, {one.key_result_id: [cause] for one in [*before, row]}, by_rule=True)
        write_backs.wake(tx, ruleset.write_back_connections)
        scope_moves.wake(tx, row.connection_id)

    def _sweep(self, tx: Transaction, row: Row[Any]) -> None:
        mine = sa.and_(tables.link.c.origin.in_(("rule", PROPOSED)), tables.link.c.source == row.id)
        some = sa.select(tables.link.c.id).where(mine).limit(SWEEP)
        if tx.execute(sa.delete(tables.link).where(tables.link.c.id.in_(some))).rowcount or query_members.sweep(
            tx, row.id
        ):
            due.release(tx, tables.rule_revision, row)
        else:
            query_listings.end(tx, row.id)
            if row.query is not None:  # retired before it was listed: its key result was partly seen because of it
                key_results.recompute(tx, [row.key_result_id])
            due.settle(tx, tables.rule_revision, [row], [{"outcome": "retired"}])

    def _relink(self, tx: Transaction, row: Row[Any]) -> None:
        if descendants.is_about(row):
            self._match_descendants(tx, row)
            return
        move = scope_moves.of_request(tx, row.id)
        if move is not None and move.stage == "copying":
            scope_move_steps.copy(tx, row, move)
        elif issues.any_after(tx, connection_id=row.connection_id, after=row.cursor, subset=_subset_of(row)):
            ruleset = self.ruleset_cache.current(tx)
            held = self._link_chunk(tx, ruleset, row, [RelinkReason.from_columns(one) for one in row.reasons])
            # A query may name a label that was renamed.
            if row.connection_id in ruleset.rules.connections_with_queries and not self._is_evaluated_by_tracker(
                tx, row.connection_id
            ):
                query_candidates.add(tx, [(row.connection_id, one.issue.identity) for one in held if one.issue])
            due.release(tx, tables.relink_request, row, cursor=held[-1].id)
        elif move is not None and not scope_move_steps.end(tx, row, move):
            pass
        else:
            if self._is_evaluated_by_tracker(tx, row.connection_id):
                query_listings.request_soon(tx, query_candidates.asking(tx, row.connection_id))
            self._recompute_conditional(tx, row)
            due.settle(tx, tables.relink_request, [row], [{"outcome": "done"}])

    def _match_descendants(self, tx: Transaction, row: Row[Any]) -> None:
        if row.cursor == 0:
            # Until it ends, no other transaction matches issues: none goes on that has not seen what changed.
            versions.lock_rules(tx)
        ruleset, now = self.ruleset_cache.current(tx), self.now()
        self._compute(tx, ruleset, descendants.match_chunk(tx, ruleset, row, limit=CHUNK // 2, now=now))

    def _recompute_conditional(self, tx: Transaction, row: Row[Any]) -> None:
        """Compute the key results again whose measures name the logins that a relink request is about."""
        named = set(_subset_of(row).accounts)
        for key_result_id, logins in accounts.conditional_on_people(tx).items() if named else ():
            if concerned := logins & named:
                what = f"the account that {' and '.join(sorted(concerned))} means is another one than before"
                key_results.recompute(tx, [key_result_id], causes=[Cause(what=what)])

    def _is_evaluated_by_tracker(self, tx: Transaction, connection_id: int) -> bool:
        kind = sa.select(tables.live_connection.c.kind).where(tables.live_connection.c.id == connection_id)
        return tx.scalar(kind) in self.listed_kinds

    def _link_chunk(
        self, tx: Transaction, ruleset: Ruleset, row: Row[Any], reasons: Sequence[RelinkReason]
    ) -> list[IssueRow]:
        """Derive the links of a connection's next issues again; return these issues."""
        subset = _subset_of(row)
        held = issues.lock_chunk(tx, connection_id=row.connection_id, after=row.cursor, limit=CHUNK, subset=subset)
        renaming = _renaming_of(tx, row)
        known = [(one, renaming.applied_to(one.issue) if renaming else one.issue) for one in held if one.issue]
        entries = known_entries(ruleset, row.connection_id, [(kept.id, one) for kept, one in known], reasons=reasons)
        names = TermNames.read(tx, {key for _, one in known for key in keys_of(row.connection_id, one)})
        _save_changed(tx, [kept for kept, _ in known], entries)
        # Only these issues may bring something else than before: nothing grows with all those of a key result.
        touched, ids = relink(tx, ruleset, entries, names, now=self.now()), [kept.id for kept, _ in known]
        self._compute(tx, ruleset, touched, issue_ids=ids)
        return held

    def _recompute(self, tx: Transaction, row: Row[Any]) -> None:
        Recomputing(now=self.now, settle=self.settle).run(tx, self.ruleset_cache.current(tx), row)

    def _compute(
        self,
        tx: Transaction,
        ruleset: Ruleset,
        causes: Mapping[int, Sequence[Cause]],
        *,
        by_rule: bool = False,
        issue_ids: Collection[int] | None = None,
    ) -> None:
        now, settle = self.now(), self.settle
        compute_key_results(tx, ruleset, causes, now=now, settle=settle, by_rule=by_rule, issue_ids=issue_ids)
        versions.bump(tx, versions.CHANGES)


def _became(row: Row[Any], before: Sequence[Row[Any]]) -> str:
    """Return what a revision did to its rule."""
    if row.condition == rules.MATCHES_NOTHING:
        return "disabled" if row.rule_id else "removed"
    if not before:
        return "added"
    if before[-1].condition == rules.MATCHES_NOTHING:
        return "enabled"
    if row.proposing is not before[-1].proposing:
        return "made to propose" if row.proposing else "made active"
    return "changed"


def _save_changed(tx: Transaction, held: Sequence[IssueRow], entries: Sequence[LinkInput]) -> None:
    """Save each issue's watched scope, where the watched scopes changed, and its new key."""
    scopes = [entry.scope.id if entry.scope else None for entry in entries]
    changed = [
        (kept.id, scope_id, entry.issue)
        for kept, scope_id, entry in zip(held, scopes, entries, strict=True)
        if kept.scope_id != scope_id or kept.issue != entry.issue
    ]
    issues.save(tx, changed)


def _subset_of(row: Row[Any]) -> Subset:
    """Return the issues that a relink request is about: all, a moved issue's children, those of accounts, or some."""
    return Subset.of_request(getattr(row, "renamed", None) or {})


def _renaming_of(tx: Transaction, row: Row[Any]) -> Renaming | ParentMove | None:
    """Return the rename in a relink request; None where there is none."""
    renamed = getattr(row, "renamed", None)
    if not renamed or "accounts" in renamed or "issues" in renamed:
        return None
    if "parent" in renamed:
        present_key = issues.key_of(tx, row.connection_id, renamed["parent"])
        return ParentMove(renamed["parent"], renamed["was"], present_key or renamed["now"])
    present = scope_changes.find_current_name(tx, row.connection_id, renamed["scope"])
    return Renaming(renamed["scope"], renamed["was"], present or renamed["now"])
