"""What broke at a tracker and whether the connection's owner was told of it."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go one step forward. What is broken already is told once too: until now it was only shown."""
    op.create_table(
        "breaking",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("scope_id", _ID, nullable=True),
        sa.Column("broke_at", sa.BigInteger(), nullable=False),
        sa.Column("told_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("buried_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_breaking_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["scope_id"], ["scope.id"], name=op.f("fk_breaking_scope_id_scope"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_breaking")),
        sa.UniqueConstraint("scope_id", name=op.f("uq_breaking_scope_id")),
    )
    op.create_index(
        "ix_breaking_due_at",
        "breaking",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.create_index("ix_breaking_connection_id", "breaking", ["connection_id"])
    op.create_index(
        "uq_breaking_connection",
        "breaking",
        ["connection_id"],
        unique=True,
        sqlite_where=sa.text("scope_id IS NULL"),
        postgresql_where=sa.text("scope_id IS NULL"),
    )
    op.execute(
        """
        INSERT INTO breaking (connection_id, scope_id, broke_at, due_at)
        SELECT id, NULL, refused_at, refused_at FROM connection WHERE refused_at IS NOT NULL
        """
    )
    op.execute(
        """
        INSERT INTO breaking (connection_id, scope_id, broke_at, due_at)
        SELECT connection_id, id, gone_at, gone_at FROM scope WHERE gone IS NOT NULL AND gone_at IS NOT NULL
        """
    )
