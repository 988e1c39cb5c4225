"""Which fields of each item people wrote on pages, so that no file reverts them unasked."""

import sqlalchemy as sa
from alembic import op

revision = "1.0014"
down_revision = "1.0013"
branch_labels = None
depends_on = None

TABLES = (
    "organisation",
    "team",
    "person",
    "cycle",
    "connection",
    "objective",
    "key_result",
    "rule",
    "manual_link",
)


def upgrade() -> None:
    """Add a column to each table that files configure."""
    for table in TABLES:
        op.add_column(table, sa.Column("page_edits", sa.JSON(), server_default="{}", nullable=False))
