"""Scopes that move to another connection, and scopes that are no longer watched but still have issues."""

import sqlalchemy as sa
from alembic import op

revision = "1.0016"
down_revision = "1.0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and create the table, empty: no scope is moving or being removed yet."""
    op.add_column("scope", sa.Column("removed_at", sa.BigInteger()))
    row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.add_column("manual_link", sa.Column("kept_for_scope_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite")))
    op.create_table(
        "scope_move",
        sa.Column("id", row_id, autoincrement=True, nullable=False),
        sa.Column("connection_id", row_id, nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("from_scope_id", row_id, nullable=False),
        sa.Column("request_id", row_id, nullable=False),
        sa.Column("drops", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("covered_at", sa.BigInteger()),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_scope_move")),
        _refers("connection_id", "connection"),
        _refers("from_scope_id", "scope"),
        _refers("request_id", "relink_request"),
        sa.UniqueConstraint("connection_id", "name", name=op.f("uq_scope_move_connection_id_name")),
        sa.UniqueConstraint("request_id", name=op.f("uq_scope_move_request_id")),
    )


def _refers(column: str, table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_scope_move_{column}_{table}")
    return sa.ForeignKeyConstraint([column], [f"{table}.id"], name=name, ondelete="CASCADE")
