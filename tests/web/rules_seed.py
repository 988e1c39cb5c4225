"""Issues for rules to match, in the example connection acme-github; labels are stored by id, with their names apart."""

from typing import Any

import sqlalchemy as sa

from sync_service.runtime.wiring import Services
from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.okrs.rules import Definition, save
from tests.support.example_okrs import Example
from tests.support.services import NOW, add, add_issue

SCRIPT = "<script>alert('title')</script>"
NASTY_LABEL = "\"><img src=x onerror=alert('label')>"
NETWORK = {
    "connection": "acme-github",
    "key_result": "KR-6",
    "owner": "ana@example.com",
    "mode": "rows",
    "group": "all",
    "row-0-field": "labels",
    "row-0-operator": "has",
    "row-0-value": "network",
}
"""The fields of a complete form: issues labelled `network` count toward KR-6."""

LABELS = {"901": "payments", "902": "network", "903": NASTY_LABEL}


def add_labelled_issues(services: Services, example: Example) -> None:
    """Add four issues labelled `network`, one done and one dropped, and one with a title and label of markup."""
    with writing(services.engine) as tx:
        s = tables.scope
        scope_id = tx.scalars(sa.select(s.c.id).where(s.c.connection_id == example.github)).one()
        tx.execute(sa.update(s).where(s.c.id == scope_id).values(external_id="501"))
        for external_id, name in LABELS.items():
            add(
                tx,
                tables.term,
                connection_id=example.github,
                kind="label",
                external_id=external_id,
                name=name,
                at=NOW,
            )
        for number, state in enumerate(("todo", "doing", "done", "dropped"), start=701):
            closed = {"closed_at": NOW} if state in ("done", "dropped") else {}
            _add(tx, example, scope_id, number, f"Move service {number}", state=state, labels=["902"], **closed)
        _add(tx, example, scope_id, 705, SCRIPT, labels=["901", "903"])


def _add(tx: sa.Connection, example: Example, scope_id: int, number: int, title: str, **columns: Any) -> None:
    scope_columns = {"scope_external_id": "501", "scope_name": "acme/checkout", "folded_key": f"acme/checkout#{number}"}
    add_issue(tx, example.github, scope_id, f"acme/checkout#{number}", title, **scope_columns, **columns)


def add_rule(services: Services, example: Example, slug: str, **fields: Any) -> None:
    """Save a rule as another person, and apply it."""
    defaults: dict[str, Any] = {
        "owner_id": example.ana,
        "connection_id": example.github,
        "key_result_id": example.key_results["KR-6"],
        "condition": {"all": [{"field": "labels", "has": "network"}]},
    }
    with writing(services.engine) as tx:
        save(tx, Definition(slug=slug, **(defaults | fields)), changed_by="Ben Okafor", now=NOW)
    apply_rules(services)


def apply_rules(services: Services) -> None:
    """Drain the revisions of the rules."""
    while services.drains.by_table["rule_revision"]():
        pass


def current(services: Services, slug: str) -> float | None:
    """Return the value of a key result."""
    k = tables.key_result
    with reading(services.engine) as tx:
        value: float | None = tx.scalars(sa.select(k.c.current).where(k.c.slug == slug)).one()
    return value


def stored_rule(services: Services, slug: str) -> sa.Row[Any] | None:
    """Return a rule's row, or None."""
    with reading(services.engine) as tx:
        return tx.execute(sa.select(tables.rule).where(tables.rule.c.slug == slug)).one_or_none()


def audited(services: Services) -> list[tuple[str, str]]:
    """Return the audit log without sign-ins: who changed what."""
    with reading(services.engine) as tx:
        rows = tx.execute(sa.select(tables.audit).order_by(tables.audit.c.id))
        return [(row.actor, row.what) for row in rows if row.what != "signed in"]
