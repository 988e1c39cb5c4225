"""The link by which the first person becomes an admin."""

import sqlalchemy as sa
from alembic import op

revision = "1.0009"
down_revision = "1.0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create its table."""
    op.create_table(
        "first_admin_link",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_first_admin_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_first_admin_link_token_hash")),
    )
