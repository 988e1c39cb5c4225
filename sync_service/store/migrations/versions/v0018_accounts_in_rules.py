"""How long a pinned login may still turn out to have meant another account, and logins that were let go."""

import sqlalchemy as sa
from alembic import op

revision = "1.0018"
down_revision = "1.0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add column and table, empty: what was pinned before stays; issues get the ids when they are seen next."""
    op.add_column("pinned_account", sa.Column("open_until", sa.BigInteger()))
    op.create_table(
        "forgotten_login",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("login", sa.String(length=200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forgotten_login")),
        sa.UniqueConstraint("kind", "login", name=op.f("uq_forgotten_login_kind_login")),
    )
