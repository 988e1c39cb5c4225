"""A delivery says itself whether it was ignored; earlier ones said so only by the text of their outcome."""

import sqlalchemy as sa
from alembic import op

revision = "1.0008"
down_revision = "1.0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Read the texts of earlier outcomes once."""
    op.add_column("delivery", sa.Column("ignored", sa.Boolean(), server_default=sa.false(), nullable=False))
    delivery = sa.table("delivery", sa.column("ignored", sa.Boolean()), sa.column("outcome", sa.Text()))
    outcome = delivery.c.outcome
    was = sa.and_(outcome.startswith("ignored, because "), sa.not_(outcome.contains(": applied")))
    op.execute(sa.update(delivery).where(was).values(ignored=sa.true()))
