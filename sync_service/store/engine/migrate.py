"""Run the Alembic migrations that are missing; several processes may do this at once."""

from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Engine

from sync_service.store.engine.database import reading, writing

_MIGRATIONS = Path(__file__).parents[1] / "migrations"

_LOCK = 0x6F6B7273  # PostgreSQL's advisory locks are numbers; this one is arbitrary and ours


def migrate(engine: Engine) -> None:
    """Run the missing migrations, one process at a time."""
    with writing(engine) as tx:
        if tx.dialect.name == "postgresql":
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def is_current(engine: Engine) -> bool:
    """Return whether the database has the newest schema."""
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
