"""Staleness: which values may be out of date, since when and why."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.condition_reach import possible_scopes
from sync_service.domain.rules.rule_state import RuleState
from sync_service.domain.text import folded
from sync_service.store import tables
from sync_service.store.okrs.linked_issues import counts


@dataclass(frozen=True, slots=True)
class Stale:
    """Since when a value may be out of date, and why: credentials refused, scope gone, or query incomplete."""

    since: datetime
    reason: str


_matches = tables.rule.c.state.in_([one for one in RuleState if one.matches])


def stale(tx: Transaction, key_result_ids: Sequence[int]) -> dict[int, Stale]:
    """Return the stale key results, each with its oldest reason.

    A key result is stale when a rule that matches or a linked issue reaches something that can't be watched.
    """
    found: dict[int, Stale] = {}
    all_found = (*_refused(tx, key_result_ids), *_gone(tx, key_result_ids), *_unlisted(tx, key_result_ids))
    for key_result_id, one in all_found:
        if key_result_id not in found or one.since < found[key_result_id].since:
            found[key_result_id] = one
    return found


def stale_because_of(
    tx: Transaction, key_result_ids: Sequence[int], *, connection_id: int, refused: bool, scope_ids: Sequence[int]
) -> set[int]:
    """Return the ids of the key results that are stale because a connection is refused or these scopes are gone."""
    found = _refused(tx, key_result_ids, of=connection_id) if refused else ()
    return {key_result_id for key_result_id, _ in (*found, *_gone(tx, key_result_ids, of=scope_ids))}


def _refused(tx: Transaction, key_result_ids: Sequence[int], *, of: int | None = None) -> Iterator[tuple[int, Stale]]:
    """Yield key results that reach a refused connection: any, or only `of`."""
    r, n, i = tables.rule, tables.link, tables.issue
    by_rule = sa.select(r.c.key_result_id, r.c.connection_id).where(r.c.key_result_id.in_(key_result_ids), _matches)
    by_link = (
        sa.select(n.c.key_result_id, i.c.connection_id)
        .join(i, i.c.id == n.c.issue_id)
        .where(n.c.key_result_id.in_(key_result_ids), counts)
    )
    reached = by_rule.union(by_link).subquery()
    refusing = tables.live_connection
    statement = (
        sa.select(reached.c.key_result_id, refusing.c.slug, refusing.c.refused_at, refusing.c.refused_reason)
        .join(refusing, refusing.c.id == reached.c.connection_id)
        .where(refusing.c.refused_at.isnot(None))
        .order_by(refusing.c.refused_at, refusing.c.id)
    )
    if of is not None:
        statement = statement.where(refusing.c.id == of)
    for row in tx.execute(statement):
        yield row.key_result_id, Stale(row.refused_at, f"{row.slug}: {row.refused_reason}")


def _unlisted(tx: Transaction, key_result_ids: Sequence[int]) -> Iterator[tuple[int, Stale]]:
    """Yield key results with an active query whose members can no longer be listed completely."""
    r, n = tables.rule_revision, tables.query_listing
    statement = (
        sa.select(r.c.key_result_id, r.c.rule_slug, n.c.done_at, n.c.incomplete_reason)
        .join(n, n.c.revision_id == r.c.id)
        .where(r.c.key_result_id.in_(key_result_ids), r.c.state == "active")
        .where(n.c.incomplete_reason.isnot(None), n.c.done_at.isnot(None))
    )
    for row in tx.execute(statement):
        yield row.key_result_id, Stale(row.done_at, f"query of rule {row.rule_slug}: {row.incomplete_reason}")


def _gone(
    tx: Transaction, key_result_ids: Sequence[int], *, of: Sequence[int] | None = None
) -> Iterator[tuple[int, Stale]]:
    """Yield key results that reach a scope that can no longer be watched: any, or only those in `of`."""
    s, c = tables.live_scope, tables.live_connection
    statement = (
        sa.select(s, c.c.slug)
        .join(c, c.c.id == s.c.connection_id)
        .where(s.c.gone_reason.isnot(None), s.c.gone_at.isnot(None))
    )
    if of is not None:
        statement = statement.where(s.c.id.in_(of))
    gone_scopes = tx.execute(statement.order_by(s.c.gone_at, s.c.id)).all()
    if not gone_scopes:
        return
    n, i, r = tables.link, tables.issue, tables.rule
    by_link = (
        sa.select(n.c.key_result_id, i.c.scope_id)
        .join(i, i.c.id == n.c.issue_id)
        .where(n.c.key_result_id.in_(key_result_ids), i.c.scope_id.in_([row.id for row in gone_scopes]), counts)
        .distinct()
    )
    reached = {tuple(row) for row in tx.execute(by_link)}
    rules = tx.execute(sa.select(r).where(r.c.key_result_id.in_(key_result_ids), _matches)).all()
    reaches = [(rule, possible_scopes(rule.condition)) for rule in rules]
    for row in gone_scopes:
        why = Stale(row.gone_at, f"{row.slug}: {row.name}: {row.gone_reason}")
        yield from ((key_result_id, why) for key_result_id, scope_id in reached if scope_id == row.id)
        for rule, names in reaches:
            if rule.connection_id == row.connection_id and (names is None or folded(row.name) in names):
                yield rule.key_result_id, why
