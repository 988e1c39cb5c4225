"""Relink requests have reasons that say which key results and issues they concern, in place of one cause in words."""

import sqlalchemy as sa
from alembic import op

revision = "1.0006"
down_revision = "1.0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Keep the words of each cause as a reason."""
    op.add_column("relink_request", sa.Column("reasons", sa.JSON(), server_default="[]", nullable=False))
    request = sa.table("relink_request", sa.column("id"), sa.column("cause"), sa.column("reasons", sa.JSON()))
    for row in op.get_bind().execute(sa.select(request.c.id, request.c.cause)).all():
        reasons = [{"what": row.cause}]
        op.get_bind().execute(sa.update(request).where(request.c.id == row.id).values(reasons=reasons))
    op.drop_column("relink_request", "cause")
