"""The final numbers of key results are computed once more one by one, each by its due row."""

import sqlalchemy as sa
from alembic import op

revision = "1.0027"
down_revision = "1.0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nobody has asked yet."""
    op.add_column("recompute", sa.Column("refrozen_by", sa.Text()))
