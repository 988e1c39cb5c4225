"""A removed connection whose scopes still move to another one is leaving, and is removed once they have moved."""

import sqlalchemy as sa
from alembic import op

revision = "1.0022"
down_revision = "1.0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; no connection is leaving yet."""
    op.add_column("connection", sa.Column("leaving_at", sa.BigInteger()))
