"""Relations with times of their own: when a parent was told, and which issues a pull request closes.

Columns are only added: making a table anew would, on SQLite, take with it what refers to its rows.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("issue", sa.Column("folded_key", sa.String(length=300), nullable=False, server_default=""))
    op.add_column("issue", sa.Column("parent_told_at", sa.BigInteger(), nullable=True))
    op.add_column("issue", sa.Column("closes_at", sa.BigInteger(), nullable=True))
    op.add_column("issue", sa.Column("closes_looked", sa.Boolean(), nullable=False, server_default=sa.false()))
    issue = sa.table("issue", sa.column("key", sa.String()), sa.column("folded_key", sa.String()))
    op.execute(sa.update(issue).values(folded_key=sa.func.lower(issue.c.key)))
    op.create_index("ix_issue_connection_id_folded_key", "issue", ["connection_id", "folded_key"])
    op.create_table(
        "closing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("issue_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("connection_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("folded_key", sa.String(length=300), nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(
            ["connection_id"],
            ["connection.id"],
            name=op.f("fk_closing_connection_id_connection"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(["issue_id"], ["issue.id"], name=op.f("fk_closing_issue_id_issue"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_closing")),
        sa.UniqueConstraint("issue_id", "key", name=op.f("uq_closing_issue_id_key")),
    )
    op.create_index("ix_closing_identity_connection_id", "closing", ["identity", "connection_id"])
    op.create_index("ix_closing_folded_key_connection_id", "closing", ["folded_key", "connection_id"])
