"""API tokens may expire, and a sign-in link knows when it was mailed."""

import sqlalchemy as sa
from alembic import op

revision = "1.0003"
down_revision = "1.0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("api_token", sa.Column("expires_at", sa.BigInteger(), nullable=True))
    op.add_column("sign_in_link", sa.Column("mailed_at", sa.BigInteger(), nullable=True))
