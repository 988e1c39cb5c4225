"""Oracle check: compare the final state with an oracle that applied the same deliveries one by one, in order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.config_file.plan.apply import ConfigApplier
from sync_service.domain.trackers.connector import WebhookRequest
from sync_service.ingest.receive import Receipt
from sync_service.runtime.wiring import Services, load_connectors
from sync_service.store import tables
from sync_service.store.engine.database import reading
from tests.faults.workload import OKRS, SignedDelivery


def furnish(services: Services, okrs: bytes = OKRS, *, prune: bool = False) -> None:
    """Apply the OKRs as a configuration file."""
    applying = ConfigApplier(
        engine=services.engine,
        sealer=services.sealer,
        connectors=load_connectors(),
        environment={},
        zone=ZoneInfo("UTC"),
        now=services.now,
        actor="the tests",
    )
    applying.apply([("okrs.yaml", okrs)], prune=prune)


def receive(services: Services, delivery: SignedDelivery) -> Receipt:
    """Receive a delivery in this process."""
    headers = {name.lower(): value for name, value in delivery.headers.items()}
    return services.receive.receive(delivery.connection, WebhookRequest(headers, delivery.body))


def apply_in_order(services: Services, deliveries: Iterable[SignedDelivery]) -> None:
    """Act as the oracle: receive each delivery and drain everything before the next."""
    for delivery in deliveries:
        assert receive(services, delivery) is Receipt.STORED
        services.drains.drain_everything()


@dataclass(frozen=True, slots=True)
class FinalState:
    """The state that must not depend on order, repetition or crashes."""

    issues: list[tuple[Any, ...]]
    links: list[tuple[Any, ...]]
    values: list[tuple[Any, ...]]


def final_state(engine: Engine) -> FinalState:
    """Read the issues, links and values.

    Of an issue that is gone, only its successor matters; of an issue in an unwatched scope, nothing.
    """
    i, k, s, r = tables.issue, tables.key_result, tables.link, tables.rule_revision
    columns = (
        i.c.connection_id,
        i.c.identity,
        i.c.key,
        i.c.scope_name,
        i.c.title,
        i.c.state,
        i.c.resolution,
        i.c.labels,
    )
    times = (i.c.points, i.c.points_at, i.c.created_at, i.c.closed_at, i.c.updated_at, i.c.in_doubt)
    gone = (i.c.connection_id, i.c.identity, i.c.gone_reason, i.c.successor)
    linked = (
        sa.select(k.c.slug, i.c.identity, s.c.origin, s.c.weight, r.c.rule_slug)
        .join_from(s, i, i.c.id == s.c.issue_id)
        .join(k, k.c.id == s.c.key_result_id)
        .outerjoin(r, sa.and_(r.c.id == s.c.source, s.c.origin == "rule"))
    )
    with reading(engine) as tx:
        return FinalState(
            issues=_sorted(
                [
                    *tx.execute(
                        sa.select(*columns, *times).where(i.c.gone_reason.is_(None), i.c.scope_id.isnot(None))
                    ).all(),
                    *tx.execute(sa.select(*gone).where(i.c.gone_reason.isnot(None))).all(),
                ]
            ),
            links=_sorted(tx.execute(linked).all()),
            values=_sorted(_value(row) for row in tx.execute(_values())),
        )


def _values() -> sa.Select[Any]:
    k, s = tables.key_result, tables.link
    is_linked = sa.exists().where(s.c.key_result_id == k.c.id).label("is_linked")
    return sa.select(k.c.slug, k.c.current, k.c.progress, k.c.status, k.c.measure, is_linked)


def _value(row: sa.Row[Any]) -> tuple[Any, ...]:
    """Return the value of a key result.

    `open-count` has no data until an issue was linked, and counts none once all are unlinked. Whether one was ever seen
    as linked depends on the order of arrival: a newer delivery may come first, and already be without its label.
    """
    if row.measure["kind"] == "open-count" and not row.is_linked:
        assert row.current in (None, 0)
        return row.slug, "nothing is linked"
    return row.slug, row.current, row.progress, row.status


def _sorted(rows: Iterable[Iterable[Any]]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=repr)


def broken_entries(engine: Engine) -> list[str]:
    """Return history entries that do not start at the value of the one before, or do not end at the current value."""
    h, k = tables.history, tables.key_result
    columns = (k.c.slug, k.c.current, h.c.id, h.c["from"].label("before"), h.c.to)
    with reading(engine) as tx:
        rows = tx.execute(sa.select(*columns).join(k, k.c.id == h.c.key_result_id).order_by(k.c.slug, h.c.id)).all()
    wrong: list[str] = []
    for slug, group in groupby(rows, key=lambda row: row.slug):
        entries = list(group)
        wrong += [f"{slug}: entry {two.id}" for one, two in pairwise(entries) if one.to != two.before]
        if entries[-1].to != entries[-1].current:
            wrong.append(f"{slug}: the last entry says {entries[-1].to}, the value is {entries[-1].current}")
    return wrong


def moved_twice(engine: Engine) -> list[tuple[str, str]]:
    """Return deliveries that are a cause of more than one history entry of the same key result."""
    h, k = tables.history, tables.key_result
    with reading(engine) as tx:
        rows = tx.execute(sa.select(k.c.slug, h.c.causes).join(k, k.c.id == h.c.key_result_id)).all()
    counted = Counter(
        (row.slug, delivery)
        for row in rows
        for delivery in {cause["delivery"] for cause in row.causes if cause.get("delivery")}
    )
    return [found for found, times in counted.items() if times > 1]


def stored(engine: Engine) -> dict[str, Any]:
    """Return every stored delivery by its id."""
    d = tables.delivery
    columns = (d.c.delivery_id, d.c.due_at, d.c.settled_at, d.c.buried_at, d.c.attempts, d.c.outcome)
    with reading(engine) as tx:
        return {row.delivery_id: row for row in tx.execute(sa.select(*columns).order_by(d.c.id))}


def check(engine: Engine, *, oracle: Services, sent: Iterable[SignedDelivery], acknowledged: Iterable[str]) -> None:
    """Compare with the oracle, which applies the stored deliveries in the trackers' order.

    Every acknowledged delivery must be stored, and all stored ones must be settled.
    """
    rows = stored(engine)
    assert set(acknowledged) - set(rows) == set(), "acknowledged and lost"
    unsettled = {one: row.outcome for one, row in rows.items() if row.settled_at is None or row.buried_at is not None}
    assert unsettled == {}, "stored and not applied"
    apply_in_order(oracle, [delivery for delivery in sent if delivery.id in rows])
    ours, theirs = final_state(engine), final_state(oracle.engine)
    assert ours.issues == theirs.issues
    assert ours.links == theirs.links
    assert ours.values == theirs.values
    assert broken_entries(engine) == []
    assert moved_twice(engine) == []
