"""Bringing the database to the newest schema; safe to run by several processes at once."""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from sync_service.store.database import reading, writing

_MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = 0x6F6B7273  # any number of our own; PostgreSQL's advisory locks are numbered


def migrate(engine: Engine) -> None:
    """Run the migrations that are missing, one process at a time."""
    with writing(engine) as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Tell whether the schema is the one this code was written for."""
    with reading(engine) as tx:
        found = MigrationContext.configure(tx).get_current_revision()
    return found == _newest()


@cache
def _newest() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
