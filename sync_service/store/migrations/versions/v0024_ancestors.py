"""Issues below others are found by their parents' keys in any letter case, and matched again in chunks."""

import sqlalchemy as sa
from alembic import op

revision = "1.0024"
down_revision = "1.0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create the index, and the table, empty: nothing is being matched again yet."""
    op.create_index("ix_issue_connection_id_lower_parent_key", "issue", ["connection_id", sa.text("lower(parent_key)")])
    row_id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "relink_parent",
        sa.Column("id", row_id, autoincrement=True, nullable=False),
        sa.Column("request_id", row_id, nullable=False),
        sa.Column("identity", sa.String(length=200), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_relink_parent")),
        sa.ForeignKeyConstraint(
            ["request_id"],
            ["relink_request.id"],
            name=op.f("fk_relink_parent_request_id_relink_request"),
            ondelete="CASCADE",
        ),
        sa.UniqueConstraint("request_id", "identity", name=op.f("uq_relink_parent_request_id_identity")),
    )
