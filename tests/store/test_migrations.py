"""The migrations make exactly the tables that the code knows."""

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.engine.migrate import _config, is_current, migrate
from sync_service.store.tables import metadata


def test_migrating_an_empty_database_gives_the_tables_of_the_code(database_url: str) -> None:
    """A difference in either direction is a forgotten migration."""
    engine = open_database(database_url)
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    with reading(engine) as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(migrated_url: str) -> None:
    """Every part of the service may try."""
    engine = open_database(migrated_url)
    migrate(engine)
    assert is_current(engine)
    engine.dispose()


def test_an_older_database_keeps_its_rows(database_url: str) -> None:
    """Nothing that refers to an issue or a scope is lost on the way, and issues can be found by their keys."""
    engine = open_database(database_url)
    with writing(engine) as tx:
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "0001")
        for statement in OLD_ROWS.split(";"):
            tx.exec_driver_sql(statement)
    migrate(engine)
    with reading(engine) as tx:
        (one,) = tx.execute(sa.text("SELECT folded_key, closes_looked, scope_id, digest FROM issue"))
        scopes = tx.execute(sa.text("SELECT gone_for_good, gone_at FROM scope ORDER BY id")).all()
        (linked,) = tx.execute(sa.text("SELECT issue_id, key FROM manual_link"))
        errands = tx.execute(sa.text("SELECT connection_id, name FROM errand")).all()
        (paused,) = tx.execute(sa.text("SELECT connection_id, part, until FROM pause"))
        asked = tx.execute(
            sa.text("SELECT state, query, due_at FROM rule_revision WHERE rule_id = 1 ORDER BY id")
        ).all()
        (listing,) = tx.execute(sa.text("SELECT connection_id, due_at FROM listing"))
    assert [tuple(one) for one in asked] == [("active", None, None), ("pending", "is:issue", None)]
    assert tuple(listing) == (1, 0)
    assert tuple(one) == ("acme/checkout#1", False, 1, "d")
    assert tuple(linked) == (1, "Acme/Checkout#1")
    assert tuple(paused) == (1, "", 7)
    assert [tuple(one) for one in errands] == [(1, "")]
    assert [(bool(gone), at is not None) for gone, at in scopes] == [(False, False), (True, True)]
    engine.dispose()


OLD_ROWS = """
INSERT INTO cycle (id, slug, name, starts, ends, starts_at, ends_at)
VALUES (1, 'q4', 'Q4', '2026-10-01', '2026-12-31', 0, 1);
INSERT INTO objective (id, slug, title, cycle_id) VALUES (1, 'o', 'O', 1);
INSERT INTO key_result (id, slug, objective_id, title, start, target, measure)
VALUES (1, 'KR-1', 1, 'K', 0, 1, '{}');
INSERT INTO connection (id, slug, kind, site, options, sealed_secrets, unavailable_until, sealed_token)
VALUES (1, 'gh', 'github', 'https://api.github.com', '{}', '[]', 7, 'sealed');
INSERT INTO scope (id, connection_id, name) VALUES (1, 1, 'acme/checkout');
INSERT INTO scope (id, connection_id, name, gone) VALUES (2, 1, 'acme/attic', 'the repository was deleted');
INSERT INTO issue (id, connection_id, identity, scope_id, key, labels, assignees, digest)
VALUES (1, 1, '501#1', 1, 'Acme/Checkout#1', '[]', '[]', 'd');
INSERT INTO rule (id, slug, connection_id, key_result_id, condition, query, enabled)
VALUES (1, 'asked', 1, 1, '{}', 'is:issue', true);
INSERT INTO rule_revision
(rule_id, rule_slug, connection_id, key_result_id, condition, state, changed_by, created_at)
VALUES (1, 'asked', 1, 1, '{"none": []}', 'active', 'ana', 0);
INSERT INTO manual_link (id, key_result_id, connection_id, key, weight, issue_id)
VALUES (1, 1, 1, 'Acme/Checkout#1', 1, 1)
"""
"""What a database of the first schema may hold."""
