"""People say that they have seen the changes on their home page."""

import sqlalchemy as sa
from alembic import op

revision = "1.0021"
down_revision = "1.0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody has said so yet."""
    op.add_column("person", sa.Column("changes_seen_at", sa.BigInteger()))
