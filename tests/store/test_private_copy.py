"""The private copy of the database has the same rows, and nobody else sees what is done to it."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from sync_service.store import tables
from sync_service.store.engine.database import reading, writing
from sync_service.store.engine.private_copy import LEFT_OUT, private_copy
from tests.support.example_okrs import fill_with_examples
from tests.support.services import Clock, open_services


@pytest.mark.slow
@pytest.mark.both_databases
def test_a_copy_has_the_same_rows_and_is_private(migrated_url: str, tmp_path: Path) -> None:
    """Every table but those that are left out, each value as it is; a change of the copy changes nothing else."""
    with open_services(migrated_url, tmp_path, clock=Clock()) as services:
        fill_with_examples(services)
        with private_copy(services.engine) as copy:
            filled = 0
            for table in tables.metadata.sorted_tables:
                rows = sa.select(table).order_by(*table.primary_key.columns)
                with reading(services.engine) as tx, reading(copy) as other:
                    expected = tx.execute(rows).all()
                    assert other.execute(rows).all() == ([] if table.name in LEFT_OUT else expected), table.name
                filled += bool(expected)
            assert filled > 12
            with writing(copy) as tx:
                tx.execute(sa.delete(tables.key_result))
        with reading(services.engine) as tx:
            assert tx.scalar(sa.select(sa.func.count()).select_from(tables.key_result))


def test_what_is_left_out_are_tables() -> None:
    """A table with another name would be copied."""
    assert set(tables.metadata.tables) >= LEFT_OUT
