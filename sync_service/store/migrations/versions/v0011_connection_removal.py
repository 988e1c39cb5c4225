"""A connection that is being removed says so, until all its rows are deleted."""

import sqlalchemy as sa
from alembic import op

revision = "1.0011"
down_revision = "1.0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no connection is being removed yet."""
    op.add_column("connection", sa.Column("removed_at", sa.BigInteger()))
