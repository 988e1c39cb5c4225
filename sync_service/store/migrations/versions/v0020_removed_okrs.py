"""Key results, objectives and cycles that are being removed say so, until all their rows are deleted."""

import sqlalchemy as sa
from alembic import op

revision = "1.0020"
down_revision = "1.0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; nothing is being removed yet."""
    for table in ("key_result", "objective", "cycle"):
        op.add_column(table, sa.Column("removed_at", sa.BigInteger()))
