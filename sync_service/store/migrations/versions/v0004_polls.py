"""Scopes that are asked for their changes, and when each issue was last shown to us."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("issue", sa.Column("seen_at", sa.BigInteger(), nullable=True))
    op.create_table(
        "poll",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("scope_id", _ID, nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("newest", sa.BigInteger(), nullable=True),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("changed", sa.Integer(), server_default="0", nullable=False),
        sa.Column("expected", sa.Integer(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("buried_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_poll_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["scope_id"], ["scope.id"], name=op.f("fk_poll_scope_id_scope"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_poll")),
        sa.UniqueConstraint("scope_id", name=op.f("uq_poll_scope_id")),
    )
    op.create_index(
        "ix_poll_due_at",
        "poll",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    # What is there already and can be asked begins to be: with what an import has to show, or with now.
    op.execute(
        """
        INSERT INTO poll (connection_id, scope_id, since, due_at)
        SELECT c.id, s.id, s.covered_at, 0 FROM scope s JOIN connection c ON c.id = s.connection_id
        WHERE c.sealed_token IS NOT NULL AND c.kind = 'github'
        """
    )
