"""The migrations create exactly the tables that the code defines."""

from datetime import date
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.engine.database import open_database, reading, writing
from sync_service.store.engine.migrate import UnknownSchema, _config, is_current, migrate, schema_problem
from sync_service.store.tables import metadata

pytestmark = [
    pytest.mark.both_databases,
    # SQLite does not show its indexes of expressions.
    pytest.mark.filterwarnings("ignore:Skipped unsupported reflection"),
    pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified"),
]

FIRST = "1.0001"
"""The first schema; rows of it must survive every later migration."""


@pytest.mark.slow
def test_migrating_an_empty_database_gives_the_tables_of_the_code(database_url: str) -> None:
    """Any difference is a forgotten migration."""
    engine = open_database(database_url)
    assert not is_current(engine)
    migrate(engine)
    assert is_current(engine)
    with reading(engine) as tx:
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing(migrated_url: str) -> None:
    """Every process of the service may try."""
    engine = open_database(migrated_url)
    migrate(engine)
    assert is_current(engine)
    engine.dispose()


@pytest.mark.slow
def test_every_row_of_the_first_schema_survives_all_migrations(database_url: str) -> None:
    """If a later step loses a table or row, every user who upgrades loses it."""
    engine = open_database(database_url)
    with writing(engine) as tx:
        _upgrade(tx, FIRST)
        before = _fill(tx)
    migrate(engine)
    with reading(engine) as tx:
        assert {name: _count(tx, name) for name in before} == before
        assert compare_metadata(MigrationContext.configure(tx), metadata) == []
    engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize(("revision", "reason"), [("0019", "export"), ("9.0001", "newer version")])
def test_a_database_of_an_older_version_is_refused_with_an_explanation(
    database_url: str, revision: str, reason: str
) -> None:
    """The migrations before 0.1.0 were squashed. The old version exports such a database."""
    engine = open_database(database_url)
    migrate(engine)
    with writing(engine) as tx:
        tx.execute(sa.text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    with pytest.raises(UnknownSchema, match=reason):
        migrate(engine)
    assert reason in str(schema_problem(engine))
    engine.dispose()


def _upgrade(tx: Transaction, revision: str) -> None:
    config = _config()
    config.attributes["connection"] = tx
    command.upgrade(config, revision)


def _fill(tx: Transaction) -> dict[str, int]:
    """Insert a row into every table of the current schema and return the number of rows of each table."""
    schema = sa.MetaData()
    schema.reflect(tx)
    for table in schema.sorted_tables:
        if table.name not in ("alembic_version", "counter"):
            tx.execute(sa.insert(table).values({column.name: _value(column) for column in table.columns}))
    return {table.name: _count(tx, table.name) for table in schema.sorted_tables}


def _value(column: sa.Column[Any]) -> object:
    """Return a value of the column's type; every id is 1, so that each row refers to the rows before it."""
    if column.primary_key or column.foreign_keys:
        return 1
    by_type = {sa.Boolean: False, sa.JSON: [], sa.LargeBinary: b"x", sa.Date: date(2026, 10, 1), sa.String: "x"}
    return next((value for kind, value in by_type.items() if isinstance(column.type, kind)), 1)


def _count(tx: Transaction, table: str) -> int:
    return tx.scalars(sa.select(sa.func.count()).select_from(sa.table(table))).one()
