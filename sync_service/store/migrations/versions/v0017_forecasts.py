"""The newest forecast of each key result, computed by due rows."""

import sqlalchemy as sa
from alembic import op

revision = "1.0017"
down_revision = "1.0016"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table, with a row for each key result: its forecast is due now."""
    op.create_table(
        "forecast",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("key_result_id", _ID, nullable=False),
        sa.Column("request_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("at", sa.BigInteger()),
        sa.Column("found", sa.JSON()),
        sa.Column("computed_from", sa.JSON()),
        sa.Column("due_at", sa.BigInteger()),
        sa.Column("lease", sa.String(length=32)),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("settled_at", sa.BigInteger()),
        sa.Column("buried_at", sa.BigInteger()),
        sa.Column("outcome", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forecast")),
        sa.UniqueConstraint("key_result_id", name=op.f("uq_forecast_key_result_id")),
        sa.ForeignKeyConstraint(
            ["key_result_id"],
            ["key_result.id"],
            name=op.f("fk_forecast_key_result_id_key_result"),
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_forecast_due_at",
        "forecast",
        ["due_at"],
        sqlite_where=sa.text("due_at IS NOT NULL"),
        postgresql_where=sa.text("due_at IS NOT NULL"),
    )
    op.execute("INSERT INTO forecast (key_result_id, due_at) SELECT id, 0 FROM key_result")
