"""The commands `rule` and `proposed-links`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from sync_service.store import tables as t
from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.people.audit import entries
from tests.cli.conftest import Run


@pytest.fixture
def engine(applied: None, directory: Path) -> Iterator[Engine]:
    """Yield the command's database, with the example's rules."""
    opened = open_database(f"sqlite:///{directory / 'var' / 'okr-sync.db'}")
    yield opened
    opened.dispose()


@pytest.mark.slow
def test_a_rule_is_shown_changed_removed_and_brought_back(run: Run, engine: Engine) -> None:
    """Each command says what became of it, and is in the audit log."""
    assert (
        "checkout-label: active, acme-github → KR-1, owner ana@example.com"
        in run("rule", "show", "checkout-label").stdout
    )
    assert run("rule", "state", "checkout-label", "draft").stdout == "checkout-label is draft\n"
    assert run("rule", "state", "checkout-label", "draft").stdout == "checkout-label is draft already\n"
    assert run("rule", "reviewed", "checkout-label").stdout == "checkout-label is reviewed\n"
    assert run("rule", "remove", "checkout-label").stdout == "checkout-label is removed\n"
    gone = run("rule", "show", "checkout-label")
    assert gone.exit_code == 1
    assert "okr-sync rule versions checkout-label shows a removed one" in gone.stderr
    assert run("rule", "undo", "checkout-label", "1").stdout == "checkout-label is as in version 1\n"
    listed = run("rule", "versions", "checkout-label").stdout
    assert [line.rpartition(": ")[2] for line in listed.splitlines() if not line.startswith(" ")] == [
        "back to version 1",
        "removed",
        "changed",
        "created",
    ]
    assert "state active → draft" in listed
    with reading(engine) as tx:
        (newest,) = entries(tx, limit=1)
    assert newest.actor.endswith("by okr-sync rule undo")
    assert newest.what.startswith("rule checkout-label back to version 1: ")
    unknown = run("rule", "undo", "checkout-label", "77")
    assert (unknown.exit_code, "has no version 77" in unknown.stderr) == (1, True)


@pytest.mark.slow
def test_proposed_links_are_printed_and_decided(run: Run, engine: Engine) -> None:
    """Without a decision they are only printed."""
    with writing(engine) as tx:
        connection = tx.execute(sa.select(t.connection).where(t.connection.c.slug == "acme-github")).one()
        scope = tx.execute(sa.select(t.scope).where(t.scope.c.connection_id == connection.id)).one()
        tx.execute(sa.update(t.scope).where(t.scope.c.id == scope.id).values(external_id="501"))
        columns = {"connection_id": connection.id, "kind": "issue", "state": "todo", "labels": ["checkout"]}
        where: dict[str, Any] = {
            "scope_external_id": "501",
            "scope_name": scope.name,
            "scope_id": scope.id,
            "assignees": [],
        }
        where["updated_at"] = datetime(2026, 10, 5, tzinfo=UTC)
        issue = sa.insert(t.issue).values(identity="501#1", key="acme/checkout#1", folded_key="acme/checkout#1")
        issue_id = tx.scalar(issue.values(title="Pay by card", **columns, **where).returning(t.issue.c.id))
        revision = sa.select(t.rule_revision).where(t.rule_revision.c.rule_slug == "checkout-label")
        found = tx.execute(revision).one()
        in_force = {"state": "active", "proposing": True, "condition": {"field": "title", "contains": "pay"}}
        tx.execute(sa.update(t.rule_revision).where(t.rule_revision.c.id == found.id).values(in_force))
        link = {"key_result_id": found.key_result_id, "issue_id": issue_id, "origin": "proposed", "source": found.id}
        tx.execute(sa.insert(t.link).values(weight=1, **link))
    assert run("proposed-links", "KR-1").stdout == "acme-github:acme/checkout#1  Pay by card  (rule checkout-label)\n"
    missing = run("proposed-links", "KR-1", "accept", "acme-github:acme/checkout#9")
    assert (missing.exit_code, "acme/checkout#9" in missing.stderr) == (1, True)
    assert run("proposed-links", "KR-1", "accept").stdout == "1 proposed link accepted\n"
    assert run("proposed-links", "KR-1").stdout == ""
    with reading(engine) as tx:
        assert list(tx.scalars(sa.select(t.link.c.origin))) == ["rule"]
