"""Why a part of a connection must not be asked, in the tracker's words: it may be a permission that we lack."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("pause", sa.Column("reason", sa.Text(), server_default="", nullable=False))
