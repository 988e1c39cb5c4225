"""Run the Alembic migrations that are missing; several processes may do this at once."""

import re
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection as Transaction
from sqlalchemy.engine import Engine

from sync_service.store.engine.database import reading, writing
from sync_service.store.engine.requirements import require_fitness

_MIGRATIONS = Path(__file__).parents[1] / "migrations"

_DEVELOPMENT_REVISION = re.compile(r"00\d\d")
"""Revisions of the schema before 0.1.0; its migrations were squashed into one."""

_LOCK = 0x6F6B7273  # PostgreSQL's advisory locks are numbers; this one is arbitrary and ours


class UnknownSchema(Exception):
    """The database has a schema that no migration of this version starts from."""


def migrate(engine: Engine) -> None:
    """Run the missing migrations, one process at a time.

    Raise `UnknownSchema` when the database was made by a development version from before 0.1.0, or by a newer version,
    and `UnfitDatabase` when the server or our role there does not fit.
    """
    with writing(engine) as tx:
        require_fitness(tx, migrated=_current(tx) == _newest())
        if tx.dialect.name == "postgresql":
            tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        if problem := _schema_problem(tx):
            raise UnknownSchema(problem)
        config = _config()
        config.attributes["connection"] = tx
        command.upgrade(config, "head")


def schema_problem(engine: Engine) -> str | None:
    """Return why the database can't be migrated by this version, and what to do; None when it can."""
    with reading(engine) as tx:
        return _schema_problem(tx)


def _schema_problem(tx: Transaction) -> str | None:
    found = _current(tx)
    if found is None or found in _revisions():
        return None
    if _DEVELOPMENT_REVISION.fullmatch(found):
        return (
            f"the database has the schema {found} of a version before 0.1.0; run `okr-sync export` with that version, "
            "then start with an empty database and `okr-sync apply` the exported file"
        )
    return f"the database has the schema {found} of a newer version; install that version or a newer one"


def is_current(engine: Engine) -> bool:
    """Return whether the database has the newest schema."""
    with reading(engine) as tx:
        return _current(tx) == _newest()


def require_usable(engine: Engine) -> None:
    """Raise `UnfitDatabase` or `UnknownSchema` unless the database fits and has the newest schema."""
    with reading(engine) as tx:
        if _current(tx) != _newest():
            problem = _schema_problem(tx)
            raise UnknownSchema(problem or "the database has another version's schema; run okr-sync migrate")
        require_fitness(tx, migrated=True)


def _current(tx: Transaction) -> str | None:
    return MigrationContext.configure(tx).get_current_revision()


@cache
def _revisions() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions())


@cache
def _newest() -> str | None:
    return ScriptDirectory.from_config(_config()).get_current_head()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
