"""When the history of an issue was last read from its tracker."""

import sqlalchemy as sa
from alembic import op

revision = "1.0013"
down_revision = "1.0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time to issues."""
    op.add_column("issue", sa.Column("history_read_at", sa.BigInteger()))
