"""Who checked in, where it was no person."""

import sqlalchemy as sa
from alembic import op

revision = "1.0015"
down_revision = "1.0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("check_in", sa.Column("author", sa.Text(), server_default="", nullable=False))
