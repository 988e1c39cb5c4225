"""Data for tests of rule previews: issues, labels, key results; and functions to preview and save edits."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync_service.domain.measures.status import Status
from sync_service.domain.people.notices import KeyResultState
from sync_service.progress.previews.rule_preview import Edit, Preview, preview
from sync_service.progress.relink_jobs import Relinker
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs import rules
from sync_service.store.okrs.rules import Definition
from sync_service.store.okrs.ruleset import RulesetCache
from sync_service.store.queue import due

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STARTS, ENDS = datetime(2026, 10, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
LABELS = {"901": "checkout", "902": "Payments", "903": "okr:KR-2", "904": None}
MEASURES: tuple[dict[str, Any], ...] = (
    {"kind": "done-share"},
    {"kind": "done-share", "weight": "points", "unestimated": 2},
    {"kind": "done-count"},
    {"kind": "open-count"},
    {"kind": "manual"},
)


def drain(engine: Engine) -> None:
    """Drain due rule revisions, relink requests and recomputes."""
    work = Relinker(engine=engine, settle=timedelta(), now=lambda: NOW, ruleset_cache=RulesetCache())
    drains = {
        "rule_revision": work.drain_revisions,
        "relink_request": work.drain_relinks,
        "recompute": work.drain_recomputes,
    }
    while True:
        with reading(engine) as tx:
            names = [name for name in due.tables_with_due_rows(tx) if name in drains]
        if not names:
            return
        for name in names:
            drains[name]()


def clear(tx: Connection) -> None:
    """Empty every table except the counters."""
    for table in reversed(tables.metadata.sorted_tables):
        if table.name != "counter":
            tx.execute(sa.delete(table))
    tx.execute(sa.update(tables.counter).values(value=tables.counter.c.value + 1))


def seed(tx: Connection, *, measures: tuple[dict[str, Any], ...], covered: bool = True) -> None:
    """Insert a connection with two watched scopes, and a key result for each measure."""
    clear(tx)
    connection = {"id": 1, "slug": "acme-github", "kind": "github", "site": "", "options": {}, "sealed_secrets": []}
    tx.execute(sa.insert(tables.connection).values(connection))
    for row_id, name in ((1, "acme/checkout"), (2, "acme/Billing")):
        scope = {"id": row_id, "connection_id": 1, "name": name, "external_id": f"50{row_id}"}
        tx.execute(sa.insert(tables.scope).values(scope | {"covered_at": NOW if covered or row_id == 1 else None}))
    for external_id, label in LABELS.items():
        term = {"connection_id": 1, "kind": "label", "external_id": external_id, "name": label, "at": NOW}
        tx.execute(sa.insert(tables.term).values(term))
    days = {"starts": date(2026, 10, 1), "ends": date(2026, 12, 31), "starts_at": STARTS, "ends_at": ENDS}
    tx.execute(sa.insert(tables.cycle).values(id=1, slug="2026-q4", name="Q4 2026", **days))
    tx.execute(sa.insert(tables.objective).values(id=1, slug="fast-checkout", title="Paying", cycle_id=1))
    for row_id, measure in enumerate(measures, start=1):
        columns = {"title": "A title", "start": 0.0, "target": 100.0, "measure": measure}
        tx.execute(sa.insert(tables.key_result).values(id=row_id, slug=f"KR-{row_id}", objective_id=1, **columns))


def add_issue(tx: Connection, number: int, **columns: Any) -> None:
    """Insert a known issue; by default an open one in acme/checkout without labels."""
    plain = {
        "id": number,
        "connection_id": 1,
        "identity": f"501#{number}",
        "scope_id": 1,
        "scope_external_id": "501",
        "scope_name": "acme/checkout",
        "key": f"acme/checkout#{number}",
        "kind": "issue",
        "title": "Pay by card",
        "url": "https://github.example/",
        "state": "todo",
        "labels": [],
        "assignees": [],
        "updated_at": NOW,
    }
    tx.execute(sa.insert(tables.issue).values(plain | columns))


def save(engine: Engine, edit: Edit, *, slug: str = "checkout-label") -> None:
    """Save the edit and drain so that it takes effect."""
    definition = Definition(
        slug=slug,
        owner_id=None,
        connection_id=edit.connection_id,
        key_result_id=edit.key_result_id,
        condition=edit.condition,
        state=edit.state,
    )
    with writing(engine) as tx:
        rules.save(tx, definition, changed_by="Ana Ruiz", now=NOW)
    drain(engine)


def preview_edit(engine: Engine, edit: Edit, *, lines: bool = False) -> Preview:
    """Preview the edit."""
    with reading(engine) as tx:
        return preview(tx, edit, now=NOW, lines=lines)


def key_result_state(engine: Engine, slug: str) -> tuple[KeyResultState, str]:
    """Return a key result's state, with its explanation."""
    k = tables.key_result
    with reading(engine) as tx:
        row = tx.execute(sa.select(k).where(k.c.slug == slug)).one()
    return KeyResultState(Status(row.status), row.current, row.progress), row.explanation
