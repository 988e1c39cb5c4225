"""Closing dates: what decides them, and when the newest snapshot of an issue was received."""

import sqlalchemy as sa
from alembic import op

revision = "1.0002"
down_revision = "1.0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns to the table of issues."""
    op.add_column("issue", sa.Column("last_open_at", sa.BigInteger()))
    op.add_column("issue", sa.Column("closed_seen", sa.JSON()))
    op.add_column("issue", sa.Column("closed_at_source", sa.String(length=10)))
    op.add_column("issue", sa.Column("received_at", sa.BigInteger()))
