"""An app as a connection's credentials."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("connection", sa.Column("app_id", sa.String(length=100), nullable=True))
    op.add_column("connection", sa.Column("sealed_app_key", sa.Text(), nullable=True))
