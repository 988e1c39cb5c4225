"""Parts of a connection that must not be asked for a while, in place of one such time for the whole of it."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Go one step forward. What is under way is kept, as a pause of the whole connection."""
    op.create_table(
        "pause",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("connection_id", _ID, nullable=False),
        sa.Column("part", sa.String(length=100), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["connection_id"], ["connection.id"], name=op.f("fk_pause_connection_id_connection"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pause")),
        sa.UniqueConstraint("connection_id", "part", name=op.f("uq_pause_connection_id_part")),
    )
    op.execute(
        """
        INSERT INTO pause (connection_id, part, until, seconds)
        SELECT id, '', unavailable_until, 0 FROM connection WHERE unavailable_until IS NOT NULL
        """
    )
    op.drop_column("connection", "unavailable_until")
