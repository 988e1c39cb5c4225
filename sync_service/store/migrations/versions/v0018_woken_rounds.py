"""Whether a round over what issues say is to be followed by another soon: something changed while it was under way."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step forward."""
    op.add_column("write_round", sa.Column("woken", sa.Boolean(), server_default=sa.false(), nullable=False))
