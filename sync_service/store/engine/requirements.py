"""Check that a PostgreSQL database fits: its version, its encoding, and what our role may do there."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection as Transaction

from sync_service.store.tables import metadata

OLDEST_POSTGRESQL = 14
ENCODING = "UTF8"
NAMED = 3
"""How many tables a message names."""


class UnfitDatabase(Exception):
    """The service can't use this database. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why a database can't be used, and what to do about it."""

    what: str
    says: str
    mend: str

    def __str__(self) -> str:
        return f"{self.says}; {self.mend}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a PostgreSQL server says of itself, of the database, and of our role.

    `schema` None: no schema of the search path exists. `closed_tables`: tables and sequences of ours that the role
    may not use.
    """

    version: int
    encoding: str
    database: str
    role: str
    read_only: bool
    schema: str | None
    may_create: bool
    closed_tables: tuple[str, ...]


def server_facts(tx: Transaction) -> ServerFacts:
    """Ask the server."""
    columns: dict[str, Any] = dict(tx.execute(_FACTS).mappings().one())
    tables = [table.name for table in metadata.sorted_tables]
    closed = tx.scalars(_CLOSED_TABLES, {"names": [*tables, *(f"{name}_id_seq" for name in tables)]})
    return ServerFacts(**columns, closed_tables=tuple(closed))


def obstacles(facts: ServerFacts, *, migrated: bool) -> list[Obstacle]:
    """Return why the database can't be used; a migrated one needs no right to create tables."""
    found = []
    if facts.version < OLDEST_POSTGRESQL * 10_000:
        says = f"PostgreSQL {facts.version // 10_000} is too old"
        found.append(Obstacle("version", says, f"use PostgreSQL {OLDEST_POSTGRESQL} or newer"))
    if facts.encoding != ENCODING:
        says = f"the database {facts.database} has the encoding {facts.encoding}, which can't hold every text"
        mend = f"create one by: CREATE DATABASE name ENCODING '{ENCODING}' TEMPLATE template0"
        found.append(Obstacle("encoding", says, mend))
    if facts.read_only:
        says = f"the database {facts.database} takes no changes: it is a replica, or read-only"
        found.append(Obstacle("rights", says, "let DATABASE_URL name the primary server"))
    elif migrated:
        found += _closed_tables(facts)
    elif not facts.may_create:
        found.append(_no_right_to_create(facts))
    return found


def require_fitness(tx: Transaction, *, migrated: bool) -> None:
    """Raise `UnfitDatabase` unless the database fits; a SQLite file always does."""
    if tx.dialect.name == "postgresql" and (found := obstacles(server_facts(tx), migrated=migrated)):
        raise UnfitDatabase("\n".join(str(one) for one in found))


def _no_right_to_create(facts: ServerFacts) -> Obstacle:
    if facts.schema is None:
        says = f"no schema of the search path of {facts.role!r} exists in the database {facts.database}"
        create = f'CREATE SCHEMA okr AUTHORIZATION "{facts.role}"'
        return Obstacle("rights", says, f'run there: {create}; ALTER ROLE "{facts.role}" SET search_path = okr')
    says = f"the role {facts.role!r} may not create tables in the schema {facts.schema}"
    grant = f'GRANT CREATE ON SCHEMA "{facts.schema}" TO "{facts.role}"'
    return Obstacle("rights", says, f"run there as its owner: {grant}")


def _closed_tables(facts: ServerFacts) -> list[Obstacle]:
    if not facts.closed_tables:
        return []
    more = ", …" if len(facts.closed_tables) > NAMED else ""
    says = f"the role {facts.role!r} may not read and change {', '.join(facts.closed_tables[:NAMED])}{more}"
    everything = f'IN SCHEMA "{facts.schema}" TO "{facts.role}"'
    mend = (
        "use the role that migrated the database, or run there as that role: "
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES {everything}; GRANT USAGE ON ALL SEQUENCES {everything}"
    )
    return [Obstacle("rights", says, mend)]


_FACTS = sa.text("""
    SELECT current_setting('server_version_num')::int AS version,
           current_setting('server_encoding') AS encoding,
           current_database() AS database,
           current_user AS role,
           pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean AS read_only,
           current_schema() AS schema,
           coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create
""")

_CLOSED_TABLES = sa.text("""
    SELECT relname
    FROM pg_class
    WHERE pg_table_is_visible(oid) AND relname = ANY(CAST(:names AS text[]))
      AND NOT CASE relkind
          WHEN 'S' THEN has_sequence_privilege(oid, 'USAGE')
          ELSE has_table_privilege(oid, 'SELECT') AND has_table_privilege(oid, 'INSERT')
               AND has_table_privilege(oid, 'UPDATE') AND has_table_privilege(oid, 'DELETE')
          END
    ORDER BY relname
""")
