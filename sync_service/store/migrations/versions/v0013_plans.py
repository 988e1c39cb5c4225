"""More of an issue: components, versions, sprints and numbers, each unknown until the tracker tells it; new keys.

They take no part in an issue's digest, so that nothing known is in doubt after the upgrade.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go one step forward."""
    for name in ("components", "versions", "sprints"):
        op.add_column("issue", sa.Column(name, sa.JSON(), nullable=True))
        op.add_column("issue", sa.Column(f"{name}_at", sa.BigInteger(), nullable=True))
    op.add_column("issue", sa.Column("numbers", sa.JSON(), nullable=True))
    op.add_column("relink", sa.Column("renamed", sa.JSON(), nullable=True))
