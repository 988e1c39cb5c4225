"""Add what ends a listing that does not end by itself, and what a scheduled task could not do."""

import sqlalchemy as sa
from alembic import op

revision = "1.0004"
down_revision = "1.0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; no listing is under way with them."""
    for table in ("poll", "query_listing"):
        op.add_column(table, sa.Column("listing", sa.JSON(), nullable=True))
    op.add_column("poll", sa.Column("stopped_reason", sa.Text(), nullable=True))
    op.add_column("scheduled_task", sa.Column("problem", sa.Text(), nullable=True))
