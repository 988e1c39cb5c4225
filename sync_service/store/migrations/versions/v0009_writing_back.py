"""What people are told on issues, and what they ask for there by comments."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _due() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("buried_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
    )


def _of_connection(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_connection_id_connection")
    return sa.ForeignKeyConstraint(["connection_id"], ["connection.id"], name=name, ondelete="CASCADE")


def _index_due(table: str) -> None:
    still = sa.text("due_at IS NOT NULL")
    op.create_index(f"ix_{table}_due_at", table, ["due_at"], sqlite_where=still, postgresql_where=still)


def upgrade() -> None:
    """Go one step forward."""
    off = sa.false()
    op.add_column("connection", sa.Column("write_back", sa.Boolean(), server_default=off, nullable=False))
    op.add_column("connection", sa.Column("write_mark", sa.String(length=32), nullable=True))
    op.create_table(
        "write_back",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=False),
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("asked", sa.Integer(), server_default="0", nullable=False),
        sa.Column("memory", sa.Text(), nullable=True),
        sa.Column("serves", sa.Text(), server_default="", nullable=False),
        sa.Column("digest", sa.String(length=64), server_default="", nullable=False),
        sa.Column("written_at", sa.BigInteger(), nullable=True),
        sa.Column("slot_at", sa.BigInteger(), nullable=True),
        sa.Column("urgent", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("taken_away", sa.Boolean(), server_default=sa.false(), nullable=False),
        *_due(),
        _of_connection("write_back"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_back")),
        sa.UniqueConstraint("connection_id", "identity", name=op.f("uq_write_back_connection_id_identity")),
    )
    _index_due("write_back")
    op.create_table(
        "write_round",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("cursor", _ID, server_default="0", nullable=False),
        *_due(),
        _of_connection("write_round"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write_round")),
        sa.UniqueConstraint("connection_id", name=op.f("uq_write_round_connection_id")),
    )
    _index_due("write_round")
    op.create_table(
        "comment",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("external_id", sa.String(length=100), nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=False),
        sa.Column("author", sa.String(length=200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("edited", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("gone", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("wants", sa.JSON(), nullable=True),
        _of_connection("comment"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
        sa.UniqueConstraint("connection_id", "external_id", name=op.f("uq_comment_connection_id_external_id")),
    )
    op.create_index("ix_comment_connection_id_identity", "comment", ["connection_id", "identity"])
