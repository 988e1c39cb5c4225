"""What needs a person: check-ins, proposals, rules to review, and connections that do not work."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.domain.rules.versions import review_due
from sync_service.store import tables
from sync_service.store.okrs.links import PROPOSED
from sync_service.store.okrs.staleness import Stale
from sync_service.store.views.key_results import KeyResultView


@dataclass(frozen=True, slots=True)
class BrokenConnection:
    """A connection whose credentials the tracker refuses: since when, and why."""

    slug: str
    stale: Stale


@dataclass(frozen=True, slots=True)
class ProposedLinks:
    """A key result with the number of links that wait for its owner."""

    slug: str
    title: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What needs a person. `check_ins` are due today or before; `values` wait for the person's decision."""

    check_ins: Sequence[KeyResultView]
    values: Sequence[KeyResultView]
    links: Sequence[ProposedLinks]
    rules: Sequence[str]
    connections: Sequence[BrokenConnection]

    @property
    def count(self) -> int:
        """How much needs the person."""
        return sum(map(len, (self.check_ins, self.values, self.links, self.rules, self.connections)))


def needs(
    tx: Transaction, mine: Sequence[KeyResultView], person_id: int, now: datetime, *, all_connections: bool
) -> Needs:
    """Return what needs a person, who owns the key results `mine`.

    With `all_connections`, for admins, connections that nobody owns are theirs too.
    """
    running = [view for view in mine if not view.closed]
    return Needs(
        check_ins=[view for view in running if _is_due(view, now)],
        values=[view for view in running if view.applied.waiting],
        links=_links(tx, [view.id for view in running]),
        rules=_rules_to_review(tx, person_id, now),
        connections=_broken(tx, person_id, with_ownerless=all_connections),
    )


def _is_due(view: KeyResultView, now: datetime) -> bool:
    due_on = view.check_in_due_on
    return due_on is not None and due_on <= now.astimezone(view.span.zone).date() and view.span.starts_at <= now


def _links(tx: Transaction, key_result_ids: Collection[int]) -> list[ProposedLinks]:
    n, k, v = tables.link, tables.live_key_result, tables.rule_revision
    counted = (
        sa.select(k.c.slug, k.c.title, sa.func.count(sa.distinct(n.c.issue_id)))
        .join(k, k.c.id == n.c.key_result_id)
        .join(v, sa.and_(v.c.id == n.c.source, v.c.state == "active"))
        .where(n.c.key_result_id.in_(key_result_ids), n.c.origin == PROPOSED)
        .group_by(k.c.id, k.c.slug, k.c.title)
        .order_by(k.c.slug)
    )
    return [ProposedLinks(*row) for row in tx.execute(counted)]


def _rules_to_review(tx: Transaction, person_id: int, now: datetime) -> list[str]:
    r, v = tables.rule, tables.rule_revision
    changed = sa.select(sa.func.max(v.c.created_at)).where(v.c.rule_id == r.c.id).scalar_subquery()
    found = sa.select(r.c.slug, r.c.reviewed_at, changed.label("changed_at")).where(
        r.c.owner_id == person_id, r.c.state.in_(("active", "proposing"))
    )
    due = ((row.slug, review_due(reviewed_at=row.reviewed_at, changed_at=row.changed_at)) for row in tx.execute(found))
    return sorted(slug for slug, at in due if at is not None and at <= now)


def _broken(tx: Transaction, person_id: int, *, with_ownerless: bool) -> list[BrokenConnection]:
    c = tables.live_connection.c
    own = sa.or_(c.owner_id == person_id, c.owner_id.is_(None) if with_ownerless else sa.false())
    found = sa.select(c.slug, c.refused_at, c.refused_reason).where(c.refused_at.is_not(None), own).order_by(c.slug)
    return [BrokenConnection(row.slug, Stale(row.refused_at, row.refused_reason)) for row in tx.execute(found)]
