"""Scopes that can't be watched: since when, whether for good, and how a scope is called where that differs."""

import time

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step forward. Until now nothing but a deletion made a scope gone, and nobody noted when."""
    op.add_column("scope", sa.Column("called", sa.String(length=300), nullable=True))
    op.add_column("scope", sa.Column("gone_at", sa.BigInteger(), nullable=True))
    op.add_column("scope", sa.Column("gone_for_good", sa.Boolean(), nullable=False, server_default=sa.false()))
    scope = sa.table(
        "scope",
        sa.column("gone", sa.Text()),
        sa.column("gone_at", sa.BigInteger()),
        sa.column("gone_for_good", sa.Boolean()),
    )
    known = {"gone_at": time.time_ns() // 1000, "gone_for_good": True}
    op.execute(sa.update(scope).where(scope.c.gone.isnot(None)).values(known))
