"""Views of connections for pages: credentials, scopes, rate limits, and whether webhooks arrive."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Row

from sync_service.store import tables as t
from sync_service.store.queue import rate_limits as pauses
from sync_service.store.queue.rate_limits import RateLimit
from sync_service.store.views.diagnostics import incomplete_lists
from sync_service.store.views.moves.moving_scopes import moving_scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeLine:
    """A watched scope. `current_name` is its name at the tracker now, if that differs. `known`: its id there is known.

    `seen` counts the issues of a first import under way, of about `expected`; it is None when there is none.
    `gone` is the reason why the scope can no longer be watched, `stopped` why the last poll did not reach the end.
    """

    name: str
    current_name: str | None
    covered: bool
    known: bool
    gone: str | None
    seen: int | None
    expected: int | None
    polled_at: datetime | None
    stopped: str | None

    @property
    def share(self) -> float | None:
        """Return the progress of the first import as a fraction below 1; None when it is unknown."""
        if self.seen is None or not self.expected:
            return None
        return min(self.seen / self.expected, 0.99)


@dataclass(frozen=True, slots=True)
class NewestDelivery:
    """The newest stored delivery. `id` is its row id."""

    id: int
    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class RejectedCount:
    """Number of rejected deliveries (signature wrong or missing), and when the last one came."""

    count: int
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionPage:
    """A connection without its secrets. One with a `client_id` can call once a person granted OAuth tokens.

    `moves` says which scopes move to it or from it, in words.

    `pauses` are the buckets under a rate limit; `held` are single issues whose note must wait. `incomplete` are queries
    that are not listed completely, by rule, and scheduled tasks with a problem, by name; each with the reason.
    """

    id: int
    slug: str
    kind: str
    site: str
    owner: str | None
    owner_name: str | None
    options: Mapping[str, Any]
    earlier: str
    write_back: bool
    credentials: Literal["token", "app", "consent", ""]
    app_id: str | None
    client_id: str | None
    consented_by: str | None
    secrets: int
    refused_at: datetime | None
    refused_reason: str | None
    scopes: tuple[ScopeLine, ...]
    moves: tuple[str, ...]
    pauses: tuple[RateLimit, ...]
    held: tuple[RateLimit, ...]
    newest_delivery: NewestDelivery | None
    rejected: RejectedCount | None
    incomplete: tuple[tuple[str, str], ...]

    @property
    def webhook(self) -> Literal["accepted", "rejected", "none"]:
        """Return what came last: a delivery, a rejected delivery, or nothing."""
        if self.rejected and (self.newest_delivery is None or self.newest_delivery.at < self.rejected.at):
            return "rejected"
        return "accepted" if self.newest_delivery else "none"

    @property
    def gone(self) -> Sequence[ScopeLine]:
        """Return the scopes that can no longer be watched."""
        return [one for one in self.scopes if one.gone]

    @property
    def stopped(self) -> Sequence[ScopeLine]:
        """Return the scopes whose last poll did not reach the end."""
        return [one for one in self.scopes if one.stopped and not one.gone]


def connection_pages(tx: Transaction, *, slug: str | None = None) -> list[ConnectionPage]:
    """Return the connections, ordered by slug, or the one with this slug."""
    c, p = t.live_connection, t.person
    newest = sa.select(sa.func.max(t.delivery.c.id)).where(t.delivery.c.connection_id == c.c.id).scalar_subquery()
    found = (
        sa.select(c, p.c.email, p.c.name, newest.label("newest"), t.oauth_token.c.given_by)
        .outerjoin(p, p.c.id == c.c.owner_id)
        .outerjoin(t.oauth_token, t.oauth_token.c.connection_id == c.c.id)
        .order_by(c.c.slug)
        .where(sa.true() if slug is None else c.c.slug == slug)
    )
    rows = tx.execute(found).all()
    ids = [row.id for row in rows]
    related = _Related(
        scopes=_scopes(tx, ids),
        moves=moving_scopes(tx),
        rate_limits=pauses.active_limits(tx, ids),
        newest_deliveries=_newest_deliveries(tx, [row.newest for row in rows if row.newest]),
        rejected=_rejected(tx, ids),
        incomplete={id_: tuple(incomplete_lists(tx, id_)) for id_ in ids},
    )
    return [_page(row, related) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Related:
    scopes: Mapping[int, list[ScopeLine]]
    moves: Mapping[int, Sequence[str]]
    rate_limits: Mapping[int, list[RateLimit]]
    newest_deliveries: Mapping[int, NewestDelivery]
    rejected: Mapping[int, RejectedCount]
    incomplete: Mapping[int, tuple[tuple[str, str], ...]]


def _page(row: Row[Any], related: _Related) -> ConnectionPage:
    return ConnectionPage(
        id=row.id,
        slug=row.slug,
        kind=row.kind,
        site=row.site,
        owner=row.email,
        owner_name=row.name,
        options=row.options,
        earlier=row.earlier or "ignore",
        write_back=row.write_back,
        credentials=_credentials(row),
        app_id=row.app_id,
        client_id=row.client_id,
        consented_by=row.given_by,
        secrets=len(row.sealed_secrets),
        refused_at=row.refused_at,
        refused_reason=row.refused_reason,
        scopes=tuple(related.scopes.get(row.id, ())),
        moves=tuple(related.moves.get(row.id, ())),
        pauses=tuple(one for one in related.rate_limits.get(row.id, ()) if not one.of_issue),
        held=tuple(one for one in related.rate_limits.get(row.id, ()) if one.of_issue),
        newest_delivery=related.newest_deliveries.get(row.id),
        rejected=related.rejected.get(row.id),
        incomplete=related.incomplete[row.id],
    )


def _credentials(row: Row[Any]) -> Literal["token", "app", "consent", ""]:
    if row.client_id:
        return "consent" if row.given_by else ""
    return "token" if row.sealed_token else "app" if row.sealed_app_key else ""


def _scopes(tx: Transaction, ids: Sequence[int]) -> Mapping[int, list[ScopeLine]]:
    s, p = t.live_scope, t.poll
    found: dict[int, list[ScopeLine]] = defaultdict(list)
    statement = (
        sa.select(s, p.c.since, p.c.seen, p.c.expected, p.c.done_at, p.c.due_at, p.c.stopped_reason)
        .outerjoin(p, p.c.scope_id == s.c.id)
        .where(s.c.connection_id.in_(ids))
        .order_by(s.c.name, s.c.id)
    )
    for row in tx.execute(statement):
        imports = row.covered_at is None and row.due_at is not None and row.since is None
        found[row.connection_id].append(
            ScopeLine(
                name=row.name,
                current_name=row.current_name,
                covered=row.covered_at is not None,
                known=row.external_id is not None,
                gone=row.gone_reason,
                seen=row.seen if imports else None,
                expected=row.expected if imports else None,
                polled_at=row.done_at,
                stopped=row.stopped_reason if row.due_at is not None else None,
            )
        )
    return found


def _newest_deliveries(tx: Transaction, ids: Sequence[int]) -> Mapping[int, NewestDelivery]:
    d = t.delivery.c
    found = sa.select(d.id, d.connection_id, d.name, d.received_at).where(d.id.in_(ids))
    return {row.connection_id: NewestDelivery(row.id, row.name, row.received_at) for row in tx.execute(found)}


def _rejected(tx: Transaction, ids: Sequence[int]) -> Mapping[int, RejectedCount]:
    f = t.rejected_delivery
    found = sa.select(f.c.connection_id, f.c.count.label("times"), f.c.last_at).where(f.c.connection_id.in_(ids))
    return {row.connection_id: RejectedCount(row.times, row.last_at) for row in tx.execute(found)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """The numbers of rows that are deleted together with a connection."""

    issues: int
    deliveries: int
    rules: int
    key_results: int


def weight_of(tx: Transaction, connection_id: int) -> Weight:
    """Return the numbers of rows that belong to a connection, and of key results that its rules or issues reach."""

    def count(table: sa.Table) -> int:
        return tx.scalars(sa.select(sa.func.count()).where(table.c.connection_id == connection_id)).one()

    by_rule = sa.select(t.rule.c.key_result_id).where(t.rule.c.connection_id == connection_id)
    by_link = sa.select(t.link.c.key_result_id).join(t.issue, t.issue.c.id == t.link.c.issue_id)
    reached = by_rule.union(by_link.where(t.issue.c.connection_id == connection_id)).subquery()
    return Weight(
        issues=count(t.issue),
        deliveries=count(t.delivery),
        rules=count(t.rule),
        key_results=tx.scalars(sa.select(sa.func.count()).select_from(reached)).one(),
    )
