"""API tokens may expire."""

import sqlalchemy as sa
from alembic import op

revision = "1.0002"
down_revision = "1.0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("api_token", sa.Column("expires_at", sa.BigInteger(), nullable=True))
