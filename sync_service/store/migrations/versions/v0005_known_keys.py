"""Add the keys by which issues were known, former names of scopes, and indexes to find the children of an issue."""

import sqlalchemy as sa
from alembic import op

revision = "1.0005"
down_revision = "1.0004"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create both tables, empty, and the indexes."""
    op.create_table(
        "known_key",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("folded_key", sa.String(length=300), nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=False),
        _of_connection("known_key"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_key")),
        sa.UniqueConstraint(
            "connection_id", "folded_key", "identity", name=op.f("uq_known_key_connection_id_folded_key_identity")
        ),
    )
    op.create_index("ix_known_key_connection_id_identity", "known_key", ["connection_id", "identity"])
    op.create_table(
        "former_scope_name",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("folded_name", sa.String(length=300), nullable=False),
        sa.Column("external_id", sa.String(length=100), nullable=False),
        _of_connection("former_scope_name"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_former_scope_name")),
        sa.UniqueConstraint(
            "connection_id",
            "folded_name",
            "external_id",
            name=op.f("uq_former_scope_name_connection_id_folded_name_external_id"),
        ),
    )
    for parent in ("parent_key", "parent_identity"):
        has_parent = sa.text(f"{parent} IS NOT NULL")
        op.create_index(
            f"ix_issue_connection_id_{parent}",
            "issue",
            ["connection_id", parent],
            sqlite_where=has_parent,
            postgresql_where=has_parent,
        )


def _of_connection(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["connection_id"], ["connection.id"], name=op.f(f"fk_{table}_connection_id_connection"), ondelete="CASCADE"
    )
