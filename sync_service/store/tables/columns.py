"""Columns that tables share: ids, foreign keys, the columns of due rows; and names of constraints."""

from typing import Any

import sqlalchemy as sa

from sync_service.store.tables.instant import Instant

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# Trackers' ids exceed 2**31; SQLite autoincrements only a column that is exactly INTEGER.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def row_id() -> sa.Column[int]:
    """Return the primary key column."""
    return sa.Column("id", Id, primary_key=True, autoincrement=True)


def refers(name: str, table: str, *, nullable: bool = False, on_delete: str | None = "CASCADE") -> sa.Column[int]:
    """Return a foreign key column; deleting the other row deletes this one too, unless `on_delete` says otherwise."""
    return sa.Column(name, Id, sa.ForeignKey(f"{table}.id", ondelete=on_delete), nullable=nullable)


def due_columns(table: str) -> tuple[sa.Column[object] | sa.Index, ...]:
    """Return the columns and index of a table of due rows; `store/queue/due.py` explains them."""
    due_at: sa.Column[object] = sa.Column("due_at", Instant)
    return (
        due_at,
        sa.Column("lease", sa.String(32)),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("settled_at", Instant),
        sa.Column("buried_at", Instant),
        sa.Column("outcome", sa.Text, nullable=False, server_default=""),
        sa.Index(f"ix_{table}_due_at", due_at, sqlite_where=due_at.isnot(None), postgresql_where=due_at.isnot(None)),
    )


def origin_columns() -> tuple[sa.Column[Any], ...]:
    """Return the columns that say where an item was made (`file` or `page`) and who changed it last.

    `page_edits` are the fields that people wrote on pages and that no file has since, each with who did.
    """
    return (
        sa.Column("origin", sa.String(10), nullable=False, server_default="file"),
        sa.Column("changed_by", sa.Text, nullable=False, server_default=""),
        sa.Column("page_edits", sa.JSON, nullable=False, server_default="{}"),
    )
