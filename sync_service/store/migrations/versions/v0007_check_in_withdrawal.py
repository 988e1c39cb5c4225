"""A check-in can be withdrawn by its author; it stays in the list."""

import sqlalchemy as sa
from alembic import op

revision = "1.0007"
down_revision = "1.0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the time of the withdrawal; no check-in is withdrawn yet."""
    op.add_column("check_in", sa.Column("withdrawn_at", sa.BigInteger(), nullable=True))
