"""Logins of people with the ids of their accounts, and the ids of the authors of comments."""

import sqlalchemy as sa
from alembic import op

revision = "1.0012"
down_revision = "1.0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the table, empty: each login is pinned when it is seen next. Earlier comments keep their authors."""
    op.create_table(
        "pinned_account",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=50), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("login", sa.String(length=200), nullable=False),
        sa.Column("stable_id", sa.String(length=200), nullable=False),
        sa.Column("first_seen_at", sa.BigInteger(), nullable=False),
        sa.Column("stranger_id", sa.String(length=200)),
        sa.Column("stranger_seen_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pinned_account")),
        sa.UniqueConstraint("kind", "site", "login", name=op.f("uq_pinned_account_kind_site_login")),
    )
    op.add_column("link_comment", sa.Column("author_id", sa.String(length=200)))
