"""Custom fields of issues."""

import sqlalchemy as sa
from alembic import op

revision = "1.0025"
down_revision = "1.0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column of their values; those of known issues are unknown."""
    op.add_column("issue", sa.Column("custom_fields", sa.JSON()))
