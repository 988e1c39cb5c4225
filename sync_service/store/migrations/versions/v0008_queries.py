"""Rules in the tracker's own language are evaluated: their members, the listings of these, and issues to ask about."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0011"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("rule_revision", sa.Column("query", sa.Text(), nullable=True))
    _make_member()
    _make_listing()
    _make_candidate()
    _begin_to_list()


def _make_member() -> None:
    op.create_table(
        "member",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("revision_id", _ID, nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("judged_at", sa.BigInteger(), nullable=True),
        sa.Column("run", _ID, server_default="0", nullable=False),
        _refers("member", "revision_id", "rule_revision"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_member")),
        sa.UniqueConstraint("revision_id", "identity", name=op.f("uq_member_revision_id_identity")),
    )
    op.create_index("ix_member_identity", "member", ["identity"])


def _make_listing() -> None:
    op.create_table(
        "listing",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("revision_id", _ID, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("run", _ID, server_default="0", nullable=False),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("began_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("seen", sa.Integer(), server_default="0", nullable=False),
        sa.Column("outside", sa.Integer(), server_default="0", nullable=False),
        sa.Column("short", sa.Text(), nullable=True),
        sa.Column("lacking", sa.Text(), nullable=True),
        *_due(),
        _refers("listing", "revision_id", "rule_revision"),
        _refers("listing", "connection_id", "connection"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
        sa.UniqueConstraint("revision_id", name=op.f("uq_listing_revision_id")),
    )
    _index_due("listing")


def _make_candidate() -> None:
    op.create_table(
        "candidate",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        *_due(),
        _refers("candidate", "connection_id", "connection"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_candidate")),
        sa.UniqueConstraint("connection_id", "identity", name=op.f("uq_candidate_connection_id_identity")),
    )
    _index_due("candidate")


def _refers(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"), ondelete="CASCADE")


def _due() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("lease", sa.String(length=32), nullable=True),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("settled_at", sa.BigInteger(), nullable=True),
        sa.Column("buried_at", sa.BigInteger(), nullable=True),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
    )


def _index_due(table: str) -> None:
    there = sa.text("due_at IS NOT NULL")
    op.create_index(f"ix_{table}_due_at", table, ["due_at"], sqlite_where=there, postgresql_where=there)


def _begin_to_list() -> None:
    """Rules with a query that are there already had revisions that match nothing: each gets one with its query."""
    now = time.time_ns() // 1000
    op.execute(
        sa.text(
            """
            INSERT INTO rule_revision
                (rule_id, rule_slug, connection_id, key_result_id, condition, query, state, changed_by, created_at)
            SELECT id, slug, connection_id, key_result_id, condition, query, 'pending', 'an upgrade', :now
            FROM rule WHERE query IS NOT NULL AND enabled
            """
        ).bindparams(now=now)
    )
    op.execute(
        """
        INSERT INTO listing (revision_id, connection_id, due_at)
        SELECT id, connection_id, 0 FROM rule_revision WHERE query IS NOT NULL
        """
    )
